#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <string>

#include "fragment/dense_merge.h"
#include "fragment/for_each_layer.h"
#include "fragment/fragment_keys.h"
#include "fragment/lora_factors.h"
#include "fragment/low_rank.h"
#include "fragment/seeded_random.h"

namespace aicoder {
namespace {

using namespace fragment;

constexpr char kPlace[] = "[fragment_merge]";
constexpr std::array<std::string_view, 3> kMethods = {"concat", "ties", "dare"};

[[noreturn]] void refuse(const std::string& message, std::string fix = {}, ErrorCode code = ErrorCode::kInvalidArgument) {
  throw Error(code, kPlace + (" " + message), std::move(fix));
}

struct Part {
  FragmentInfo info;
  GgufFile file;
  float weight = 0;
  std::string hash;
  std::vector<LoraPair> pairs;
  std::string architecture;
};

Part read_part(const MergePart& part) {
  Part result{.info = inspect_fragment(part.path), .file = GgufFile::open(part.path)};
  const std::string& name = result.info.name;
  if (result.info.foreign || result.info.base_fingerprint.empty()) {
    refuse(part.path.filename().string() + " does not say which base it is for", "aicoder fragment import it first");
  }
  result.weight = part.weight.value_or(result.info.strength);
  if (!std::isfinite(result.weight)) refuse(name + ": expected a finite weight");
  if (result.weight == 0 && part.weight) refuse(name + " has weight 0", "leave it out");
  if (result.weight == 0) {
    refuse(name + " has strength 0: none was found to help", "say the weight you want: " + name + ":0.2", ErrorCode::kFailedPrecondition);
  }
  result.hash = sha256_file(part.path);
  result.pairs = lora_pairs(result.file, kPlace);
  result.architecture = result.file.get_string("general.architecture").value_or("");
  return result;
}

/// What the parts say of one weight.
struct Share {
  const Part* part;
  const LoraPair* pair;
  size_t index;  ///< of the part
  float weight() const { return static_cast<float>(static_cast<double>(part->weight) * pair->scale); }
};
struct Group {
  std::string name;
  size_t n_in = 0, n_out = 0, rank = 0;  ///< rank: the sum of the parts'
  std::vector<Share> shares;
};

std::vector<Group> group_by_weight(const std::vector<Part>& parts) {
  std::vector<Group> groups;
  std::map<std::string_view, size_t> at;
  for (size_t i = 0; i < parts.size(); ++i) {
    for (const LoraPair& pair : parts[i].pairs) {
      const auto [found, fresh] = at.emplace(pair.name, groups.size());
      if (fresh) groups.push_back({.name = pair.name, .n_in = pair.n_in, .n_out = pair.n_out});
      Group& group = groups[found->second];
      if (group.n_in != pair.n_in || group.n_out != pair.n_out) {
        refuse(pair.name + ": factors for [" + std::to_string(pair.n_out) + ", " + std::to_string(pair.n_in) + "] in " +
               parts[i].info.name + ", for [" + std::to_string(group.n_out) + ", " + std::to_string(group.n_in) + "] in the others");
      }
      group.rank += pair.rank;
      group.shares.push_back({&parts[i], &pair, i});
    }
  }
  return groups;
}

std::vector<Part> read_parts(std::span<const MergePart> parts) {
  if (parts.size() < 2) refuse("expected at least 2 fragments, found " + std::to_string(parts.size()));
  std::vector<Part> result;
  for (const MergePart& part : parts) {
    result.push_back(read_part(part));
    const FragmentInfo &first = result.front().info, &other = result.back().info;
    if (first.base_fingerprint != other.base_fingerprint || result.front().architecture != result.back().architecture) {
      refuse(first.name + " was made for base " + first.base_name + " (" + first.base_fingerprint.substr(0, 12) + "), " + other.name +
                 " for " + other.base_name + " (" + other.base_fingerprint.substr(0, 12) + ")",
             "merge fragments of one base");
    }
  }
  return result;
}

void check_options(const MergeOptions& options) {
  check_fragment_name(options.name, kPlace);
  if (!(options.density > 0 && options.density <= 1)) {
    refuse("density: expected a share in (0, 1], found " + std::to_string(options.density), "--density 0.2");
  }
  if (!(options.drop >= 0 && options.drop < 1))
    refuse("drop: expected a share in [0, 1), found " + std::to_string(options.drop), "--drop 0.5");
}

struct Merged {
  FragmentTensor info;
  GgufType a_type = GgufType::kF32, b_type = GgufType::kF32;
  std::vector<std::byte> a, b;
};

/// B of a part with its weight, F32.
std::vector<float> weighted_b(const Share& share) {
  std::vector<float> b = tensor_values(share.part->file, *share.pair->b);
  for (float& v : b) v *= share.weight();
  return b;
}

/// B side by side [n_out, rank], A one below the other [rank, n_in].
void stack(const Group& group, std::vector<float>& b, std::vector<float>& a) {
  b.resize(group.n_out * group.rank);
  size_t column = 0;
  for (const Share& share : group.shares) {
    const size_t rank = share.pair->rank;
    const std::vector<float> part_b = weighted_b(share), part_a = tensor_values(share.part->file, *share.pair->a);
    for (size_t row = 0; row < group.n_out; ++row) {
      std::copy_n(part_b.begin() + static_cast<std::ptrdiff_t>(row * rank), rank,
                  b.begin() + static_cast<std::ptrdiff_t>(row * group.rank + column));
    }
    a.insert(a.end(), part_a.begin(), part_a.end());
    column += rank;
  }
}

bool all_half(const Group& group) {
  return std::all_of(group.shares.begin(), group.shares.end(), [](const Share& s) { return s.pair->a->type == GgufType::kF16; });
}

/// F16 where every part had it, which says that the inputs of this weight fit, and where the values do; else F32.
Merged pack_low_rank(const Group& group, const LowRank& low) {
  const auto fits = [](float v) { return std::abs(v) < 65504.0f; };
  const bool half = all_half(group) && std::all_of(low.a.begin(), low.a.end(), fits) && std::all_of(low.b.begin(), low.b.end(), fits);
  const GgufType type = half ? GgufType::kF16 : GgufType::kF32;
  return {.info = {.name = group.name, .rank = low.rank, .retained_energy = low.retained_energy},
          .a_type = type,
          .b_type = type,
          .a = pack(low.a, type),
          .b = pack(low.b, type)};
}

Merged merge_concat(const Group& group, const MergeOptions& options) {
  std::vector<float> b, a;
  stack(group, b, a);
  const size_t rank = std::min({options.rank == 0 ? group.rank : options.rank, group.rank, group.n_in, group.n_out});
  if (options.rank != 0 && rank < group.rank) {
    return pack_low_rank(group, truncate_product({.b = b, .a = a, .n_out = group.n_out, .n_in = group.n_in, .rank = group.rank}, rank));
  }
  // The weights go into B, in F32; A of halves stays as it is, so nothing is rounded that was not.
  const GgufType a_type = all_half(group) ? GgufType::kF16 : GgufType::kF32;
  return {.info = {.name = group.name, .rank = group.rank, .retained_energy = 1},
          .a_type = a_type,
          .b_type = GgufType::kF32,
          .a = pack(a, a_type),
          .b = pack(b, GgufType::kF32)};
}

std::vector<float> dense(const Share& share) {
  const size_t n_out = share.pair->n_out, n_in = share.pair->n_in, rank = share.pair->rank;
  const std::vector<float> b = weighted_b(share), a = tensor_values(share.part->file, *share.pair->a);
  std::vector<float> delta(n_out * n_in);
  for (size_t i = 0; i < n_out; ++i) {
    float* row = delta.data() + i * n_in;
    for (size_t k = 0; k < rank; ++k) {
      const float factor = b[i * rank + k];
      const float* a_k = a.data() + k * n_in;
      for (size_t j = 0; j < n_in; ++j) row[j] += factor * a_k[j];
    }
  }
  return delta;
}

Merged merge_dense(const Group& group, const MergeOptions& options, const std::stop_token& stop) {
  std::vector<float> delta;
  if (options.method == MergeMethod::kTies) {
    std::vector<std::vector<float>> deltas;
    for (const Share& share : group.shares) deltas.push_back(dense(share));
    delta = ties_merge(std::move(deltas), options.density);
  } else {
    delta.resize(group.n_out * group.n_in);
    for (const Share& share : group.shares) {
      throw_if_stopped(stop);
      std::vector<float> part = dense(share);
      dare_drop(part, options.drop, seed_for(options.seed + share.index, group.name));
      for (size_t i = 0; i < delta.size(); ++i) delta[i] += part[i];
    }
  }
  const size_t rank = std::min({options.rank == 0 ? group.rank : options.rank, group.n_in, group.n_out});
  const std::vector<float> even(group.n_in, 1.0f);
  return pack_low_rank(
      group, weighted_low_rank_in_place(delta, group.n_out, group.n_in, even, rank, seed_for(options.seed, group.name), 3, options.stop));
}

/// The hashes of all parts, each once.
GgufArray all_hashes(const std::vector<Part>& parts, std::vector<std::string> FragmentInfo::* which) {
  std::vector<std::string> hashes;
  for (const Part& part : parts) {
    for (const std::string& hash : part.info.*which) {
      if (std::find(hashes.begin(), hashes.end(), hash) == hashes.end()) hashes.push_back(hash);
    }
  }
  return hashes;
}

void set_metadata(GgufWriter& writer, const std::vector<Part>& parts, const MergeOptions& options,
                  std::span<const FragmentTensor> tensors) {
  std::string role = options.role;
  if (role.empty() && std::all_of(parts.begin(), parts.end(), [&](const Part& p) { return p.info.role == parts[0].info.role; })) {
    role = parts[0].info.role;
  }
  size_t rank = 0;
  for (const FragmentTensor& tensor : tensors) rank = std::max(rank, tensor.rank);
  const FragmentInfo& first = parts.front().info;
  set_head(writer,
           {.architecture = parts.front().architecture,
            .name = options.name,
            .role = role,
            .recipe = "merge-" + std::string(to_string(options.method)),
            .base_name = first.base_name,
            .base_fingerprint = first.base_fingerprint,
            .rank = rank,
            .seed = options.seed},
           tensors);
  std::vector<std::string> names, hashes;
  std::vector<float> weights;
  for (const Part& part : parts) {
    names.push_back(part.info.name);
    hashes.push_back(part.hash);
    weights.push_back(part.weight);
  }
  writer.set(key::kMergeNames, GgufArray(std::move(names)));
  writer.set(key::kMergeWeights, GgufArray(std::move(weights)));
  writer.set(key::kMergeHashes, GgufArray(std::move(hashes)));
  if (options.method == MergeMethod::kTies) writer.set(key::kMergeDensity, static_cast<float>(options.density));
  if (options.method == MergeMethod::kDare) writer.set(key::kMergeDrop, static_cast<float>(options.drop));
  writer.set(key::kCalibrationHashes, all_hashes(parts, &FragmentInfo::calibration_hashes));
  writer.set(key::kGeneralHashes, all_hashes(parts, &FragmentInfo::general_hashes));
  set_strength_and_evidence(writer, 1.0f, {});
}

}  // namespace

std::string_view to_string(MergeMethod method) noexcept { return kMethods.at(static_cast<size_t>(method)); }

MergeMethod parse_merge_method(std::string_view name) {
  const auto* found = std::find(kMethods.begin(), kMethods.end(), name);
  if (found == kMethods.end()) refuse("method: expected concat, ties or dare, found '" + std::string(name) + "'", "--method concat");
  return static_cast<MergeMethod>(found - kMethods.begin());
}

FragmentBuild merge_fragments(std::span<const MergePart> parts, const MergeOptions& options, const std::filesystem::path& out) {
  const auto started = std::chrono::steady_clock::now();
  check_options(options);
  check_free(out, options.force, kPlace);
  const std::vector<Part> read = read_parts(parts);
  const std::vector<Group> groups = group_by_weight(read);

  FragmentBuild build{.path = out};
  std::vector<Merged> merged(groups.size());
  for_each_layer({.n = groups.size(),
                  .n_threads = options.n_threads,
                  .stage = "merge fragments",
                  .unit = "weights",
                  .progress = options.progress,
                  .stop = options.stop},
                 [&](size_t i, const std::stop_token& stop) {
                   merged[i] =
                       options.method == MergeMethod::kConcat ? merge_concat(groups[i], options) : merge_dense(groups[i], options, stop);
                 });
  for (const Merged& m : merged) {
    build.tensors.push_back(m.info);
    build.retained_energy += m.info.retained_energy;
  }
  build.retained_energy /= static_cast<double>(groups.size());  // after the sum: a mean of ones is 1
  GgufWriter writer;
  set_metadata(writer, read, options, build.tensors);
  for (size_t i = 0; i < groups.size(); ++i) {
    const Merged& m = merged[i];
    writer.add_tensor(m.info.name + std::string(kLoraA), m.a_type, {groups[i].n_in, m.info.rank}, m.a);
    writer.add_tensor(m.info.name + std::string(kLoraB), m.b_type, {m.info.rank, groups[i].n_out}, m.b);
  }
  writer.write(out);
  build.bytes = std::filesystem::file_size(out);
  build.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return build;
}

}  // namespace aicoder
