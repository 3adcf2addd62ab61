#!/usr/bin/env bash
# Makes a virtual environment of pinned packages once in the cache and prints the path of its interpreter on stdout.
#   python.sh             scripts/setup/requirements-test.txt, the oracles of the tests
#   python.sh lint        scripts/setup/requirements-lint.txt
#   python.sh bandit      scripts/setup/requirements-bandit.txt, the analyzer of `aicoder eval security`
# The key is the content of that file and the Python below it: another list or another Python is another environment.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/setup/cache.sh
. "$here/cache.sh"
need python3
need flock

kind=${1:-test}
list="$here/requirements-$kind.txt"
[ -f "$list" ] || die "no $list"
python=$(python3 -c 'import platform, sys; print(sys.executable, platform.python_version(), platform.machine())')
key=$( { echo "$python"; cat "$list"; } | sha256sum | cut -c1-12)
venv="$AICODER_DEPS/python-$kind-$key"

if [ ! -f "$venv/.complete" ]; then
  lock "python-$kind"
  if [ ! -f "$venv/.complete" ]; then
    say "installing the Python packages of $(basename "$list") into $venv"
    rm -rf "$venv"
    # A venv cannot be moved afterwards (its scripts name it), so it is made in place and .complete says when it is whole.
    python3 -m venv "$venv" >&2 || die "python3 -m venv failed: install python3-venv (scripts/setup/packages.sh)"
    "$venv/bin/python" -m pip -q --disable-pip-version-check install --no-deps --only-binary=:all: --require-hashes -r "$list" >&2 ||
      die "could not install the packages of $(basename "$list"): is the network there? Run 'make setup' again."
    touch "$venv/.complete"
  fi
fi
echo "$venv/bin/python"
