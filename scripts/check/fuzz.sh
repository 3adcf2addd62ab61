#!/usr/bin/env bash
# Runs each libFuzzer target for FUZZ_SECONDS (default 60) under AddressSanitizer and UBSan. The corpus grows in build/fuzz/corpus.
#   fuzz.sh [TARGET...]       all targets, or only these (gguf_fuzz)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v clang++-19 >/dev/null || {
  echo "fuzz: libFuzzer comes with clang; as root, run: apt-get install --no-install-recommends -y clang-19 libclang-rt-19-dev" >&2
  exit 1
}
mapfile -t targets < <(sed -n 's/^aicoder_fuzz(\([a-z0-9_]*\).*/\1/p' fuzz/CMakeLists.txt)
[ $# -eq 0 ] || targets=("$@")
scripts/build.sh fuzz --target "${targets[@]}"
for target in "${targets[@]}"; do
  corpus="build/fuzz/corpus/$target"
  mkdir -p "$corpus"
  seeds=()
  [ ! -d "tests/data/fuzz/$target" ] || seeds=("tests/data/fuzz/$target")
  echo "== $target, ${FUZZ_SECONDS:-60} s"
  "build/fuzz/bin/$target" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$target-" "$corpus" ${seeds[@]+"${seeds[@]}"} 2>&1 | tail -n 12
done
