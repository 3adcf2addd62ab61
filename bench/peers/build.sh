#!/usr/bin/env bash
# Builds llama.cpp's own tools, on demand, into the cache and prints the folder they are in.
#
#   bench/peers/build.sh                          llama-bench
#   bench/peers/build.sh llama-server llama-cli   those
#
# The tools link the libllama and ggml of scripts/setup/llama.sh, so their kernels are the ones aicoder uses.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../scripts/setup/cache.sh"

known="llama-bench llama-batched-bench llama-perplexity llama-imatrix llama-quantize llama-export-lora llama-completion llama-tokenize llama-server llama-cli llama-finetune"
case "${1:-}" in -h | --help)
  sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  echo "Known: $known"
  exit 0
  ;;
esac
tools=("$@")
[ $# -gt 0 ] || tools=(llama-bench)
for tool in "${tools[@]}"; do
  [[ " $known " == *" $tool "* ]] || die "unknown peer '$tool'; known: $known"
done

prefix=$("$here/../../scripts/setup/llama.sh")
if [[ "$prefix" != "$AICODER_DEPS"/* ]]; then
  # aicoder uses a llama.cpp of the machine: then the tools must be of that one too, or two builds of the kernels are compared.
  program=$(command -v "${tools[0]}") || die "${tools[0]} of the machine's own llama.cpp is not in PATH; install its tools, or set AICODER_LLAMA_PINNED=1 for the build and here"
  dirname "$program"
  exit 0
fi
# The installed build's name (version and processor) and our recipe are the key: either changes, the tools are built again.
key="$(basename "$prefix" | sed 's/^llama-//')-$(cat "$here/CMakeLists.txt" | sha256sum | cut -c1-8)"
home="$AICODER_DEPS/peers-$key"
mkdir -p "$home/bin"

exec 9>"$home/.lock"
flock 9
missing=()
for tool in "${tools[@]}"; do
  [ -x "$home/bin/$tool" ] || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
  source_dir=$("$here/../../scripts/setup/llama.sh" --source)
  say "building ${missing[*]} (some minutes on 2 cores); log: $home/build.log"
  launcher=()
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  {
    cmake -S "$here" -B "$home/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix" \
      -DPEERS_LLAMA_SOURCE="$source_dir" "${launcher[@]}"
    nice cmake --build "$home/build" --target "${missing[@]}"
  } >"$home/build.log" 2>&1 || { tail -n 30 "$home/build.log" >&2; die "the peers did not build; the whole log: $home/build.log"; }
  # Moved at the end, so that a file in bin/ is always a finished one.
  for tool in "${missing[@]}"; do
    if ldd "$home/build/bin/$tool" | grep -q 'not found'; then die "$tool does not find its libraries: ldd $home/build/bin/$tool"; fi
    cp "$home/build/bin/$tool" "$home/bin/.$tool.new"
    mv "$home/bin/.$tool.new" "$home/bin/$tool"
  done
fi
echo "$home/bin"
