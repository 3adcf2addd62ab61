# shellcheck shell=bash
# our_files PATTERN...: our own files of these patterns, one a line, relative to the root. Sourced.
# Not ours to format: data sets, the sample projects (some are broken on purpose), third-party code.
our_files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard -- "$@"
  else  # a tarball of the source
    local pattern names=()
    for pattern in "$@"; do names+=(-o -name "$pattern"); done
    find . \( -path ./build -o -path ./.git \) -prune -o -type f \( "${names[@]:1}" \) -printf '%P\n'
  fi | grep -vE '^(data|examples|third_party|tests/data)/' | sort -u | while read -r file; do [ -f "$file" ] && echo "$file"; done
}
