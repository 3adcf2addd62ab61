#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "aicoder/core.h"

namespace aicoder {
namespace {

class Environment {
 public:
  void set(const char* name, const char* value) {
    const char* old = std::getenv(name);
    saved_.emplace_back(name, old != nullptr ? std::optional<std::string>(old) : std::nullopt);
    if (value != nullptr) {
      ::setenv(name, value, 1);
    } else {
      ::unsetenv(name);
    }
  }
  ~Environment() {
    for (auto it = saved_.rbegin(); it != saved_.rend(); ++it) {
      if (it->second) {
        ::setenv(it->first.c_str(), it->second->c_str(), 1);
      } else {
        ::unsetenv(it->first.c_str());
      }
    }
  }

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> saved_;
};

TEST(Paths, AicoderHomeHoldsEverything) {
  Environment env;
  env.set("AICODER_HOME", "/h");
  EXPECT_EQ(data_dir(), "/h");
  EXPECT_EQ(cache_dir(), "/h/cache");
  EXPECT_EQ(config_dir(), "/h/config");
  EXPECT_EQ(deps_dir(), "/h/deps");
}

TEST(Paths, XdgThenHome) {
  Environment env;
  env.set("AICODER_HOME", nullptr);
  env.set("XDG_DATA_HOME", "/x");
  env.set("XDG_CACHE_HOME", nullptr);
  env.set("HOME", "/u");
  EXPECT_EQ(data_dir(), "/x/aicoder");
  EXPECT_EQ(cache_dir(), "/u/.cache/aicoder");
  EXPECT_EQ(deps_dir(), "/u/.cache/aicoder/deps");
}

TEST(Paths, RelativeValuesAreIgnored) {
  Environment env;
  env.set("AICODER_HOME", "relative");
  env.set("XDG_CONFIG_HOME", "relative");
  env.set("HOME", "/u");
  EXPECT_EQ(config_dir(), "/u/.config/aicoder");
}

}  // namespace
}  // namespace aicoder
