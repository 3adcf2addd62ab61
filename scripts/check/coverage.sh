#!/usr/bin/env bash
# Builds with coverage, runs the unit tests, and the model tests where the test model is there, and writes build/coverage/coverage.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
jobs=${AICODER_JOBS:-$(nproc)}
scripts/build.sh coverage
find build/coverage -name '*.gcda' -delete
# A failing test still covers lines; the report is made and the failure kept.
status=0
ctest --test-dir build/coverage --output-on-failure --no-tests=error --no-label-summary -LE 'slow|e2e' -j "$jobs" || status=$?
gcovr=$(dirname "$(scripts/setup/python.sh coverage)")/gcovr
"$gcovr" --root . --filter 'src/' --filter 'include/' --gcov-ignore-parse-errors=negative_hits.warn_once_per_file -j "$jobs" \
  --txt build/coverage/coverage.txt --txt-metric line --print-summary build/coverage
echo "per file: build/coverage/coverage.txt"
exit "$status"
