// text: what a text holds, seen without a model: script, language, contamination, overlap with a reference, numbers.
//
//   auto share = aicoder::count_letters("안녕 world").share(aicoder::Script::kHangul);     // 2 of 7
//   auto report = aicoder::inspect_text(answer, {.target = aicoder::Script::kHangul});       // purity, contamination with places
//   double bleu = aicoder::corpus_bleu(hypotheses, references, {.max_order = 4});            // a fraction, as sacrebleu / 100
//
// All text is UTF-8; what is not counts as U+FFFD. Knows no task: whether a text is good is eval's and diagnose's question.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aicoder {

// ---- numbers -------------------------------------------------------------------------------------------------------------

/// A number as it stands in a text, and its value.
struct NumberFound {
  std::string text;  ///< "1,234.50", without sign of currency or a full stop after it
  double value = 0;
};
/// The number right after the first "####". nullopt where there is none.
std::optional<NumberFound> marked_number(std::string_view text);
/// The last number of the text. A minus counts as its sign where no digit, letter or bracket stands before it: not in "9-4".
std::optional<NumberFound> last_number(std::string_view text);
/// The number a worked answer gives as its own: the last in the last \boxed{}, else marked_number. nullopt where neither is there.
std::optional<NumberFound> given_number(std::string_view text);
/// given_number, else last_number.
std::optional<NumberFound> answer_number(std::string_view text);
/// How many numbers stand in the text, in digits.
size_t count_numbers(std::string_view text);

// ---- scripts and language ------------------------------------------------------------------------------------------------

enum class Script : uint8_t { kHangul, kLatin, kHan, kKana, kOther };
inline constexpr size_t kScripts = 5;
std::string_view to_string(Script script) noexcept;  ///< "hangul", "latin", "han", "kana", "other"

/// Letters (Unicode general category L, and marks that belong to one as Thai vowels do) by script; Hangul with its Jamo.
struct LetterCounts {
  std::array<uint64_t, kScripts> of{};
  uint64_t all() const noexcept;
  /// Of the letters; 0 where there is none.
  double share(Script script) const noexcept;
};
LetterCounts count_letters(std::string_view text);

/// ko: Hangul alone. ko_en_mixed: Korean with Latin words. ko_hanja: Korean with Chinese characters. en: English. other_language: the rest.
enum class LanguageLabel : uint8_t { kKo, kKoEnMixed, kKoHanja, kEn, kOtherLanguage };
std::string_view to_string(LanguageLabel label) noexcept;
/// By scripts; English is told from other languages in Latin script by its function words and by letters it does not use.
LanguageLabel label_language(std::string_view text);

// ---- contamination -------------------------------------------------------------------------------------------------------

enum class Contamination : uint8_t { kHtml, kCode, kEmoji, kSpecial, kControl, kForeignScript, kRepetition, kTemplate };
inline constexpr size_t kContaminations = 8;
std::string_view to_string(Contamination kind) noexcept;  ///< "html", "code", "emoji", "special", "control", "foreign_script", ...

struct ContaminationFound {
  Contamination kind{};
  size_t begin = 0, end = 0;  ///< bytes
  size_t line = 1;
};
struct InspectOptions {
  Script target = Script::kHangul;
  bool skip_code_blocks = false;  ///< what stands between ``` fences is neither counted nor inspected
  bool skip_quotes = false;       ///< nor what stands between quotation marks, on one line
  /// Words in another script that are no impurity, compared without case: "TV", "AI". They are left out of the letters too.
  std::vector<std::string> allowed_words;
};
struct LineReport {
  size_t line = 1;
  double purity = 1;  ///< share of the letters in the target script; 1 for a line without letters
  std::vector<Contamination> contamination;
};
struct TextReport {
  LetterCounts letters;
  double purity = 1;                                      ///< of the whole
  std::array<uint64_t, kContaminations> contamination{};  ///< places of each kind
  std::vector<ContaminationFound> found;                  ///< in the order of the text
  std::vector<LineReport> lines;                          ///< every line that holds something
};
TextReport inspect_text(std::string_view text, const InspectOptions& options);

// ---- overlap with references ---------------------------------------------------------------------------------------------

enum class Tokenizer : uint8_t { k13a, kIntl, kChar };
std::string_view to_string(Tokenizer tokenizer) noexcept;  ///< "13a", "intl", "char"
/// \throws Error(kInvalidArgument).
Tokenizer parse_tokenizer(std::string_view name);
/// As sacrebleu's tokenizer of that name cuts a line.
std::vector<std::string> tokenize_for_bleu(std::string_view line, Tokenizer tokenizer);

struct BleuOptions {
  Tokenizer tokenizer = Tokenizer::k13a;
  size_t max_order = 4;          ///< BLEU-1, BLEU-2, BLEU-4
  bool effective_order = false;  ///< leave out orders the hypotheses have no n-gram of: for single sentences
};
/// Corpus BLEU (Papineni et al. 2002) with sacrebleu's exponential smoothing, as a fraction: sacrebleu's score / 100.
/// \param references  [hypotheses.size()], each with at least one reference
/// \throws Error(kInvalidArgument) for no segments, sizes that disagree, a segment without reference, max_order 0.
double corpus_bleu(std::span<const std::string> hypotheses, std::span<const std::vector<std::string>> references,
                   const BleuOptions& options);
/// Corpus chrF2 (Popovic 2015: characters to order 6, beta 2, blanks left out), as a fraction. \throws as corpus_bleu.
double corpus_chrf(std::span<const std::string> hypotheses, std::span<const std::vector<std::string>> references);
/// ROUGE-L F1 (Lin 2004, section 3) over blank-separated words: longest common subsequence. 0 where either side has no word.
double rouge_l(std::string_view hypothesis, std::string_view reference);
/// Different n-grams of blank-separated words over all of them; 0 where there is none. \throws Error(kInvalidArgument) for n = 0.
double distinct_n(std::span<const std::string> texts, size_t n);
/// Mean sentence BLEU-4 of each text against all others (Zhu et al. 2018, arXiv 1802.01886): 1 for texts that are all alike.
/// \throws Error(kInvalidArgument) for fewer than two texts.
double self_bleu(std::span<const std::string> texts, Tokenizer tokenizer = Tokenizer::k13a);

}  // namespace aicoder
