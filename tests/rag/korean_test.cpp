// Korean is written with particles stuck to its words, and most of its nouns have two syllables: what splits at blanks or looks for three
// characters does not find them.
#include <gtest/gtest.h>

#include <functional>

#include "aicoder/rag.h"
#include "rag/sqlite_handles.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

struct Pair {
  const char *document, *query;
};
// Written for this test. Each query asks for its document in other forms of its words, most of them of two syllables.
constexpr Pair kPairs[] = {{"검색기는 문서를 조각으로 나누어 색인에 저장한다.", "색인 저장 방법"},
                           {"사용자가 로그인하면 비밀번호를 해시로 바꾸어 비교한다.", "비밀번호 비교"},
                           {"파일을 읽지 못하면 오류를 기록하고 다음 파일로 넘어간다.", "오류 기록"},
                           {"서버가 시작될 때 설정을 환경변수에서 불러온다.", "서버 설정 읽기"},
                           {"그림의 크기를 절반으로 줄인 뒤 화면에 표시한다.", "그림 크기 줄이기"},
                           {"할머니는 겨울마다 김치를 담가 이웃과 나누었다.", "겨울 김치 이야기"},
                           {"주문이 취소되면 결제 금액을 돌려준다.", "결제 취소"},
                           {"연결이 끊어지면 세 번까지 다시 시도한다.", "연결 재시도"},
                           {"정렬된 목록에서 이진 탐색으로 값을 찾는다.", "이진 탐색"},
                           {"봄이 오자 마을 어귀의 벚꽃이 활짝 피었다.", "벚꽃 피는 마을"},
                           {"날짜를 문자열로 바꾸고 시간대를 붙인다.", "날짜 문자열 변환"},
                           {"음악을 재생하는 동안 화면을 끌 수 있다.", "음악 재생"},
                           {"학생의 성적을 과목별로 평균을 내어 출력한다.", "성적 평균"},
                           {"메모리가 부족하면 오래된 항목부터 지운다.", "메모리 부족"},
                           {"지도에서 두 지점 사이의 거리를 계산한다.", "거리 계산"},
                           {"이메일 주소의 형식을 정규식으로 검사한다.", "주소 형식 검사"},
                           {"행렬을 곱하기 전에 차원이 맞는지 확인한다.", "행렬 차원 확인"},
                           {"바닷가의 등대는 밤새 배들에게 길을 알려 주었다.", "등대 불빛과 배"},
                           {"암호화된 통로로 자료를 전송한다.", "자료 전송 암호"},
                           {"게임이 끝나면 점수를 순위표에 올린다.", "점수 순위"}};

size_t right_at_first(const std::function<std::string(const std::string&)>& search) {
  size_t right = 0;
  for (const Pair& pair : kPairs) right += search(pair.query) == pair.document ? 1 : 0;
  return right;
}

TEST(KoreanRetrieval, PairsOfSyllablesFindWhatWordsAndTrigramsMiss) {
  test::TempDir dir;
  RagIndex index(dir / "index.sqlite", nullptr);
  for (size_t i = 0; i < std::size(kPairs); ++i) {
    const std::string path = "note-" + std::to_string(i);
    index.put(path, std::vector<Chunk>{{path, 1, "", kPairs[i].document}});
  }
  const size_t ours = right_at_first([&](const std::string& query) {
    const auto hits = index.search(query, 1);
    return hits.empty() ? "" : hits[0].text;
  });

  // The control: the same texts and queries in FTS5 with its own tokenizers.
  const auto plain = [&](const std::string& tokenizer) {
    rag::Database database(":memory:");
    database.run(("CREATE VIRTUAL TABLE t USING fts5(text, tokenize='" + tokenizer + "')").c_str());
    for (const Pair& pair : kPairs) rag::Statement(database.get(), "INSERT INTO t VALUES(?)").with(std::string(pair.document)).run();
    return right_at_first([&](const std::string& query) {
      std::string match;
      for (size_t at = 0; at < query.size();) {
        const size_t end = std::min(query.find(' ', at), query.size());
        match += (match.empty() ? "\"" : " OR \"") + query.substr(at, end - at) + "\"";
        at = end + 1;
      }
      rag::Statement rows(database.get(), "SELECT text FROM t WHERE t MATCH ? ORDER BY rank LIMIT 1");
      return rows.with(match).step() ? rows.text(0) : std::string();
    });
  };
  const size_t words = plain("unicode61"), trigrams = plain("trigram");
  std::printf("Korean, right at first of %zu: pairs of syllables %zu, unicode61 %zu, trigram %zu\n", std::size(kPairs), ours, words,
              trigrams);
  EXPECT_GE(ours, std::size(kPairs) * 95 / 100);
  EXPECT_LT(words, std::size(kPairs) / 2) << "then this test shows nothing";
  EXPECT_LT(trigrams, std::size(kPairs) / 2);
}

}  // namespace
}  // namespace aicoder
