#!/usr/bin/env bash
# Runs every micro-benchmark of the release build (google-benchmark).
#   bench.sh [options of google-benchmark]       e.g. --benchmark_filter=Wanda
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mapfile -t programs < <(find build/release/bin -maxdepth 1 -name '*_bench' -type f -executable | sort)
[ "${#programs[@]}" -gt 0 ] || { echo "bench: no *_bench program in build/release/bin" >&2; exit 1; }
for program in "${programs[@]}"; do "$program" "$@"; done
