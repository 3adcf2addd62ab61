// fragment: calibration text -> activation statistics -> importance -> mask -> low-rank factors -> one GGUF file.
// Forward passes and linear algebra only, never a gradient.
//
//   auto task = aicoder::capture(model, aicoder::read_text_records("coder.jsonl"), {});
//   auto built = aicoder::build_fragment(*model, {.name = "coder", .recipe = Recipe::kContrast, .task = &task, .general = &general}, out);
//
// Does not choose a strength by itself: that takes verified tasks (eval.h: select_strength). Container: docs/formats/fragment.md.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "aicoder/adapter.h"

namespace aicoder {

/// Of one linear layer: sum over calibration tokens of the squared inputs.
struct LayerStats {
  std::vector<double> sum_squares;  ///< [n_in]
  uint64_t tokens = 0;              ///< rows summed
  float max_abs = 0;                ///< largest single |input|; 0: not known (a foreign imatrix file)
  /// [n_in] L2 norm of each input feature over all calibration tokens: the ||x_j||_2 of wanda_score.
  std::vector<float> norms() const;
};
/// Low-rank summary of the inputs X [tokens, n_in] of linear layers, in at most `size` rows B: 0 <= v^T (X^T X - B^T B) v <= error for
/// every unit vector v, up to rounding in F32. Frequent directions (Liberty 2013, arXiv 1206.0594; Ghashami et al. 2016, arXiv 1501.01711,
/// sections 2 and 3): error <= ||X||_F^2 / (size + 1), and 0 while there are no more rows than `size` or n_in <= size. Mergeable.
struct InputSketch {
  size_t n_in = 0;
  size_t size = 0;
  std::vector<float> rows;  ///< [n_rows(), n_in]; up to twice `size` of them before compress()
  double error = 0;

  size_t n_rows() const noexcept { return n_in == 0 ? 0 : rows.size() / n_in; }
  /// Adds rows of X, [n, n_in]. \throws Error(kInvalidArgument) for part of a row, kFailedPrecondition for values that are not finite.
  void append(std::span<const float> more);
  void compress();  ///< to at most `size` rows
  /// \throws Error(kInvalidArgument) when widths or sizes disagree; then nothing changed.
  void merge(const InputSketch& other);
};
/// Mergeable: stats of two texts added equal those of both texts in one run. Same content as an imatrix GGUF of llama.cpp.
struct ActivationStats {
  std::map<std::string, LayerStats> layers;  ///< by weight name, "blk.0.attn_q.weight"
  /// Second moments, by input: layers that read the same one share it, as "blk.0.attn_in" of attn_q, attn_k and attn_v
  /// (docs/formats/imatrix.md). Empty: not captured.
  std::map<std::string, InputSketch> sketches;
  std::vector<std::string> dataset_hashes;  ///< SHA-256 of what was read
  std::string base_fingerprint;             ///< empty when read from a foreign imatrix file
  uint64_t tokens = 0;                      ///< read by the model; a layer may have summed fewer rows

  /// An empty side takes the other. \throws Error(kInvalidArgument) when layers, widths, sketches or bases disagree; then nothing changed.
  void merge(const ActivationStats& other);
};
/// imatrix GGUF (docs/formats/imatrix.md): tensors NAME.in_sum2 [n_in] and NAME.counts [1], `general.type` "imatrix", plus
/// aicoder.* metadata and, where second moments were captured, tensors INPUT.sketch [n_rows, n_in]. Entries of expert tensors (several
/// matrices under one name) are left out, with a warning in the log.
/// \throws Error kNotFound, kDataLoss (broken, sums that are negative or not finite), kInvalidArgument (a GGUF that is no imatrix).
ActivationStats read_imatrix(const std::filesystem::path& path);
void write_imatrix(const ActivationStats& stats, const std::filesystem::path& path);

struct CaptureOptions {
  size_t max_tokens = 30000;  ///< decoded in all, exact where there is that much text; 0: all
  size_t n_window = 512;      ///< a longer record is cut into windows of so many tokens, each read on its own; at least 2
  int n_threads = 0;          ///< 0: physical cores this process may use
  size_t sketch_size = 0;     ///< rows of each InputSketch, 128 for most uses; 0: no second moments
  ProgressFn progress;
  std::stop_token stop;
};
/// Runs the records through the base, each on its own (no attention across records), and sums the squared inputs of the linear
/// layers; with a sketch_size also their second moments, for which the rows of one window stay in memory: (n_window + 2 sketch_size) *
/// (sum of the inputs' widths) floats, 1.2 GB for a model of 1.5B with the defaults. \throws Error kInvalidArgument (no text, n_window),
/// kFailedPrecondition (activations that are not finite, no known linear layers), kUnimplemented (second moments of a model whose layers
/// do not share inputs as llama's do), kCancelled.
ActivationStats capture(const std::shared_ptr<const Model>& model, std::span<const TextRecord> records, const CaptureOptions& options);

enum class Recipe { kWanda, kContrast, kMagnitude, kRandom, kChannel, kActsvd, kDonor, kDistill };
std::string_view to_string(Recipe recipe) noexcept;
/// What a recipe cannot do without.
struct RecipeNeeds {
  bool task = false, general = false;  ///< statistics of such a text
  bool second_moments = false;         ///< in these statistics
  bool donor = false;                  ///< another model of the same shape
  bool prompt = false;                 ///< and records to read with and without it
};
RecipeNeeds recipe_needs(Recipe recipe) noexcept;
/// \throws Error kInvalidArgument (unknown), kUnimplemented (named in the design, not built yet).
Recipe parse_recipe(std::string_view name);

// ---- the arithmetic, public because it is what the project claims ------------------------------------------------------

/// Wanda importance of one weight matrix: |W[i,j]| * ||x_j||_2.
/// \param weight    [n_out, n_in] row-major
/// \param act_norm  [n_in], L2 norm of each input feature over all calibration tokens
/// \return          [n_out, n_in], non-negative
/// \throws Error(kInvalidArgument) when sizes disagree or a norm is negative or not finite.   Thread-safe.   Source: Sun et al. 2023, arXiv
/// 2306.11695, section 3.
std::vector<float> wanda_score(std::span<const float> weight, std::span<const float> act_norm);
/// True for the floor(keep * n_in) largest scores of each row (at least 1); ties by lower column. Scores are non-negative.
/// \throws Error(kInvalidArgument) as above, for a score that is not a number, and for keep outside (0, 1].
std::vector<bool> top_mask(std::span<const float> score, size_t n_in, double keep);
/// Importance of each input channel of one weight matrix to a task and not in general: ||W[:,j]||_2 * (task_rms[j] - general_rms[j]).
/// Means, not sums over tokens, so that a longer text counts no more; both weighted by the same column, so that a channel which the
/// layer hardly reads does not win by its activations alone.
/// \param weight    [n_out, n_in] row-major
/// \param task_rms, general_rms  [n_in], root mean square of each input over the tokens of its text
/// \return          [n_in]; negative where the channel matters more in general
/// \throws Error(kInvalidArgument) when sizes disagree or a value is not finite.   Thread-safe.
std::vector<double> channel_importance(std::span<const float> weight, std::span<const float> task_rms, std::span<const float> general_rms);

/// delta ~ b * a.   delta [n_out, n_in], b [n_out, rank], a [rank, n_in], all row-major.
struct LowRank {
  std::vector<float> b, a;
  size_t rank = 0;
  double retained_energy = 0;  ///< share of ||delta * diag(act_norm)||_F^2 that b * a keeps, 0..1
};
/// Activation-weighted truncated SVD: factors delta * diag(act_norm), then divides it out; randomized range finder
/// (Halko, Martinsson, Tropp 2011, algorithm 4.4) with `n_power` power iterations and 16 extra columns. Features whose norm is
/// near 0 are weighted as 1e-6 of the largest, so that dividing is possible. A zero delta gives zero factors and energy 1.
/// Deterministic for a seed. \throws Error(kInvalidArgument): sizes, rank outside 1..min(n_out, n_in), values that are not finite.
LowRank weighted_low_rank(std::span<const float> delta, size_t n_out, size_t n_in, std::span<const float> act_norm, size_t rank,
                          uint64_t seed = 0, int n_power = 3);

// ---- building ----------------------------------------------------------------------------------------------------------

/// Type of the factors in the file. kAuto: F16, which halves the bytes read per token, unless an input of a layer came near the
/// largest F16 during calibration: ggml converts the inputs of an F16 product to F16 too (docs/formats/fragment.md).
enum class FragmentStorage { kAuto, kF32, kF16 };

/// What `distill` compiles into weights: a prompt, and answers that are read with and without it. Conversations end with an answer and take
/// the prompt as system message, plain texts have it in front.
struct PromptPairs {
  std::shared_ptr<const Model> model;  ///< the base
  std::vector<TextRecord> records;
  std::string prompt;
  size_t max_tokens = 2048;  ///< of answers, 1 to 16384: the fit solves for a matrix of its square, and memory grows with it
  double ridge = 0.01;       ///< lambda, as a share of the tokens' mean squared norm; above 0
};

struct FragmentSpec {
  std::string name;  ///< letters, digits, '.', '_', '-'
  std::string role;  ///< "coder", "debugger", "security", "math", "korean" or free
  Recipe recipe = Recipe::kContrast;
  double keep = 0.2;      ///< of the recipes that make a mask
  size_t rank = 16;       ///< of each tensor, less where a tensor is too small for it
  float strength = 0.0f;  ///< written as the default strength; select_strength sets it later
  FragmentStorage storage = FragmentStorage::kAuto;
  uint64_t seed = 0;
  int n_threads = 0;                      ///< layers in work at once; 0: physical cores this process may use. Does not change the result
  const ActivationStats* task = nullptr;  ///< required but for magnitude, random, donor (which weight the SVD by it if given) and distill
  const ActivationStats* general = nullptr;  ///< required by contrast, channel and actsvd, unused by the others
  const GgufFile* donor = nullptr;           ///< required by donor: a model of the base's architecture and shapes
  const PromptPairs* pairs = nullptr;        ///< required by distill
  ProgressFn progress;
  std::stop_token stop;
};
struct FragmentTensor {
  std::string name;  ///< of the base weight
  size_t rank = 0;
  double retained_energy = 0;
};
struct FragmentBuild {
  std::filesystem::path path;
  uint64_t bytes = 0;
  double seconds = 0;
  double retained_energy = 0;  ///< mean over tensors
  std::vector<FragmentTensor> tensors;
};
/// Reads the base weights from its file, one linear layer per thread in memory; distill reads its records once for every 2 GiB of inputs.
/// Same base, spec and seed: same tensors. Progress is called from the working threads, one call at a time.
/// \throws Error kInvalidArgument (statistics of another base or missing layers, a donor of another shape, pairs of
/// which nothing can be learned, keep, rank, name),
/// kFailedPrecondition (what was given selects nothing), kUnimplemented (a base without known linear layers), kCancelled (no file is left).
FragmentBuild build_fragment(const Model& base, const FragmentSpec& spec, const std::filesystem::path& out);

struct Evidence {
  std::string suite;  ///< "mbpp[601..]", "humaneval"
  size_t n = 0;
  double score_off = 0, score_on = 0;  ///< fractions
  double p_value = 1;                  ///< exact McNemar
  float strength = 0;
};
struct FragmentInfo {
  std::filesystem::path path;
  std::string name, role, recipe, base_name, base_fingerprint;
  double keep = 0;
  size_t rank = 0;
  float strength = 0;
  std::vector<FragmentTensor> tensors;
  std::vector<std::string> calibration_hashes, general_hashes;
  std::vector<Evidence> evidence;
  uint64_t bytes = 0;
  bool foreign = false;  ///< a LoRA without aicoder metadata
};
/// \throws Error kNotFound, kDataLoss, kInvalidArgument (a GGUF that is no LoRA), kFailedPrecondition (a newer format version).
FragmentInfo inspect_fragment(const std::filesystem::path& path);
/// Rewrites the metadata atomically; tensors stay byte for byte. Replaces the evidence. \throws as inspect_fragment,
/// kFailedPrecondition for a foreign adapter, kInvalidArgument for a strength that is not finite.
void update_fragment(const std::filesystem::path& path, float strength, const std::vector<Evidence>& evidence);

/// Every adapter under the folder, FOLDER/<base name>/*.gguf and FOLDER/*.gguf, sorted by path. What cannot be read is left out,
/// with a warning in the log; a folder that does not exist is empty.
std::vector<FragmentInfo> list_fragments(const std::filesystem::path& fragments_dir);
/// data_dir()/fragments. Not created.
std::filesystem::path fragments_dir();
/// A path (it has a '/', or ends in .gguf), else the name in the file or of the file, for a base fingerprint (first match whose
/// base agrees; any base when empty). \throws Error(kNotFound) with the build command.
std::filesystem::path resolve_fragment(std::string_view name_or_path, std::string_view base_fingerprint);

}  // namespace aicoder
