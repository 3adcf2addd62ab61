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
/// sections 2 and 3): error <= ||X||_F^2 / (size + 1), and 0 while there are no more rows than `size` or n_in <= size. Mergeable. capture()
/// fills those of inputs up to 2048 wide from their whole X^T X instead, with an error of its own (docs/formats/imatrix.md).
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
/// layers; with a sketch_size also their second moments. For these, beside the rows of one window, an input of up to 2048 wide takes
/// width^2 floats and a wider one 2 sketch_size * width: 1.9 GB for a model of 1.5B with the defaults. \throws Error kInvalidArgument (no
/// text, n_window), kFailedPrecondition (activations that are not finite, no known linear layers), kUnimplemented (second moments of a
/// model whose layers do not share inputs as llama's do), kCancelled.
ActivationStats capture(const std::shared_ptr<const Model>& model, std::span<const TextRecord> records, const CaptureOptions& options);

enum class Recipe { kWanda, kContrast, kMagnitude, kRandom, kChannel, kActsvd, kDonor, kDistill, kSteer };
std::string_view to_string(Recipe recipe) noexcept;
/// What a recipe cannot do without.
struct RecipeNeeds {
  bool task = false, general = false;  ///< statistics of such a text
  bool second_moments = false;         ///< in these statistics
  bool donor = false;                  ///< another model of the same shape
  bool prompt = false;                 ///< and records to read with and without it
  bool vectors = false;                ///< makes control vectors, no LoRA
};
RecipeNeeds recipe_needs(Recipe recipe) noexcept;
/// \throws Error(kInvalidArgument): unknown, or "search", which is search_strengths.
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

/// What `distill` compiles into weights and `steer` into control vectors: a prompt, and answers that are read with and without it.
/// Conversations end with an answer and take the prompt as system message, plain texts have it in front.
struct PromptPairs {
  std::shared_ptr<const Model> model;  ///< the base
  std::vector<TextRecord> records;
  std::string prompt;
  std::string against;  ///< of steer: the prompt of the other side; empty: none
  /// Of steer: answers of the other side, such as those that failed their checks. Then there is no prompt: what is compared is the mean
  /// over the tokens of the answers of `records` with that over these.
  std::vector<TextRecord> opposite;
  size_t max_tokens = 2048;  ///< of answers, 1 to 16384: the fit solves for a matrix of its square, and memory grows with it
  double ridge = 0.01;       ///< lambda, as a share of the tokens' mean squared norm; above 0
};

/// The layers that steer changes, both included, from 1 on. first = 0: the middle third of the model.
struct LayerRange {
  size_t first = 0, last = 0;
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
  const PromptPairs* pairs = nullptr;        ///< required by distill and steer
  LayerRange layers;                         ///< of steer
  ProgressFn progress;
  std::stop_token stop;
};
struct FragmentTensor {
  std::string name;  ///< of the base weight
  size_t rank = 0;
  double retained_energy = 0;
};
/// Added to the residual stream after a layer, times the strength.
struct ControlVector {
  size_t layer = 0;
  double norm = 0;      ///< L2
  double relative = 0;  ///< norm over the root mean square norm of the residual stream it is added to; 0: not known
  double shared = 0;    ///< 0..1, of ||change||^2 over all tokens, the part that the mean change is (of two sets of answers: of the
                        ///< variance of their tokens, the part that is between the sets); 0: not known
};
struct FragmentBuild {
  std::filesystem::path path;
  uint64_t bytes = 0;
  double seconds = 0;
  double retained_energy = 0;  ///< mean over tensors
  std::vector<FragmentTensor> tensors;
  std::vector<ControlVector> vectors;
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
/// One of the fragments that a merged one was made of.
struct FragmentParent {
  std::string name;
  float weight = 0;
  std::string hash;  ///< SHA-256 of its file
};
struct FragmentInfo {
  std::filesystem::path path;
  std::string name, role, recipe, base_name, base_fingerprint;
  double keep = 0;
  size_t rank = 0;
  float strength = 0;
  std::vector<FragmentTensor> tensors;
  std::vector<ControlVector> vectors;
  std::string prompt, against;  ///< of distill and steer
  std::string donor;            ///< name of the other model
  std::vector<std::string> calibration_hashes, general_hashes;
  std::vector<FragmentParent> parents;  ///< of a merged fragment
  FragmentSettings settings;
  std::vector<Evidence> evidence;
  uint64_t bytes = 0;
  bool foreign = false;  ///< a LoRA without aicoder metadata
};
/// \throws Error kNotFound, kDataLoss, kInvalidArgument (a GGUF that is no LoRA), kFailedPrecondition (a newer format version).
FragmentInfo inspect_fragment(const std::filesystem::path& path);
/// What a fragment's evidence at its own strength says. Suites that chose the strength ("mbpp[601..]", "security[select]") do not judge.
enum class Standing {
  kNotJudged,     ///< by no suite at this strength; always at strength 0
  kHelps,         ///< better on a suite with p below 0.05 over the number of suites (Bonferroni), on none worse with p < 0.05
  kNoDifference,  ///< judged, and neither better nor worse was shown
  kMixed,         ///< better on one suite, worse on another
  kHarms,         ///< worse on a suite with p < 0.05, better on none
};
std::string_view to_string(Standing standing) noexcept;
/// Only a fragment that helps is used where the user names none.
Standing standing(const FragmentInfo& info) noexcept;
/// A page in Markdown: what it is, what it was made from, what was measured.
std::string fragment_card(const FragmentInfo& info);
/// SHA-256 over names, types, shapes and bytes of the tensors, and the control vectors: stays the same when strength or evidence are
/// written.
/// \throws as GgufFile::open.
std::string fragment_tensor_hash(const std::filesystem::path& path);
/// Rewrites the metadata atomically; tensors stay byte for byte. Replaces the evidence. \throws as inspect_fragment,
/// kFailedPrecondition for a foreign adapter, kInvalidArgument for a strength that is not finite.
void update_fragment(const std::filesystem::path& path, float strength, const std::vector<Evidence>& evidence);
/// The same, of how it asks to be used. What was measured was measured under the old settings, so evidence goes where they change
/// what the model reads (invocation, prompt prefix).
void update_fragment(const std::filesystem::path& path, const FragmentSettings& settings);

/// Every adapter under the folder, FOLDER/<base name>/*.gguf and FOLDER/*.gguf, sorted by path. What cannot be read is left out,
/// with a warning in the log; a folder that does not exist is empty.
std::vector<FragmentInfo> list_fragments(const std::filesystem::path& fragments_dir);
/// data_dir()/fragments. Not created.
std::filesystem::path fragments_dir();
/// A path (it has a '/', or ends in .gguf), else the name in the file or of the file, for a base fingerprint (first match whose
/// base agrees; any base when empty). \throws Error(kNotFound) with the build command.
std::filesystem::path resolve_fragment(std::string_view name_or_path, std::string_view base_fingerprint);

// ---- strengths by layer ------------------------------------------------------------------------------------------------

/// Mean over rows of KL(base || changed) in nats. \param base, changed  logits, [n, n_vocab] row-major
/// \throws Error(kInvalidArgument) when sizes disagree.
double mean_kl(std::span<const float> base, std::span<const float> changed, size_t n_vocab);

enum class SearchMethod { kSpsa, kCmaEs };
struct SearchOptions {
  SearchMethod method = SearchMethod::kSpsa;
  std::vector<TextRecord> objective;  ///< the loss to lower: best the model's own verified answers; every second one is held out
  std::vector<TextRecord> guard;      ///< unrelated text, the first 128 tokens of it: the fragment must not change what comes there
  size_t iterations = 60;
  size_t batch_tokens = 512;          ///< of the objective, for one evaluation
  float largest = 0.4f;               ///< strengths stay within [-largest, largest]
  double max_kl = 0.02;               ///< mean KL(base || fragment) on the guard, in nats a token
  std::filesystem::path scratch_dir;  ///< holds the fragment in parts for a moment; removed where it is empty then
  /// One line a measured value (docs/formats/search-journal.md): with the same file the same search goes on where it was stopped or
  /// killed, to the same result. Empty: none.
  std::filesystem::path journal;
  bool fresh = false;  ///< forget what the journal holds
  uint64_t seed = 0;
  int n_threads = 0;
  ProgressFn progress;
  std::stop_token stop;
};
struct SearchResult {
  std::vector<std::string> groups;   ///< "blk.0.attn", "blk.0.ffn", ...
  std::vector<double> strengths;     ///< of each group
  double loss_off = 0, loss_on = 0;  ///< mean NLL a token of the held-out answers
  double kl = 0;
  size_t evaluations = 0;
  size_t replayed = 0;    ///< values taken from the journal: evaluations, and the losses beside them
  bool accepted = false;  ///< lower loss on held-out answers and KL within its bound; else the file's strength is 0
};
/// Finds a strength for each layer's attention and feed-forward part by forward passes alone, starting from the fragment's own
/// strength, and writes a fragment with them. \throws Error kInvalidArgument (options, no text, a journal of other settings),
/// kFailedPrecondition (a foreign adapter, another base, a journal that another search writes), kDataLoss (a broken journal), kCancelled
/// (no file but the journal is left), and as inspect_fragment.
SearchResult search_strengths(const std::shared_ptr<const Model>& model, const std::filesystem::path& fragment,
                              const SearchOptions& options, const std::filesystem::path& out);

/// Writes the control vectors as stock llama.cpp reads them with --control-vector: tensors `direction.LAYER`, times `strength`.
/// \throws Error kInvalidArgument (no control vectors, strength 0 or not finite), and as inspect_fragment and write_file_atomic.
size_t export_control_vectors(const std::filesystem::path& fragment, float strength, const std::filesystem::path& out);

// ---- exchange with PEFT (docs/formats/peft.md) -------------------------------------------------------------------------

struct PeftExportOptions {
  std::optional<float> strength;  ///< none: the file's own (1 for a LoRA of others); what lora_alpha / r will be
  std::string base_model;         ///< base_model_name_or_path of the config; empty: the name in the base file
  bool force = false;             ///< replace a PEFT folder; never a folder that holds anything else
  ProgressFn progress;
};
struct PeftExport {
  std::filesystem::path dir;
  float strength = 0;
  size_t tensors = 0, rank = 0;  ///< weights changed; largest rank
  uint64_t bytes = 0;
};
/// Writes DIR/adapter_config.json and DIR/adapter_model.safetensors, both or neither. Factors keep their type (Q8_0 becomes F32);
/// rows of Q and K return to the order of Hugging Face where the base was permuted (llama). Bases: llama, qwen2, qwen3.
/// \throws Error kFailedPrecondition (a fragment of another base, strength 0 in the file, a folder that exists), kInvalidArgument
/// (strength 0 or not finite, no LoRA, `dir` holds other things), kUnimplemented (another family, weights PEFT has no module for),
/// kDataLoss, and as write_file_atomic.
PeftExport export_peft(const Model& base, const std::filesystem::path& fragment, const std::filesystem::path& dir,
                       const PeftExportOptions& options = {});

struct ImportOptions {
  std::string name;                                  ///< letters, digits, '.', '_', '-'
  std::string role;                                  ///< as in FragmentSpec
  FragmentStorage storage = FragmentStorage::kAuto;  ///< kAuto: as in the source; BF16 becomes F32, which is exact
  bool force = false;                                ///< replace `out`
  ProgressFn progress;
};
/// A PEFT LoRA folder (or its adapter_model.safetensors), or a LoRA GGUF of llama.cpp, as a fragment of this base: recipe
/// "imported", strength = its scale (alpha / r), no evidence. Where scales differ by tensor the strength is the largest, and the
/// B of the others is scaled.
/// \throws Error kNotFound, kDataLoss (broken files, ranks that disagree with the config), kFailedPrecondition (another base, shapes
/// that do not fit, `out` exists), kInvalidArgument (name, a fragment already, scale 0), kUnimplemented (DoRA, modules_to_save,
/// embeddings, biases, experts, initializations that changed the base; the message says which).
FragmentInfo import_fragment(const Model& base, const std::filesystem::path& source, const ImportOptions& options,
                             const std::filesystem::path& out);

// ---- several fragments ---------------------------------------------------------------------------------------------------

enum class MergeMethod { kConcat, kTies, kDare };
std::string_view to_string(MergeMethod method) noexcept;
/// \throws Error(kInvalidArgument).
MergeMethod parse_merge_method(std::string_view name);

struct MergePart {
  std::filesystem::path path;
  std::optional<float> weight;  ///< the strength this part has in the sum; none: the file's own
};
struct MergeOptions {
  std::string name, role;
  MergeMethod method = MergeMethod::kConcat;
  size_t rank = 0;       ///< of each tensor, less where it is too small; 0: the sum of the parts' ranks
  double density = 0.2;  ///< TIES: share of each part's entries that stays, per tensor
  double drop = 0.5;     ///< DARE: share of each part's entries that is dropped
  uint64_t seed = 0;     ///< of DARE's mask and the range finder
  int n_threads = 0;     ///< weights in work at once; 0: physical cores this process may use. Does not change the result
  bool force = false;    ///< replace `out`
  ProgressFn progress;   ///< called from the working threads, one call at a time
  std::stop_token stop;
};
/// Sum over parts of weight * B * A per base weight, as one fragment of strength 1.
/// kConcat stacks the factors: exact (B in F32 holds the weight, A keeps its bytes); with a rank below the stacked one, the exact
/// truncated SVD of the stacked product, computed from its factors. kTies (Yadav et al. 2023, arXiv 2306.01708, section 4: trim, elect
/// sign, disjoint mean) and kDare (Yu et al. 2024, arXiv 2311.03099, section 3: drop, rescale by 1 / (1 - drop), sum) work on the dense
/// deltas of one weight at a time; theirs is then a truncated SVD. Trimming is per tensor, not over the whole model as in the paper.
/// retained_energy is the share of the unweighted ||delta||_F^2 that the rank keeps. Deterministic for a seed.
/// \throws Error kInvalidArgument (fewer than 2 parts, other bases or shapes, a LoRA without our metadata, weight 0, density, drop,
/// rank), kFailedPrecondition (a part whose own strength is 0 and no weight given, `out` exists), kDataLoss, kCancelled.
FragmentBuild merge_fragments(std::span<const MergePart> parts, const MergeOptions& options, const std::filesystem::path& out);

/// Of one weight. Deltas are scale * B * A at strength 1; scale is alpha / rank, 1 for fragments.
struct TensorDiff {
  std::string name;
  size_t rank_a = 0, rank_b = 0;  ///< 0: not in that file
  double norm_a = 0, norm_b = 0;  ///< Frobenius
  double relative = 0;            ///< ||A - B||_F / max(||A||_F, ||B||_F), 0..2; 0 where both are 0
  double cosine = 0;              ///< of the two deltas as vectors, -1..1; 0 where one is 0
};
struct MetadataDiff {
  std::string key, a, b;  ///< values as text; empty: not there
};
struct FragmentDiff {
  std::vector<TensorDiff> tensors;  ///< largest relative difference first, then by name
  std::vector<MetadataDiff> metadata;
  TensorDiff total;  ///< over all tensors; its name is empty, its ranks the largest
};
/// Computed from the factors, in double, never from a dense delta. \throws Error kNotFound, kDataLoss, kInvalidArgument (no LoRA,
/// shapes that disagree).
FragmentDiff diff_fragments(const std::filesystem::path& a, const std::filesystem::path& b, const ProgressFn& progress = {});

}  // namespace aicoder
