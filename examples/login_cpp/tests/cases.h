// One program, many cases: the first argument names the one to run.
#pragma once

#include <cstdio>
#include <functional>
#include <map>
#include <string>

inline int failures = 0;

#define EXPECT(condition)                                                                  \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      std::fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition);        \
      ++failures;                                                                          \
    }                                                                                      \
  } while (false)

inline int run_case(int argc, char** argv, const std::map<std::string, std::function<void()>>& cases) {
  const auto found = argc == 2 ? cases.find(argv[1]) : cases.end();
  if (found == cases.end()) {
    std::fprintf(stderr, "name one case\n");
    return 2;
  }
  found->second();
  return failures == 0 ? 0 : 1;
}
