// Which of five labels a text has. Script decides most; English against other languages in Latin script is told by function words, the
// commonest words of a language, which make up half of any running text in it (Grefenstette 1995, "Comparing two language
// identification schemes").
#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include "aicoder/text.h"
#include "text/script.h"
#include "text/utf8.h"

namespace aicoder {
namespace {

enum class Side : uint8_t { kEnglish, kOther, kBoth };

// Words that stand in several lists ("a", "die", "in", "no", "me") decide nothing and are left out by side_of().
constexpr std::string_view kEnglish =
    "the of and to is that it was for on are as with his they at be this have from or one had by word but not what all were we when your "
    "can said there use an each which she how their if will up other about out many then them these so some her would make like him into "
    "time has look more write go see could than been its now who did get may you i my our should using does do where why because without "
    "between after before such any also only over being both through during here must shall might very just";
constexpr std::string_view kOthers =
    // Spanish, Portuguese, Italian, French
    "el la los las un una unos unas de del y que en es por con para su sus al lo como más pero este esta estos estas ser si ya entre "
    "cuando "
    "muy sin sobre también hasta desde nos fue hay donde quien cual debe cada o os do da dos das em um uma não se na nos ao à pelo pela "
    "são com isso ele ela seu sua mais mas como foi ou quando muito já também só pelos você deve il lo gli le di e che è per una del della "
    "dei "
    "delle degli nel nella con sono si non ma come anche più questo questa o al alla ai da dal dalla su sul deve se essere ogni les des et "
    "est une dans qui pour pas sur au aux avec ce cette ces il elle nous vous ils sont ou mais plus par ne leur son sa ses être doit qu "
    "comme si tout fait peut l d "
    // German, Dutch, the northern languages
    "der die das und ist nicht ein eine einen einer eines dem den des zu mit von auf für im sich auch es an werden aus er hat dass sie "
    "nach "
    "wird bei einem um am sind noch wie über so zum war haben nur oder aber vor zur bis mehr durch man sein soll het een van ik te dat "
    "zijn "
    "op aan niet met voor naar ook bij uit maar om och att det som på är av för med den till inte om ett jag så og ikke til er på "
    // Polish, Turkish, Indonesian, Vietnamese
    "nie się na że jest do to jak ale po co tak za od przez bir ve bu için ile da çok daha gibi yang dan di untuk dengan ini itu dari pada "
    "tidak adalah của và là có không được cho các một người";

std::unordered_map<std::string_view, Side> read_words() {
  std::unordered_map<std::string_view, Side> words;
  const auto add = [&words](std::string_view list, Side side) {
    for (size_t at = 0; at < list.size();) {
      const size_t end = std::min(list.find(' ', at), list.size());
      const auto [it, fresh] = words.emplace(list.substr(at, end - at), side);
      if (!fresh && it->second != side) it->second = Side::kBoth;
      at = end + 1;
    }
  };
  add(kEnglish, Side::kEnglish);
  add(kOthers, Side::kOther);
  return words;
}

bool is_english(std::string_view text) {
  static const auto words = read_words();
  size_t english = 0, other = 0;
  std::string word;
  bool accented = false;
  const auto end_word = [&] {
    if (const auto found = words.find(word); found != words.end()) {
      english += found->second == Side::kEnglish ? 1 : 0;
      other += found->second == Side::kOther ? 1 : 0;
    } else if (accented) {
      ++other;
    }
    word.clear();
    accented = false;
  };
  for (size_t at = 0; at < text.size();) {
    const char32_t point = text::next_code_point(text, at);
    if (!text::script_of(point)) {
      if (!word.empty()) end_word();
      continue;
    }
    const bool upper = point >= 'A' && point <= 'Z';
    text::append_code_point(word, upper ? point + ('a' - 'A') : point);
    accented = accented || point >= 0x80;
  }
  if (!word.empty()) end_word();
  return english >= other;
}

}  // namespace

std::string_view to_string(LanguageLabel label) noexcept {
  constexpr std::array<std::string_view, 5> kNames = {"ko", "ko_en_mixed", "ko_hanja", "en", "other_language"};
  return kNames.at(static_cast<size_t>(label));
}

LanguageLabel label_language(std::string_view text) {
  constexpr double kKorean = 0.10, kKoreanBesideHan = 0.30;
  const LetterCounts letters = count_letters(text);
  const double hangul = letters.share(Script::kHangul), han = letters.share(Script::kHan);
  if (hangul > kKoreanBesideHan && han > 0) return LanguageLabel::kKoHanja;
  if (hangul >= kKorean) return hangul >= 1 ? LanguageLabel::kKo : LanguageLabel::kKoEnMixed;
  if (letters.share(Script::kLatin) < 0.9) return LanguageLabel::kOtherLanguage;
  return is_english(text) ? LanguageLabel::kEn : LanguageLabel::kOtherLanguage;
}

}  // namespace aicoder
