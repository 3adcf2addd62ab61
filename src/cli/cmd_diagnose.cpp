// diagnose text, diagnose bleu. What needs a model comes later and says so.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <iterator>

#include "aicoder/text.h"
#include "cli/runtime.h"

namespace aicoder::cli {
namespace {

struct TextArgs {
  std::vector<std::string> files;
  std::string jsonl, script = "hangul";
  InspectOptions options;
};

Script parse_script(const std::string& name) {
  for (const Script script : {Script::kHangul, Script::kLatin, Script::kHan, Script::kKana}) {
    if (name == to_string(script)) return script;
  }
  throw Error(ErrorCode::kInvalidArgument, "[diagnose text] script is '" + name + "', expected hangul, latin, han or kana");
}

std::string read_text(const std::string& file) {
  if (file != "-") {
    std::string all;
    for_each_line(file, [&all](size_t, std::string_view line) { all.append(line).push_back('\n'); });
    return all;
  }
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

Json counts_json(const TextReport& report) {
  Json counts;
  for (size_t k = 0; k < kContaminations; ++k) counts[std::string(to_string(static_cast<Contamination>(k)))] = report.contamination[k];
  return counts;
}

Json letters_json(const LetterCounts& letters) {
  Json json;
  for (size_t s = 0; s < kScripts; ++s) json[std::string(to_string(static_cast<Script>(s)))] = letters.of[s];
  return json;
}

std::string excerpt(const std::string& text, const ContaminationFound& found) {
  constexpr size_t kMost = 60;
  std::string piece = to_valid_utf8(std::string_view(text).substr(found.begin, std::min(found.end - found.begin, kMost)));
  // A control character must not reach the terminal.
  std::string shown;
  for (const char c : piece) shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? fmt::format("\\x{:02x}", c) : std::string(1, c);
  return shown + (found.end - found.begin > kMost ? "..." : "");
}

/// A bar of 20 cells.
std::string bar(double share) {
  constexpr size_t kCells = 20;
  const auto full = static_cast<size_t>(std::lround(share * kCells));
  std::string cells;
  for (size_t i = 0; i < kCells; ++i) cells += i < full ? "#" : ".";
  return cells;
}

std::string report_text(const std::string& text, const TextReport& report, Script target) {
  std::string out = fmt::format("purity {:.4f} [{}] {} of the letters are {}\n", report.purity, bar(report.purity),
                                report.letters.of[static_cast<size_t>(target)], to_string(target));
  for (size_t s = 0; s < kScripts; ++s) {
    const auto script = static_cast<Script>(s);
    if (report.letters.of[s] > 0)
      out += fmt::format("  {:<8} {:>9}  {:5.1f} %\n", to_string(script), report.letters.of[s], report.letters.share(script) * 100);
  }
  if (report.found.empty()) return out + fmt::format("no contamination in {} lines\n", report.lines.size());
  out += "contamination:\n";
  constexpr size_t kExamples = 3;
  for (size_t k = 0; k < kContaminations; ++k) {
    if (report.contamination[k] == 0) continue;
    const auto kind = static_cast<Contamination>(k);
    out += fmt::format("  {:<15} {:>6}", to_string(kind), report.contamination[k]);
    size_t shown = 0;
    for (const auto& found : report.found) {
      if (found.kind != kind || shown == kExamples) continue;
      out += fmt::format("{} line {}: {}", shown++ == 0 ? " " : ";", found.line, excerpt(text, found));
    }
    out += "\n";
  }
  return out;
}

Json report_json(const TextReport& report) {
  Json lines = Json::array(), found = Json::array();
  for (const auto& line : report.lines) {
    Json kinds = Json::array();
    for (const Contamination kind : line.contamination) kinds.push_back(to_string(kind));
    lines.push_back({{"line", line.line}, {"purity", line.purity}, {"contamination", kinds}});
  }
  for (const auto& place : report.found) {
    found.push_back({{"kind", to_string(place.kind)}, {"line", place.line}, {"begin", place.begin}, {"end", place.end}});
  }
  return {{"purity", report.purity},
          {"letters", letters_json(report.letters)},
          {"contamination", counts_json(report)},
          {"found", found},
          {"lines", lines}};
}

/// The strings of one field of a JSONL file, and their ids where they have one.
struct Row {
  std::string id, text;
};
std::vector<Row> read_rows(const std::string& path, const char* field) {
  std::vector<Row> rows;
  for_each_line(path, [&](size_t number, std::string_view line) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) return;
    const auto shallow = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) { return depth <= 64; };
    const auto row = nlohmann::json::parse(line, shallow, false);
    if (!row.is_object() || !row.contains(field) || !row[field].is_string()) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("[diagnose] {} line {}: expected a JSON object with a string '{}'", path, number, field));
    }
    std::string id = std::to_string(number);
    if (const auto found = row.find("id"); found != row.end()) id = found->is_string() ? found->get<std::string>() : found->dump();
    rows.push_back({std::move(id), row[field].get<std::string>()});
  });
  if (rows.empty()) throw Error(ErrorCode::kInvalidArgument, "[diagnose] " + path + " holds no row");
  return rows;
}

int run_rows(Runtime& runtime, const TextArgs& args) {
  Json items = Json::array();
  std::map<std::string, size_t> labels;
  double purity = 0;
  for (const Row& row : read_rows(args.jsonl, "text")) {
    const TextReport report = inspect_text(row.text, args.options);
    const std::string label(to_string(label_language(row.text)));
    ++labels[label];
    purity += report.purity;
    items.push_back({{"id", row.id}, {"label", label}, {"purity", report.purity}, {"contamination", counts_json(report)}});
  }
  purity /= static_cast<double>(items.size());
  std::string text = fmt::format("{} rows, mean purity {:.4f}\n", items.size(), purity);
  for (const auto& [label, n] : labels) text += fmt::format("  {:<15} {:>6}\n", label, n);
  return runtime.finish({{"n", items.size()}, {"purity", purity}, {"items", items}}, text);
}

int run_text(Runtime& runtime, TextArgs args) {
  args.options.target = parse_script(args.script);
  if (args.files.empty() == args.jsonl.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "[diagnose text] expected files, or --jsonl FILE, and not both",
                "aicoder diagnose text answer.txt");
  }
  if (!args.jsonl.empty()) return run_rows(runtime, args);
  std::string all;
  for (const auto& file : args.files) all += read_text(file);
  const TextReport report = inspect_text(all, args.options);
  return runtime.finish(report_json(report), report_text(all, report, args.options.target));
}

struct BleuArgs {
  std::string hypotheses, tokenizer = "13a";
  std::vector<std::string> references;
};

std::vector<std::string> read_lines(const std::string& path) {
  std::vector<std::string> lines;
  if (path.ends_with(".jsonl") || path.ends_with(".jsonl.gz")) {
    for (auto& row : read_rows(path, "text")) lines.push_back(std::move(row.text));
  } else {
    for_each_line(path, [&lines](size_t, std::string_view line) { lines.push_back(to_valid_utf8(line)); });
  }
  return lines;
}

int run_bleu(Runtime& runtime, const BleuArgs& args) {
  const Tokenizer tokenizer = parse_tokenizer(args.tokenizer);
  const auto hypotheses = read_lines(args.hypotheses);
  std::vector<std::vector<std::string>> references(hypotheses.size());
  for (const auto& path : args.references) {
    const auto lines = read_lines(path);
    if (lines.size() != hypotheses.size()) {
      throw Error(ErrorCode::kInvalidArgument, fmt::format("[diagnose bleu] {} has {} lines, {} has {}: expected one reference a line",
                                                           path, lines.size(), args.hypotheses, hypotheses.size()));
    }
    for (size_t i = 0; i < lines.size(); ++i) references[i].push_back(lines[i]);
  }
  std::array<double, 3> bleu{};
  constexpr std::array<size_t, 3> kOrders = {1, 2, 4};
  for (size_t i = 0; i < bleu.size(); ++i) bleu[i] = corpus_bleu(hypotheses, references, {.tokenizer = tokenizer, .max_order = kOrders[i]});
  const double chrf = corpus_chrf(hypotheses, references);
  double rouge = 0;
  for (size_t i = 0; i < hypotheses.size(); ++i) {
    double best = 0;
    for (const auto& reference : references[i]) best = std::max(best, rouge_l(hypotheses[i], reference));
    rouge += best;
  }
  rouge /= static_cast<double>(hypotheses.size());
  const double distinct1 = distinct_n(hypotheses, 1), distinct2 = distinct_n(hypotheses, 2);
  return runtime.finish({{"n", hypotheses.size()},
                         {"tokenizer", to_string(tokenizer)},
                         {"bleu1", bleu[0]},
                         {"bleu2", bleu[1]},
                         {"bleu4", bleu[2]},
                         {"chrf", chrf},
                         {"rouge_l", rouge},
                         {"distinct1", distinct1},
                         {"distinct2", distinct2}},
                        fmt::format("{} texts, tokenizer {}\nBLEU-1 {:.4f}  BLEU-2 {:.4f}  BLEU-4 {:.4f}  chrF {:.4f}  ROUGE-L "
                                    "{:.4f}\ndistinct-1 {:.4f}  distinct-2 {:.4f}\n",
                                    hypotheses.size(), to_string(tokenizer), bleu[0], bleu[1], bleu[2], chrf, rouge, distinct1, distinct2));
}

void add_text(CLI::App& diagnose, Runtime& runtime) {
  auto* command = diagnose.add_subcommand("text", "Purity of a language and contamination, line by line, with places");
  add_examples(*command, {"diagnose text answer.txt", "diagnose text --script latin --skip-code notes.md",
                          "diagnose text --jsonl answers.jsonl --json"});
  const auto args = std::make_shared<TextArgs>();
  command->add_option("files", args->files, "Text, also .gz; - for stdin");
  command->add_option("--jsonl", args->jsonl, "Rows with `text`, and an `id` where there is one: label, purity and contamination of each");
  command->add_option("--script", args->script, "Of the language it should be: hangul, latin, han or kana")->capture_default_str();
  command->add_flag("--skip-code", args->options.skip_code_blocks, "Leave out what stands between ``` fences");
  command->add_flag("--skip-quotes", args->options.skip_quotes, "Leave out what stands between quotation marks");
  command->add_option("--allow", args->options.allowed_words, "Words of another script that are no impurity, such as TV; may be repeated")
      ->allow_extra_args(false);
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run_text(runtime, *args); }; });
}

void add_bleu(CLI::App& diagnose, Runtime& runtime) {
  auto* command = diagnose.add_subcommand("bleu", "BLEU-1/2/4 and chrF as sacrebleu gives them, ROUGE-L, distinct-n, against references");
  add_examples(*command, {"diagnose bleu answers.txt references.txt", "diagnose bleu --tokenize char answers.txt first.txt second.txt"});
  const auto args = std::make_shared<BleuArgs>();
  command->add_option("hypotheses", args->hypotheses, "One text a line, or .jsonl with `text`; also .gz")->required();
  command->add_option("references", args->references, "The same, one file for each reference")->required();
  command->add_option("--tokenize", args->tokenizer, "13a, intl (more scripts than Latin) or char")->capture_default_str();
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run_bleu(runtime, *args); }; });
}

}  // namespace

void add_diagnose(CLI::App& app, Runtime& runtime) {
  auto* diagnose = app.add_subcommand("diagnose", "Is a text in its language, clean, and like its references");
  diagnose->require_subcommand(1);
  add_text(*diagnose, runtime);
  add_bleu(*diagnose, runtime);
}

}  // namespace aicoder::cli
