# Where set-up keeps what outlives a checkout. Sourced by the other scripts; defines AICODER_DEPS.
# $AICODER_HOME wins, then the XDG cache, so that a machine can share one copy between checkouts.
if [ -n "${AICODER_HOME:-}" ]; then
  AICODER_DEPS="$AICODER_HOME/deps"
else
  AICODER_DEPS="${XDG_CACHE_HOME:-$HOME/.cache}/aicoder/deps"
fi
mkdir -p "$AICODER_DEPS"

say() { printf '\033[2m[set-up]\033[0m %s\n' "$*" >&2; }
die() { printf '[set-up] error: %s\n' "$*" >&2; exit 1; }
