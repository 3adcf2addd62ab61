#!/usr/bin/env bash
# The tools of the languages that the tests of projects need beside C++ and Python: Node, Go, Rust (Debian packages, where the command is
# missing) and the TypeScript compiler (pinned, into the cache). Prints the folder of the installed packages of Node on stdout.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/setup/cache.sh
. "$here/cache.sh"
need flock

"$here/packages.sh" languages
lists="$here/typescript"
packages="$AICODER_DEPS/typescript-$(cat "$lists"/*.json | sha256sum | cut -c1-12)"
if [ ! -f "$packages/.complete" ]; then
  lock typescript
  if [ ! -f "$packages/.complete" ]; then
    say "installing the TypeScript compiler into $packages"
    rm -rf "$packages"
    mkdir -p "$packages"
    cp "$lists"/package.json "$lists"/package-lock.json "$packages"
    npm ci --prefix "$packages" --no-audit --no-fund --ignore-scripts --loglevel=error >&2 ||
      die "could not install the packages of $lists: is the network there? Run 'make test' again."
    touch "$packages/.complete"
  fi
fi
echo "$packages/node_modules"
