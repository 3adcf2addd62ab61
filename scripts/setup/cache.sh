# shellcheck shell=bash
# Where set-up keeps what outlives a checkout. Sourced by the other scripts; defines AICODER_DEPS, say, die and lock.
# $AICODER_HOME wins, then the XDG cache, so that a machine can share one copy between checkouts.
die() { printf '[set-up] error: %s\n' "$*" >&2; exit 1; }
say() {
  if [ -t 2 ]; then printf '\033[2m[set-up]\033[0m %s\n' "$*" >&2; else printf '[set-up] %s\n' "$*" >&2; fi
}

if [ -n "${AICODER_HOME:-}" ]; then
  AICODER_DEPS="$AICODER_HOME/deps"
elif [ -n "${XDG_CACHE_HOME:-}" ]; then
  AICODER_DEPS="$XDG_CACHE_HOME/aicoder/deps"
else
  [ -n "${HOME:-}" ] || die "HOME is not set: set it, or AICODER_HOME"
  AICODER_DEPS="$HOME/.cache/aicoder/deps"
fi
mkdir -p "$AICODER_DEPS" || die "cannot make $AICODER_DEPS: set AICODER_HOME to a folder that can be written"
# The paths below end up in CMake's cache and in RPATHs, where a relative one would mean another place.
AICODER_DEPS=$(cd "$AICODER_DEPS" && pwd)

# lock NAME: one set-up at a time, so that two checkouts can start at once. Held until the script ends.
lock() {
  exec 9>"$AICODER_DEPS/.$1.lock"
  flock -n 9 && return
  say "another set-up of $1 is running; waiting for it"
  flock 9
}

need() { command -v "$1" >/dev/null 2>&1 || die "$1 is missing: run scripts/setup/packages.sh"; }
