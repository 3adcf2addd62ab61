// cli: the commands of `aicoder`: parse, wire the modules, show, translate errors to exit codes.
//
//   int main(int argc, char** argv) { return aicoder::cli_main(argc, argv); }
#pragma once

namespace aicoder {

/// Exit codes: 0 ok, 1 task failed, 2 usage or bad input, 3 ran but unverified, 4 sandbox unavailable, 130 interrupted.
int cli_main(int argc, char** argv);

}  // namespace aicoder
