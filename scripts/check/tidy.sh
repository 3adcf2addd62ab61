#!/usr/bin/env bash
# clang-tidy over our sources with the checks of .clang-tidy; a finding is a failure.
#   tidy.sh [FILE...]       all sources, or only these
# Uses build/release/compile_commands.json. See tidy.py for what is not read again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/setup/cache.sh
. scripts/setup/cache.sh
python=$(scripts/setup/python.sh lint)
build=${AICODER_TIDY_BUILD:-build/release}
[ -f "$build/compile_commands.json" ] || die "no $build/compile_commands.json: run 'make build' first"
exec "$python" scripts/check/tidy.py --build "$build" --cache "$AICODER_DEPS/tidy" --jobs "${AICODER_JOBS:-$(nproc)}" "$@"
