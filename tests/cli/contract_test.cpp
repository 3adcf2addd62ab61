// What scripts rely on: the JSON fields of each command with a real model, and what happens on a full disk, an interrupt, an
// adapter of another model.
#include "cli/program.h"
#include "eval/bandit.h"
#include "model/tiny_model.h"

namespace aicoder::test {
namespace {

class Contract : public Program {
 protected:
  void SetUp() override { use_real_models(); }

  static void expect_fields(const nlohmann::json& json, std::initializer_list<const char*> fields) {
    for (const char* field : fields) EXPECT_TRUE(json.contains(field)) << field << " is missing in " << json.dump();
  }
  void build_fragment(const std::string& name) {
    write_file_atomic(home_ / "task.txt", "def add(a, b):\n    return a + b\n\nfor i in range(10):\n    print(add(i, i))\n");
    run_json({"fragment", "build", "-m", "smollm2-135m", "-t", "1", "-n", name, "--recipe", "wanda", "--calib", "task.txt", "--rank", "2",
              "--strength", "0.1"},
             0);
  }
  /// The program with `folder` on a file system of its own of so many bytes.
  HostProcessResult run_on_small_disk(const std::string& folder, size_t bytes, std::vector<std::string> arguments) {
    std::filesystem::create_directories(home_ / folder);
    std::vector<std::string> argv = {"bwrap",
                                     "--dev-bind",
                                     "/",
                                     "/",
                                     "--size",
                                     std::to_string(bytes),
                                     "--tmpfs",
                                     (home_ / folder).string(),
                                     "--chdir",
                                     home_.path().string(),
                                     "sh",
                                     "-c",
                                     "\"$@\"; code=$?; ls -A " + folder + " >&2; exit $code",
                                     "sh",
                                     std::string(AICODER_BINARY_DIR) + "/bin/aicoder"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run_host_process({.argv = argv, .cwd = home_.path(), .extra_env = env_});
  }
  /// Ends the program by SIGINT, as Ctrl-C does, after `seconds`.
  HostProcessResult run_interrupted(const std::string& seconds, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"timeout", "--preserve-status", "-s", "INT", seconds, std::string(AICODER_BINARY_DIR) + "/bin/aicoder"});
    return run_host_process({.argv = arguments, .cwd = home_.path(), .extra_env = env_});
  }
};

TEST_F(Contract, MachineAndModels) {
  EXPECT_EQ(run_json({"doctor"}, 1)["checks"][0]["fix"], "aicoder pull qwen2.5-coder-1.5b") << "the default model is not in this home";
  std::filesystem::create_directories(home_ / "config");
  write_file_atomic(home_ / "config/config.toml", "model = \"smollm2-135m\"\n");
  const auto doctor = run_json({"doctor"}, 0);
  expect_fields(doctor, {"cpu", "threads", "memory_bytes", "disk_free_bytes", "llama_version", "sandbox_level", "checks"});
  ASSERT_FALSE(doctor["checks"].empty());
  expect_fields(doctor["checks"][0], {"name", "ok", "fix"});
  const auto models = run_json({"models"}, 0)["models"];
  ASSERT_FALSE(models.empty());
  expect_fields(models[0], {"name", "installed", "bytes", "licence"});
  const auto pulled = run_json({"pull", "smollm2-135m"}, 0);
  expect_fields(pulled, {"path", "sha256", "bytes"});
  EXPECT_EQ(pulled["already_there"], true);
  EXPECT_EQ(run_json({"--version"}, 0)["version"], std::string(kVersion));
  EXPECT_EQ(run_json({"cache", "prune"}, 0)["bytes"], 0);
  expect_fields(
      run_json({"bench", "generate", "-m", "smollm2-135m", "-t", "1", "--no-peer", "--rounds", "1", "--prompt", "8", "--generate", "4"}, 0),
      {"prefill_tokens_per_s", "decode_tokens_per_s", "peer"});
}

TEST_F(Contract, BenchSwitchAndServe) {
  const auto switching = run_json(
      {"bench", "switch", "-m", "smollm2-135m", "-t", "1", "--rounds", "1", "--context", "64", "--generate", "2", "--raw", "raw.jsonl"}, 0);
  expect_fields(switching, {"p50_ms", "p99_ms", "copy_ms", "reprefilled_tokens", "bytes_per_fragment", "identical"});
  EXPECT_EQ(switching["identical"], true);
  EXPECT_TRUE(std::filesystem::exists(home_ / "raw.jsonl"));
  const auto serving = run_json({"bench", "serve", "-m", "smollm2-135m", "-t", "1", "--no-peer", "--rounds", "1", "--generate", "2",
                                 "--scenario", "base-1", "--scenario", "one-4"},
                                0);
  ASSERT_EQ(serving["scenarios"].size(), 2U);
  expect_fields(serving["scenarios"][0], {"scenario", "streams", "ours", "peer"});
  expect_fields(serving["scenarios"][1]["ours"], {"tokens_per_s", "first_token_ms", "slowest_stream_share"});
  EXPECT_EQ(run_json({"bench", "serve", "-m", "smollm2-135m", "--peer", "/no/such/llama-server"}, 2)["error"]["fix"],
            "bench/peers/build.sh llama-server");
  EXPECT_EQ(run_json({"bench", "switch", "-m", "smollm2-135m", "-f", "./a.gguf", "--rounds", "1"}, 2)["error"]["code"], "not_found");
}

TEST_F(Contract, EngineOptionsThatCannotGoTogether) {
  const auto error = run_json({"run", "-m", "smollm2-135m", "--kv-type", "q8_0", "--flash-attention", "off", "hi"}, 2)["error"];
  EXPECT_EQ(error["code"], "invalid_argument");
  EXPECT_EQ(error["fix"], "--flash-attention auto, or --kv-type f16");
}

TEST_F(Contract, EvalAndCompare) {
  const std::string data = AICODER_SOURCE_DIR "/tests/data/humaneval/v1/sample.jsonl";
  const std::vector<std::string> eval = {"eval", "humaneval",    "-m", "smollm2-135m", "-t", "1",    "--data",
                                         data,   "--max-tokens", "16", "--limit",      "2",  "--out"};
  auto first = eval, second = eval;
  first.emplace_back("a");
  second.emplace_back("b");
  const auto report = run_json(first, 0);
  expect_fields(report, {"suite", "n", "passed", "score", "ci95", "items", "tokens", "seconds"});
  EXPECT_EQ(report["n"], 2);
  ASSERT_EQ(report["items"].size(), 2U);
  expect_fields(report["items"][0], {"id", "passed"});
  EXPECT_EQ(report["ci95"].size(), 2U);
  EXPECT_EQ(run_json(first, 0)["items"], report["items"]) << "resumed";
  run_json(second, 0);
  const auto compared = run_json({"eval", "compare", "a", "b"}, 0);
  expect_fields(compared, {"n", "both", "only_a", "only_b", "neither", "delta", "p_mcnemar", "ci95"});
  EXPECT_EQ(compared["n"], 2);
  EXPECT_EQ(compared["p_mcnemar"], 1.0);
}

TEST_F(Contract, EvalOfEverySuite) {
  const std::string data = AICODER_SOURCE_DIR "/tests/data/";
  // The program has a home of its own, so it would not find the one that the tests use.
  const std::string bandit = eval::Bandit().program().string();
  const auto suite = [&](std::vector<std::string> arguments) {
    std::vector<std::string> eval = {"eval"};
    eval.insert(eval.end(), arguments.begin(), arguments.end());
    for (const char* argument : {"-m", "smollm2-135m", "-t", "1", "--max-tokens", "16", "--limit", "2"}) eval.emplace_back(argument);
    const auto report = run_json(eval, 0);
    expect_fields(report, {"suite", "n", "passed", "score", "ci95", "items", "tokens", "seconds", "counts", "left_out"});
    EXPECT_EQ(report["n"], 2);
    EXPECT_EQ(report["suite"], arguments[0]);
    return report;
  };
  const std::string gsm8k = data + "gsm8k/v1/";
  expect_fields(suite({"gsm8k", "--data", gsm8k + "sample.jsonl", "--shots", "1", "--shots-data", gsm8k + "shots.jsonl"})["counts"],
                {"strict", "flexible"});
  suite({"quixbugs", "--data", data + "quixbugs/v1/sample.jsonl"});
  expect_fields(suite({"security", "--data", data + "security/v1/securityeval.jsonl", "--bandit", bandit})["counts"],
                {"parses", "insecure", "high"});
  const auto cweval = suite({"security", "--data", data + "security/v1/cweval.jsonl"});
  expect_fields(cweval["counts"], {"functional", "secure"});
  EXPECT_EQ(cweval["left_out"], nlohmann::json::array({"cwe_326_9_py (needs Crypto)"}));
}

TEST_F(Contract, EvalRefusesWhatItCannotGradeBeforeItLoadsAModel) {
  const std::string data = AICODER_SOURCE_DIR "/tests/data/";
  const auto error = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"eval"});
    for (const char* argument : {"-m", "/no/such/model.gguf"}) arguments.emplace_back(argument);
    return run_json(arguments, 2)["error"];
  };
  const auto bandit = error({"security", "--data", data + "security/v1/securityeval.jsonl", "--bandit", "/no/such/bandit"});
  EXPECT_EQ(bandit["code"], "not_found");
  EXPECT_EQ(bandit["fix"], "scripts/setup/python.sh bandit");
  EXPECT_EQ(error({"quixbugs", "--data", data + "gsm8k/v1/sample.jsonl"})["code"], "invalid_argument");
  EXPECT_EQ(error({"gsm8k", "--data", "none.jsonl"})["code"], "not_found");
}

TEST_F(Contract, FragmentCommandsAndPerplexity) {
  build_fragment("tiny");
  const auto list = run_json({"fragment", "list"}, 0)["fragments"];
  ASSERT_EQ(list.size(), 1U);
  const auto info = run_json({"fragment", "inspect", "tiny"}, 0);
  expect_fields(info, {"name", "role", "recipe", "base", "keep", "rank", "strength", "tensors", "evidence"});
  ASSERT_FALSE(info["tensors"].empty());
  expect_fields(info["tensors"][0], {"name", "rank", "retained_energy"});
  expect_fields(run_json({"perplexity", "-m", "smollm2-135m", "-t", "1", "task.txt"}, 0), {"nll", "perplexity", "tokens"});
}

TEST_F(Contract, FragmentEvalComparesInPairsAndWritesTheEvidence) {
  build_fragment("tiny");
  const std::string suite = "humaneval=" AICODER_SOURCE_DIR "/tests/data/humaneval/v1/sample.jsonl";
  const std::vector<std::string> eval = {"fragment", "eval",     "tiny:0.2",  "-m",       "smollm2-135m", "-t", "1",
                                         "--suite",  suite,      "--text",    "task.txt", "--limit",      "2",  "--max-tokens",
                                         "16",       "--prompt", "Be brief.", "--out",    "effect"};
  const auto json = run_json(eval, 0);
  expect_fields(json, {"fragment", "strength", "suites", "texts", "evidence_saved"});
  ASSERT_EQ(json["suites"].size(), 1U);
  expect_fields(json["suites"][0], {"suite", "n", "off", "on", "on_vs_off", "prompt", "on_vs_prompt"});
  EXPECT_EQ(json["suites"][0]["n"], 2);
  ASSERT_EQ(json["texts"].size(), 1U);
  EXPECT_NE(json["texts"][0]["nll_off"], json["texts"][0]["nll_on"]);
  const auto evidence = run_json({"fragment", "inspect", "tiny"}, 0)["evidence"];
  ASSERT_EQ(evidence.size(), 1U);
  EXPECT_EQ(evidence[0]["suite"], "humaneval");
  EXPECT_EQ(evidence[0]["n"], 2);
  EXPECT_EQ(evidence[0]["strength"], 0.2);
  // The file has changed by then, its tensors have not: the runs resume.
  EXPECT_EQ(run_json(eval, 0)["suites"], json["suites"]);
  EXPECT_EQ(run_json({"fragment", "eval", "tiny:0", "-m", "smollm2-135m", "--suite", suite}, 2)["error"]["code"], "invalid_argument");
  EXPECT_EQ(run_json({"fragment", "eval", "tiny", "-m", "smollm2-135m"}, 2)["error"]["code"], "invalid_argument");
}

TEST_F(Contract, FragmentAblateSweepsEachAxisResumesAndWritesAPage) {
  write_file_atomic(home_ / "code.jsonl", "{\"text\": \"def add(a, b): return a + b\"}\n{\"text\": \"for i in range(3): print(i)\"}\n");
  write_file_atomic(home_ / "prose.txt", "It was a bright cold day, and the people went to the market to buy bread.");
  write_file_atomic(home_ / "code2.txt", "def mul(a, b):\n    return a * b\n\nprint(mul(2, 3))\n");
  write_file_atomic(home_ / "prose2.txt", "The river runs slowly to the sea, and the boats wait for the wind.");
  const std::vector<std::string> ablate = {"fragment",   "ablate",    "-m",        "smollm2-135m",    "-t",        "1",       "--calib",
                                           "code.jsonl", "--general", "prose.txt", "--held-out",      "code2.txt", "--other", "prose2.txt",
                                           "--rank",     "2",         "--recipes", "contrast,random", "--keeps",   "0.2",     "--ranks",
                                           "2,4",        "--samples", "1",         "--strengths",     "0.15,0.3",  "--out",   "sweep"};
  const auto json = run_json(ablate, 0);
  ASSERT_EQ(json["points"].size(), 8U);
  EXPECT_EQ(json["points"][0]["axis"], "recipe");
  EXPECT_EQ(json["points"][7]["strength"], 0.3);
  EXPECT_EQ(json["points"][5]["samples"], 1);
  EXPECT_LT(json["points"][5]["calib_tokens"].get<int>(), json["points"][0]["calib_tokens"].get<int>());
  for (const auto& point : json["points"]) EXPECT_NE(point["loss_task_on"], point["loss_task_off"]) << point;
  // The centre stands on four axes and is measured once: five different points and it.
  const std::string journal = read_file(home_ / "sweep/points.jsonl");
  EXPECT_EQ(std::count(journal.begin(), journal.end(), '\n'), 5);
  EXPECT_EQ(run_json(ablate, 0)["points"], json["points"]);
  EXPECT_EQ(read_file(home_ / "sweep/points.jsonl"), journal) << "nothing was measured twice";
  // The same model under another name: made and measured for itself, to the same result.
  auto with_base = ablate;
  std::filesystem::create_symlink(home_ / "models/smollm2-135m.gguf", home_ / "twin.gguf");
  with_base.insert(with_base.end(), {"--bases", "twin.gguf"});
  const auto bases = run_json(with_base, 0)["points"];
  ASSERT_EQ(bases.size(), 10U);
  EXPECT_EQ(bases[8]["axis"], "base");
  EXPECT_EQ(bases[9]["base"], "twin");
  EXPECT_EQ(bases[9]["loss_task_on"], bases[8]["loss_task_on"]);
  with_base.back() = TinyModel().write(home_ / "tiny.gguf").string();
  EXPECT_EQ(run_json(with_base, 2)["error"]["code"], "invalid_argument");
  const std::string page = read_file(home_ / "sweep/report.html");
  size_t plots = 0;
  for (size_t at = page.find("<svg"); at != std::string::npos; at = page.find("<svg", at + 1)) ++plots;
  EXPECT_EQ(plots, 6U);
  EXPECT_EQ(page.find("nan"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos) << "self-contained";
  EXPECT_EQ(run_json({"fragment", "ablate", "--calib", "x.gguf", "--general", "prose.txt", "--held-out", "a", "--other", "b", "--out", "s"},
                     2)["error"]["code"],
            "invalid_argument");
}

TEST_F(Contract, FragmentSelfSelectAndSearch) {
  build_fragment("tiny");
  write_file_atomic(home_ / "prose.txt", "It was a bright cold day, and the people went to the market to buy bread.");
  const auto own =
      run_json({"fragment", "self", "-m", "smollm2-135m", "-t", "1", "--limit", "2", "--max-tokens", "16", "-o", "own.jsonl"}, 0);
  expect_fields(own, {"path", "verified"});
  EXPECT_TRUE(std::filesystem::exists(home_ / "own.jsonl"));
  const auto selected = run_json({"fragment", "select", "tiny:0.05", "tiny:3", "-m", "smollm2-135m", "-t", "1", "--guard", "prose.txt",
                                  "--max-tasks", "2", "--first-tasks", "1", "--max-tokens", "16", "--max-kl", "0.5"},
                                 0);
  expect_fields(selected, {"winner", "trials", "rounds"});
  ASSERT_EQ(selected["trials"].size(), 2U);
  EXPECT_EQ(selected["trials"][0]["n"], 2);
  EXPECT_EQ(selected["trials"][1]["in_bound"], false) << selected;
  EXPECT_EQ(selected["trials"][1]["n"], 0);
  EXPECT_EQ(run_json({"fragment", "select", "tiny:0", "-m", "smollm2-135m"}, 2)["error"]["code"], "invalid_argument");
  write_file_atomic(home_ / "text.jsonl", "{\"text\": \"def f(x): return x\"}\n{\"text\": \"def g(y): return y + 1\"}\n");
  const auto found = run_json({"fragment", "search", "tiny", "-m", "smollm2-135m", "-t", "1", "--objective", "text.jsonl", "--guard",
                               "prose.txt", "--iterations", "1", "--batch-tokens", "8", "-o", "found.gguf"},
                              0);
  expect_fields(found, {"path", "accepted", "loss_off", "loss_on", "kl", "evaluations", "strengths"});
  EXPECT_EQ(found["strengths"].size(), 60U);
  EXPECT_EQ(run_json({"fragment", "inspect", "./found.gguf"}, 0)["recipe"], "search from wanda");
}

TEST_F(Contract, FragmentShelfMakesARoleOnDemandAndWritesItsCard) {
  const auto empty = run_json({"fragment", "shelf", "-m", "smollm2-135m"}, 0);
  ASSERT_EQ(empty["fragments"].size(), 5U);
  for (const auto& fragment : empty["fragments"]) EXPECT_EQ(fragment["path"], nullptr);
  const auto shelf = run_json({"fragment", "shelf", "-m", "smollm2-135m", "--build", "--role", "korean", "--max-tokens", "300"}, 0);
  ASSERT_EQ(shelf["fragments"].size(), 1U);
  const auto& korean = shelf["fragments"][0];
  EXPECT_EQ(korean["role"], "korean");
  EXPECT_EQ(korean["enabled"], false) << "nothing judged it";
  EXPECT_EQ(korean["standing"], "not judged");
  const std::filesystem::path path = korean["path"].get<std::string>();
  const auto changed = std::filesystem::last_write_time(path);
  auto page = path;
  EXPECT_NE(read_file(page.replace_extension(".md")).find("# Fragment korean"), std::string::npos);
  EXPECT_EQ(run_json({"fragment", "shelf", "-m", "smollm2-135m", "--build", "--role", "korean", "--max-tokens", "300"}, 0), shelf);
  EXPECT_EQ(std::filesystem::last_write_time(path), changed) << "it was made twice";
  const auto card = run_json({"fragment", "card", "korean", "-o", "korean.md"}, 0);
  EXPECT_EQ(card["card"], read_file(home_ / "korean.md"));
  EXPECT_EQ(run_json({"fragment", "card", "nobody"}, 2)["error"]["code"], "not_found");
}

TEST_F(Contract, FragmentSetSaysHowAFragmentIsUsed) {
  build_fragment("tiny");
  const auto set = run_json({"fragment", "set", "tiny", "--strength", "0.1", "--invocation", "user", "--prompt-prefix", "Be brief.",
                             "--temperature", "0.5", "--language", "ko"},
                            0);
  EXPECT_EQ(set["strength"], 0.1);
  EXPECT_EQ(set["settings"]["invocation"], "user");
  EXPECT_EQ(set["settings"]["sampler"]["temperature"], 0.5);
  EXPECT_EQ(run_json({"fragment", "inspect", "tiny"}, 0)["settings"], set["settings"]);
  const auto back = run_json({"fragment", "set", "tiny", "--prompt-prefix", "", "--no-sampler", "--language", "all"}, 0);
  EXPECT_EQ(back["settings"]["prompt_prefix"], "");
  EXPECT_EQ(back["settings"]["sampler"], nlohmann::json::object());
  EXPECT_EQ(run_json({"fragment", "set", "tiny"}, 2)["error"]["code"], "invalid_argument");
  EXPECT_EQ(run_json({"fragment", "set", "tiny", "--invocation", "later"}, 2)["error"]["code"], "invalid_argument");
}

TEST_F(Contract, FragmentProxiesSetsCheapMeasuresBesideTasks) {
  build_fragment("tiny");
  write_file_atomic(home_ / "prose.txt", "It was a bright cold day, and the people went to the market to buy bread.");
  const std::vector<std::string> proxies = {"fragment",     "proxies",   "tiny:0.1", "tiny:0.2",  "tiny:-0.1", "tiny:3",       "-m",
                                            "smollm2-135m", "-t",        "1",        "--n-tasks", "2",         "--max-tokens", "16",
                                            "--text",       "prose.txt", "--guard",  "prose.txt", "--out",     "study"};
  const auto json = run_json(proxies, 0);
  ASSERT_EQ(json["points"].size(), 4U);
  for (const auto& point : json["points"]) {
    EXPECT_EQ(point["fragment"], "tiny");
    EXPECT_EQ(point["n"], 2);
    EXPECT_NE(point["loss_changes"][0], 0) << point;
    EXPECT_GT(point["kl"], 0) << point;
  }
  EXPECT_GT(json["points"][3]["kl"], json["points"][0]["kl"]);
  EXPECT_EQ(json["points"][3]["strength"], 3);
  expect_fields(json["correlations"], {"loss of prose.txt", "KL on the guard", "energy kept", "strength"});
  const std::string journal = read_file(home_ / "study/points.jsonl");
  EXPECT_EQ(std::count(journal.begin(), journal.end(), '\n'), 4);
  EXPECT_EQ(run_json(proxies, 0), json);
  EXPECT_EQ(read_file(home_ / "study/points.jsonl"), journal) << "something was measured twice";
  const std::string page = read_file(home_ / "study/report.html");
  EXPECT_NE(page.find("tiny:3 (wanda)"), std::string::npos);
  EXPECT_EQ(page.find("nan"), std::string::npos);
  EXPECT_EQ(run_json({"fragment", "proxies", "tiny:0.1", "-m", "smollm2-135m", "--text", "prose.txt", "--out", "s"}, 2)["error"]["code"],
            "invalid_argument");
}

TEST_F(Contract, AnAdapterOfAnotherModelIsRefusedByName) {
  build_fragment("tiny");
  const auto path = run_json({"fragment", "inspect", "tiny"}, 0)["path"].get<std::string>();
  const auto other = TinyModel().write(home_ / "other.gguf");
  const auto json = run_json({"perplexity", "-m", other.string(), "-f", path, "task.txt"}, 2);
  EXPECT_EQ(json["error"]["code"], "failed_precondition");
  EXPECT_NE(json["error"]["message"].get<std::string>().find("made for Smollm2 135M"), std::string::npos) << json;
}

TEST_F(Contract, AFullDiskIsToldAndLeavesNoHalfFile) {
  write_file_atomic(home_ / "task.txt", "def add(a, b):\n    return a + b\n");
  const auto built = run_on_small_disk("small", 2 << 20,
                                       {"fragment", "build", "-m", "smollm2-135m", "-t", "1", "-n", "x", "--recipe", "wanda", "--calib",
                                        "task.txt", "--rank", "16", "--strength", "0.1", "-o", "small/x.gguf"});
  EXPECT_EQ(built.exit_code, 1) << built.err;
  EXPECT_NE(built.err.find("No space left on device"), std::string::npos) << built.err;
  EXPECT_NE(built.err.find("fix: "), std::string::npos) << built.err;
  EXPECT_EQ(built.err.find("x.gguf\n"), std::string::npos) << "a file is left: " << built.err;
  const auto ran = run_on_small_disk(
      "sessions", 4096,
      {"run", "-m", "smollm2-135m", "-t", "1", "--mode", "direct", "--max-tokens", "16", "Say hello. " + std::string(5000, '.')});
  EXPECT_EQ(ran.exit_code, 1) << ran.out << ran.err;
  EXPECT_NE(ran.err.find("No space left on device"), std::string::npos) << ran.err;
}

TEST_F(Contract, InterruptedPullEndsWith130AndNamesNoModel) {
  std::filesystem::remove(home_ / "models/smollm2-135m.gguf");
  // An index that never answers, behind the interpreter that fetches packages.
  write_file_atomic(home_ / "python", "#!/bin/sh\ncase \"$*\" in *download*) exec sleep 60 ;; esac\nexec python3 \"$@\"\n");
  std::filesystem::permissions(home_ / "python", std::filesystem::perms::owner_all);
  env_["AICODER_PYTHON"] = (home_ / "python").string();
  const auto result = run_interrupted("3", {"pull", "smollm2-135m", "--json"});
  EXPECT_EQ(result.exit_code, 130) << result.out << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out)["error"]["code"], "cancelled");
  EXPECT_FALSE(std::filesystem::exists(home_ / "models/smollm2-135m.gguf"));
}

TEST_F(Contract, InterruptedFragmentBuildLeavesNoFile) {
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "def f" + std::to_string(i) + "(x):\n    return x + " + std::to_string(i) + "\n\n";
  write_file_atomic(home_ / "task.txt", text);
  const auto result = run_interrupted("2", {"fragment", "build", "-m", "smollm2-135m", "-t", "1", "-n", "x", "--recipe", "wanda", "--calib",
                                            "task.txt", "--rank", "64", "--strength", "0.1", "-o", "out/x.gguf", "--json"});
  EXPECT_EQ(result.exit_code, 130) << result.out << result.err;
  EXPECT_FALSE(std::filesystem::exists(home_ / "out/x.gguf"));
}

}  // namespace
}  // namespace aicoder::test
