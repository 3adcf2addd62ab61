#!/usr/bin/env bash
# The house format: clang-format on C++, ruff on Python. Shows the differences and ends with 1; --fix writes instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/check/files.sh
. scripts/check/files.sh
bin=$(dirname "$(scripts/setup/python.sh lint)")
mapfile -t cpp < <(our_files '*.h' '*.cpp')
mapfile -t py < <(our_files '*.py')

if [ "${1:-}" = --fix ]; then
  [ "${#cpp[@]}" -eq 0 ] || "$bin/clang-format" -i "${cpp[@]}"
  [ "${#py[@]}" -eq 0 ] || "$bin/ruff" format --force-exclude --quiet "${py[@]}"
  exit 0
fi
failed=0
if [ "${#cpp[@]}" -gt 0 ]; then
  for file in $("$bin/clang-format" --dry-run -Werror "${cpp[@]}" 2>&1 | sed -n 's/^\([^: ]*\):[0-9]*:[0-9]*: error:.*/\1/p' | sort -u); do
    "$bin/clang-format" "$file" | diff -u --label "$file" --label "$file (make format)" "$file" - | head -n 40 || true
    failed=1
  done
fi
if [ "${#py[@]}" -gt 0 ]; then
  "$bin/ruff" format --force-exclude --quiet --diff "${py[@]}" || failed=1
fi
[ "$failed" -eq 0 ] || { echo "format-check: not in the house format; run: make format" >&2; exit 1; }
echo "format-check: ${#cpp[@]} C++ and ${#py[@]} Python files are in the house format"
