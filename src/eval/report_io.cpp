#include "eval/report_io.h"

#include "eval/limited_json.h"

namespace aicoder {
namespace {

using nlohmann::json;

constexpr int kReportFormat = 1;

json fragments_to_json(const std::vector<FragmentChoice>& fragments) {
  json list = json::array();
  for (const auto& fragment : fragments) {
    json entry = {{"name", fragment.name}, {"strength", nullptr}};
    if (fragment.strength) entry["strength"] = *fragment.strength;
    list.push_back(std::move(entry));
  }
  return list;
}

EvalReport from_json(const json& value) {
  if (value.at("format").get<int>() != kReportFormat) {
    throw Error(ErrorCode::kUnimplemented, "[eval] expected report format 1, found " + value.at("format").dump());
  }
  EvalReport report;
  report.suite = value.at("suite").get<std::string>();
  report.model = value.at("model").get<std::string>();
  report.mode = value.at("mode").get<std::string>();
  for (const auto& entry : value.at("fragments")) {
    FragmentChoice choice{entry.at("name").get<std::string>(), std::nullopt};
    if (!entry.at("strength").is_null()) choice.strength = entry.at("strength").get<float>();
    report.fragments.push_back(std::move(choice));
  }
  for (const auto& entry : value.at("items")) {
    EvalItem item;
    item.id = entry.at("id").get<std::string>();
    item.passed = entry.at("passed").get<bool>();
    item.verdict = entry.at("verdict").get<std::string>();
    item.detail = entry.at("detail").get<std::string>();
    item.finish = entry.at("finish").get<std::string>();
    item.tokens = entry.at("tokens").get<size_t>();
    item.seconds = entry.at("seconds").get<double>();
    item.task_hash = entry.at("task_hash").get<std::string>();
    item.counts = entry.value("counts", item.counts);
    for (const auto& [name, count] : item.counts) report.counts[name] += count;
    report.passed += item.passed ? 1 : 0;
    report.items.push_back(std::move(item));
  }
  // Counted from the items, not read: a report cannot disagree with what it lists.
  report.n = report.items.size();
  report.score = report.n == 0 ? 0.0 : static_cast<double>(report.passed) / static_cast<double>(report.n);
  report.ci95 = wilson_interval(report.passed, report.n);
  report.tokens = value.at("tokens").get<size_t>();
  report.seconds = value.at("seconds").get<double>();
  report.resumed = value.at("resumed").get<size_t>();
  report.left_out = value.value("left_out", report.left_out);
  return report;
}

}  // namespace

EvalReport read_report(const std::filesystem::path& path) {
  auto file = path;
  if (std::filesystem::is_directory(path)) {
    file = path / "report.json";
    if (!std::filesystem::exists(file) && std::filesystem::exists(path / "run.json")) {
      throw Error(ErrorCode::kFailedPrecondition, "[eval] the run in " + path.string() + " has not finished",
                  "run its aicoder eval command again with --out " + path.string() + ": it resumes");
    }
  }
  const auto value = eval::parse_limited_json(read_file(file));
  try {
    if (!value.is_object()) throw Error(ErrorCode::kDataLoss, "expected a JSON object");
    return from_json(value);
  } catch (const json::exception& broken) {
    throw Error(ErrorCode::kDataLoss, "[eval] " + file.string() + " is not a report: " + broken.what(),
                "name a folder that aicoder eval --out made");
  } catch (const Error& broken) {
    throw Error(broken.code(), "[eval] " + file.string() + " is not a report: " + broken.what(),
                "name a folder that aicoder eval --out made");
  }
}

namespace eval {

json item_summary(const EvalItem& item) {
  json value = {{"id", item.id},         {"passed", item.passed}, {"verdict", item.verdict}, {"detail", item.detail},
                {"finish", item.finish}, {"tokens", item.tokens}, {"seconds", item.seconds}, {"task_hash", item.task_hash}};
  if (!item.counts.empty()) value["counts"] = item.counts;
  return value;
}

void write_report(const EvalReport& report, const std::filesystem::path& folder) {
  json items = json::array();
  for (const auto& item : report.items) items.push_back(item_summary(item));
  json value = {{"format", kReportFormat},
                {"suite", report.suite},
                {"model", report.model},
                {"mode", report.mode},
                {"fragments", fragments_to_json(report.fragments)},
                {"n", report.n},
                {"passed", report.passed},
                {"score", report.score},
                {"ci95", report.ci95},
                {"tokens", report.tokens},
                {"seconds", report.seconds},
                {"resumed", report.resumed},
                {"items", std::move(items)}};
  if (!report.counts.empty()) value["counts"] = report.counts;
  if (!report.left_out.empty()) value["left_out"] = report.left_out;
  write_file_atomic(folder / "report.json", dump_json(value, 1) + "\n");
}

}  // namespace eval
}  // namespace aicoder
