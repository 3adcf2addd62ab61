#!/usr/bin/env bash
# Configures build/PRESET where that is needed, then builds it.
#   scripts/build.sh PRESET [arguments of cmake --build]     e.g. scripts/build.sh asan --target unit_tests
# Configuring costs seconds, so it is done only when the options given here changed; CMake itself notices changed CMake files.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
preset=${1:?usage: scripts/build.sh PRESET [arguments of cmake --build]}
shift
build="$root/build/$preset"

llama=$("$root/scripts/setup/llama.sh")
python=$("$root/scripts/setup/python.sh")
# The HTTP server of llama.cpp's source tree, which no installed llama.cpp brings.
httplib=$("$root/scripts/setup/llama.sh" --source)/vendor/cpp-httplib
options=(--preset "$preset" "-DAICODER_LLAMA_PREFIX=$llama" "-DAICODER_TEST_PYTHON=$python" "-DAICODER_HTTPLIB_DIR=$httplib")
if command -v ccache >/dev/null 2>&1; then
  options+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  # Objects are shared between checkouts: paths below this one enter the key as relative ones.
  export CCACHE_BASEDIR="$root" CCACHE_NOHASHDIR=1
fi

stamp="$build/.configured-with"
wanted=$(printf '%s\n' "$root" "${options[@]}")
if [ ! -f "$build/build.ninja" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
  # A folder configured from another place (a moved or copied checkout) is of no use to CMake.
  if [ -f "$build/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build/CMakeCache.txt"; then
    rm -rf "$build"
  fi
  log="$build/.configure.log"
  mkdir -p "$build"
  (cd "$root" && cmake "${options[@]}") >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
  printf '%s\n' "$wanted" >"$stamp"
fi
exec cmake --build "$build" --parallel "${AICODER_JOBS:-$(nproc)}" "$@"
