#!/usr/bin/env bash
# Prints the prefix of the llama.cpp to build against; an empty line where the machine's own one does (CMake finds it by itself).
#   llama.sh             in this order: $AICODER_LLAMA_PREFIX, one installed on the machine, the pinned one, built once into the cache
#   llama.sh --source    fetches the pinned source and prints its folder (bench/peers/build.sh builds the upstream tools from it)
# The pinned source is the tree inside the llama-cpp-python source distribution, configured by its own CMake files: libraries,
# headers and CMake configs only, no server, no tools. Once built, nothing here needs the network.
# AICODER_LLAMA_PINNED=1 ignores what the machine has; AICODER_LLAMA_CMAKE_ARGS adds options, e.g. -DGGML_CUDA=ON.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/setup/cache.sh
. "$here/cache.sh"
for program in cmake ninja c++ python3 flock sha256sum tar; do need "$program"; done

version=$(sed -n 's/^llama-cpp-python==\([^ ]*\).*/\1/p' "$here/requirements-build.txt")
[ -n "$version" ] || die "no version of llama-cpp-python in $here/requirements-build.txt"
read -ra extra_options <<<"${AICODER_LLAMA_CMAKE_ARGS:-}"
# Kernels are built for this processor, so the key holds its flags: a shared home on another processor builds again.
processor=$( { uname -m; grep -m1 '^flags' /proc/cpuinfo || true; c++ -dumpfullversion; printf '%s' "${AICODER_LLAMA_CMAKE_ARGS:-}"; } |
  sha256sum | cut -c1-12)
source_dir="$AICODER_DEPS/llama-src-$version"
# In the cache, not in the checkout: its path is part of the options, and every checkout shares one build.
amx_header="$AICODER_DEPS/amx_tile-$(sha256sum "$here/amx_tile.h" | cut -c1-8).h"
prefix="$AICODER_DEPS/llama-$version-$processor"
options=(
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=ON -DGGML_NATIVE=ON -DGGML_RPC=ON
  -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF
  -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_NUMBER=0 -DLLAMA_BUILD_COMMIT="py$version" -DLLAMA_OPENSSL=OFF
  "-DCMAKE_CXX_FLAGS=-include $amx_header" ${extra_options[@]+"${extra_options[@]}"}
)

# Prints the CMake config of a llama.cpp installed on the machine, if there is one.
installed_config() {
  local roots folder
  IFS=: read -ra roots <<<"${CMAKE_PREFIX_PATH:-}"
  for folder in ${roots[@]+"${roots[@]}"} /usr/local /usr /opt/llama.cpp; do
    compgen -G "$folder/lib*/cmake/llama/llama-config.cmake" || compgen -G "$folder/lib*/*/cmake/llama/llama-config.cmake" || continue
    return
  done
}

# True where that llama.cpp has the calls that aicoder makes. The answer is kept for this very file and this contract.
installed_one_does() {
  local config=$1 key work
  key=$( { echo "$config"; stat -c %Y "$config"; cat "$here"/llama-contract/*; } | sha256sum | cut -c1-12)
  if [ ! -f "$AICODER_DEPS/.llama-contract-$key" ]; then
    work=$(mktemp -d)
    if cmake -S "$here/llama-contract" -B "$work" -G Ninja >"$work/log" 2>&1 && cmake --build "$work" >>"$work/log" 2>&1; then
      echo yes >"$AICODER_DEPS/.llama-contract-$key"
    else
      say "the llama.cpp of $config lacks calls that aicoder makes (another version); the pinned one is used instead"
      echo no >"$AICODER_DEPS/.llama-contract-$key"
    fi
    rm -rf "$work"
  fi
  [ "$(cat "$AICODER_DEPS/.llama-contract-$key")" = yes ]
}

# In one place, whatever ends the script: no half-made folder stays.
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT

fetch_source() {
  [ -f "$source_dir/.complete" ] && return
  say "fetching the llama.cpp source (llama-cpp-python $version, 77 MB)"
  work=$(mktemp -d "$AICODER_DEPS/.fetch.XXXXXX")
  python3 -m venv "$work/venv" >&2 || die "python3 -m venv failed: install python3-venv (scripts/setup/packages.sh)"
  local pip=("$work/venv/bin/python" -m pip -q --disable-pip-version-check)
  local network="is the network there? Run 'make setup' again."
  "${pip[@]}" install --no-deps --only-binary=:all: --require-hashes -r "$here/requirements-fetch.txt" >&2 ||
    die "could not fetch the build backend of llama-cpp-python: $network"
  # No build isolation: the backend above is the pinned one, an isolated build would fetch another without a hash.
  (cd "$work" && "${pip[@]}" download --no-deps --no-binary=:all: --no-build-isolation --require-hashes -r "$here/requirements-build.txt" >&2) ||
    die "could not fetch llama-cpp-python $version: $network"
  mkdir "$work/tree"
  tar -xzf "$work"/llama_cpp_python-*.tar.gz -C "$work/tree" --strip-components=1
  [ -f "$work/tree/vendor/llama.cpp/CMakeLists.txt" ] || die "the source of llama-cpp-python $version holds no vendor/llama.cpp"
  rm -rf "$source_dir"
  mv "$work/tree/vendor/llama.cpp" "$source_dir"
  touch "$source_dir/.complete"
  rm -rf "$work"
  work=
}

build_pinned() {
  fetch_source
  install -m 644 "$here/amx_tile.h" "$amx_header"
  say "building llama.cpp once into $prefix (a few minutes)"
  local build="$AICODER_DEPS/.build-$processor" log="$AICODER_DEPS/llama-build.log" start=$SECONDS
  rm -rf "$build" "$prefix.new"
  {
    cmake -S "$source_dir" -B "$build" -G Ninja -DCMAKE_INSTALL_PREFIX="$prefix" "${options[@]}" &&
      cmake --build "$build" && cmake --install "$build" --prefix "$prefix.new"
  } >"$log" 2>&1 || { tail -n 30 "$log" >&2; die "llama.cpp did not build; the whole log: $log"; }
  # What it was built with: other options in a later release build it again.
  printf '%s\n' "${options[@]}" >"$prefix.new/.complete"
  rm -rf "$prefix"
  mv "$prefix.new" "$prefix"
  rm -rf "$build"
  say "llama.cpp is built ($((SECONDS - start)) s)"
}

complete() { [ -f "$prefix/.complete" ] && [ "$(cat "$prefix/.complete")" = "$(printf '%s\n' "${options[@]}")" ]; }

if [ "${1:-}" = --source ]; then
  lock llama
  fetch_source
  echo "$source_dir"
  exit 0
fi
if [ -n "${AICODER_LLAMA_PREFIX:-}" ]; then
  compgen -G "$AICODER_LLAMA_PREFIX/lib*/cmake/llama/llama-config.cmake" >/dev/null ||
    die "AICODER_LLAMA_PREFIX=$AICODER_LLAMA_PREFIX holds no lib/cmake/llama/llama-config.cmake"
  echo "$AICODER_LLAMA_PREFIX"
  exit 0
fi
if [ -z "${AICODER_LLAMA_PINNED:-}" ]; then
  config=$(installed_config | head -n 1)
  if [ -n "$config" ] && installed_one_does "$config"; then
    echo
    exit 0
  fi
fi
if ! complete; then
  lock llama
  complete || build_pinned
fi
echo "$prefix"
