#!/usr/bin/env bash
# Installs the pinned llama.cpp once into the cache and prints its prefix on stdout.
# The source is the tree inside the llama-cpp-python source distribution, configured by its own CMake files:
# libraries, headers and CMake configs only, no server, no tools (bench/peers/build.sh makes those on demand).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/cache.sh"

version=$(sed -n 's/^llama-cpp-python==\([^ ]*\).*/\1/p' "$here/requirements-build.txt")
# Kernels are built for this processor, so the key holds its flags: a shared home on another processor builds again.
cpu=$( { uname -m; grep -m1 '^flags' /proc/cpuinfo || true; c++ -dumpfullversion; } | sha256sum | cut -c1-12)
source_dir="$AICODER_DEPS/llama-src-$version"
prefix="$AICODER_DEPS/llama-$version-$cpu"

exec 9>"$AICODER_DEPS/.llama.lock"
flock 9

fetch_source() {
  [ -f "$source_dir/.complete" ] && return
  say "fetching the llama.cpp source (llama-cpp-python $version, 77 MB)"
  local work
  work=$(mktemp -d "$AICODER_DEPS/.fetch.XXXXXX")
  trap 'rm -rf "$work"' RETURN
  python3 -m venv "$work/venv"
  # pip runs the package's build backend to read its name and version, hence scikit-build-core.
  "$work/venv/bin/pip" -q install scikit-build-core==0.11.6
  (cd "$work" && "$work/venv/bin/pip" -q download --no-deps --no-binary=:all: --no-build-isolation --require-hashes \
    -r "$here/requirements-build.txt") || die "could not fetch llama-cpp-python $version: is the network there? Run 'make setup' again."
  mkdir "$work/tree"
  tar -xzf "$work"/llama_cpp_python-*.tar.gz -C "$work/tree" --strip-components=1
  rm -rf "$source_dir"
  mv "$work/tree/vendor/llama.cpp" "$source_dir"
  touch "$source_dir/.complete"
}

if [ "${1:-}" = --source ]; then
  fetch_source
  echo "$source_dir"
  exit 0
fi
if [ ! -f "$prefix/.complete" ]; then
  fetch_source
  say "building llama.cpp once into $prefix (about 5 minutes on 2 cores)"
  build="$AICODER_DEPS/.build-$cpu"
  rm -rf "$build" "$prefix.new" "$prefix"
  log="$AICODER_DEPS/llama-build.log"
  {
    cmake -S "$source_dir" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" \
      -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=ON -DGGML_NATIVE=ON -DGGML_RPC=ON -DLLAMA_BUILD_COMMON=OFF \
      -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF \
      -DLLAMA_BUILD_NUMBER=0 -DLLAMA_BUILD_COMMIT="py$version" -DLLAMA_OPENSSL=OFF ${AICODER_LLAMA_CMAKE_ARGS:-}
    cmake --build "$build" --target install
  } >"$log" 2>&1 || { tail -n 30 "$log" >&2; die "llama.cpp did not build; the whole log: $log"; }
  rm -rf "$build"
  touch "$prefix/.complete"
fi
echo "$prefix"
