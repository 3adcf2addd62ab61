#!/usr/bin/env bash
# The style checks that need no build: shell scripts, Python, the package list, the documents.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/check/files.sh
. scripts/check/files.sh
bin=$(dirname "$(scripts/setup/python.sh lint)")
failed=0

shellcheck="$bin/shellcheck"
[ -x "$shellcheck" ] || shellcheck=$(command -v shellcheck || true)
mapfile -t scripts < <(our_files '*.sh' .ci/run)
if [ -z "$shellcheck" ]; then
  echo "lint: no shellcheck for this machine; ${#scripts[@]} shell scripts were not checked" >&2
else
  "$shellcheck" -x -e SC1091 "${scripts[@]}" || failed=1
fi

mapfile -t py < <(our_files '*.py')
"$bin/ruff" check --force-exclude --quiet "${py[@]}" || failed=1

python3 scripts/check/packages.py || failed=1
python3 scripts/check/documents.py || failed=1

[ "$failed" -eq 0 ] || { echo "lint: see above" >&2; exit 1; }
echo "lint: ${#scripts[@]} shell scripts, ${#py[@]} Python files, the package list and the documents are clean"
