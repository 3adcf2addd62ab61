#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <type_traits>

#include "fragment/fragment_keys.h"
#include "fragment/lora_factors.h"
#include "fragment/low_rank.h"

namespace aicoder {
namespace {

using namespace fragment;

constexpr char kPlace[] = "[fragment_diff]";

struct Factors {
  std::vector<float> b, a;
  FactorView view;
  double scale = 1;
};

Factors read_factors(const GgufFile& file, const LoraPair& pair) {
  Factors f{.b = tensor_values(file, *pair.b), .a = tensor_values(file, *pair.a), .scale = pair.scale};
  f.view = {.b = f.b, .a = f.a, .n_out = pair.n_out, .n_in = pair.n_in, .rank = pair.rank};
  return f;
}

/// Inner products of two deltas with themselves and each other: all that norms, difference and cosine need.
struct Products {
  double aa = 0, bb = 0, ab = 0;
  void add(const Products& other) {
    aa += other.aa;
    bb += other.bb;
    ab += other.ab;
  }
};

void finish(TensorDiff& diff, const Products& p) {
  diff.norm_a = std::sqrt(std::max(0.0, p.aa));
  diff.norm_b = std::sqrt(std::max(0.0, p.bb));
  const double largest = std::max(diff.norm_a, diff.norm_b);
  if (largest > 0) diff.relative = std::sqrt(std::max(0.0, p.aa + p.bb - 2 * p.ab)) / largest;
  if (diff.norm_a > 0 && diff.norm_b > 0) diff.cosine = std::clamp(p.ab / (diff.norm_a * diff.norm_b), -1.0, 1.0);
}

template <typename T>
std::string scalar_text(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return to_valid_utf8(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else {
    std::ostringstream out;
    out.precision(std::is_same_v<T, double> ? 12 : 7);
    out << +value;  // a byte is a number here
    return out.str();
  }
}

std::string value_text(const GgufValue& value) {
  return std::visit(
      [](const auto& v) -> std::string {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, GgufArray>) {
          return std::visit(
              [](const auto& elements) {
                using Element = typename std::decay_t<decltype(elements)>::value_type;
                std::string text = "[";
                for (const auto& element : elements) text += (text.size() > 1 ? ", " : "") + scalar_text<Element>(element);
                return text + "]";
              },
              v);
        } else {
          return scalar_text(v);
        }
      },
      value);
}

/// Long values by their beginning and a hash, so that two that differ look different.
std::string shown(const std::string& text) {
  constexpr size_t kLongest = 100;
  return text.size() <= kLongest ? text : to_valid_utf8(text.substr(0, kLongest)) + "... (sha256 " + sha256_hex(text).substr(0, 12) + ")";
}

std::vector<MetadataDiff> diff_metadata(const GgufFile& a, const GgufFile& b) {
  std::set<std::string> keys;
  for (const GgufFile* file : {&a, &b}) {
    for (const auto& [key, value] : file->metadata()) {
      if (!key.starts_with("aicoder.tensor.")) keys.insert(key);  // those the table of tensors shows
    }
  }
  std::vector<MetadataDiff> differences;
  for (const std::string& key : keys) {
    const auto text = [&key](const GgufFile& file) {
      const auto found = file.metadata().find(key);
      return found == file.metadata().end() ? std::string() : value_text(found->second);
    };
    const std::string in_a = text(a), in_b = text(b);
    if (in_a != in_b) differences.push_back({key, shown(in_a), shown(in_b)});
  }
  return differences;
}

}  // namespace

FragmentDiff diff_fragments(const std::filesystem::path& path_a, const std::filesystem::path& path_b, const ProgressFn& progress) {
  const GgufFile a = GgufFile::open(path_a), b = GgufFile::open(path_b);
  const std::vector<LoraPair> pairs_a = lora_pairs(a, kPlace), pairs_b = lora_pairs(b, kPlace);
  std::map<std::string, std::pair<const LoraPair*, const LoraPair*>> both;
  for (const LoraPair& pair : pairs_a) both[pair.name].first = &pair;
  for (const LoraPair& pair : pairs_b) both[pair.name].second = &pair;

  FragmentDiff result{.metadata = diff_metadata(a, b)};
  Products total;
  for (const auto& [name, pair] : both) {
    const auto& [in_a, in_b] = pair;
    TensorDiff diff{.name = name, .rank_a = in_a == nullptr ? 0 : in_a->rank, .rank_b = in_b == nullptr ? 0 : in_b->rank};
    if (in_a != nullptr && in_b != nullptr && (in_a->n_in != in_b->n_in || in_a->n_out != in_b->n_out)) {
      throw Error(ErrorCode::kInvalidArgument, kPlace + (" " + name) + ": factors for [" + std::to_string(in_a->n_out) + ", " +
                                                   std::to_string(in_a->n_in) + "] and for [" + std::to_string(in_b->n_out) + ", " +
                                                   std::to_string(in_b->n_in) + "]: they are of different bases");
    }
    Products p;
    const Factors fa = in_a == nullptr ? Factors{} : read_factors(a, *in_a), fb = in_b == nullptr ? Factors{} : read_factors(b, *in_b);
    if (in_a != nullptr) p.aa = fa.scale * fa.scale * product_dot(fa.view, fa.view);
    if (in_b != nullptr) p.bb = fb.scale * fb.scale * product_dot(fb.view, fb.view);
    if (in_a != nullptr && in_b != nullptr) p.ab = fa.scale * fb.scale * product_dot(fa.view, fb.view);
    finish(diff, p);
    total.add(p);
    result.total.rank_a = std::max(result.total.rank_a, diff.rank_a);
    result.total.rank_b = std::max(result.total.rank_b, diff.rank_b);
    result.tensors.push_back(std::move(diff));
    report_weights(progress, "compare fragments", result.tensors.size(), both.size());
  }
  finish(result.total, total);
  // Names are sorted already; a stable sort keeps them so where differences are equal.
  std::stable_sort(result.tensors.begin(), result.tensors.end(),
                   [](const TensorDiff& x, const TensorDiff& y) { return x.relative > y.relative; });
  return result;
}

}  // namespace aicoder
