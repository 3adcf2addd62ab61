#include "passwords.h"

#include "cases.h"

int main(int argc, char** argv) {
  return run_case(argc, argv,
                  {{"right_password_verifies", [] { EXPECT(verify_password("correct horse", hash_password("correct horse"))); }},
                   {"wrong_password_does_not",
                    [] {
                      const std::string stored = hash_password("correct horse");
                      EXPECT(!verify_password("wrong horse", stored));
                      EXPECT(!verify_password("", stored));
                    }},
                   {"salt_differs", [] { EXPECT(hash_password("correct horse") != hash_password("correct horse")); }},
                   {"other_text_is_no_hash", [] {
                      for (const char* text : {"", "$", "correct horse", "zz$zz", "00", "00$", "$00"}) EXPECT(!verify_password("correct horse", text));
                    }}});
}
