#!/usr/bin/env bash
# Installs the Debian packages that are missing; with nothing missing it only asks dpkg, so it needs no network and no rights.
# Without root or a sudo that asks for no password it prints the command to run and ends with 1.
#   packages.sh           install what is missing
#   packages.sh browser   what the tests of the web page need beside it: a Chromium, and letters for Korean
#   packages.sh languages what the tests of projects in other languages need beside it: Node, Go, Rust
#   packages.sh --list    print the names, one a line (scripts/check/packages.py compares them with cmake/dependencies.cmake)
set -euo pipefail

packages=(
  build-essential cmake ninja-build pkg-config ccache git ca-certificates  # toolchain
  python3 python3-venv python3-pip                                          # fetches llama.cpp; oracles of the tests
  nlohmann-json3-dev libcli11-dev libfmt-dev libtomlplusplus-dev libeigen3-dev libssl-dev
  libcurl4-openssl-dev zlib1g-dev libgit2-dev libedit-dev libseccomp-dev libicu-dev libsqlite3-dev
  bubblewrap                                                                # the sandbox runs it
  libgtest-dev libgmock-dev libbenchmark-dev
)

die() { printf '[set-up] error: %s\n' "$*" >&2; exit 1; }
say() { printf '[set-up] %s\n' "$*" >&2; }

if [ "${1:-}" = browser ]; then packages=(chromium-headless-shell fonts-nanum); fi
if [ "${1:-}" = languages ]; then
  # Who has the command from elsewhere keeps it.
  packages=()
  command -v node >/dev/null 2>&1 || packages+=(nodejs)
  command -v npm >/dev/null 2>&1 || packages+=(npm)
  command -v go >/dev/null 2>&1 || packages+=(golang-go)
  command -v cargo >/dev/null 2>&1 || packages+=(cargo)
  [ "${#packages[@]}" -gt 0 ] || exit 0
fi

if [ "${1:-}" = --list ]; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

if ! command -v dpkg-query >/dev/null 2>&1; then
  say "this is not a Debian system: nothing installed. CMake names what it misses; Debian's names are:"
  printf '  %s\n' "${packages[*]}" >&2
  exit 0
fi

missing_packages() {
  local installed
  # dpkg-query fails where one name is unknown and still lists the others.
  # shellcheck disable=SC2016  # the braces are dpkg's, not the shell's
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null | sed -n 's/ installed$//p' || true)
  printf '%s\n' "${packages[@]}" | grep -vxF -f <(printf '%s\n' "$installed" ) || true
}

mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    else
      say "packages are missing and this user may not install them. As root, run:"
      printf '  apt-get update && apt-get install --no-install-recommends -y %s\n' "${missing[*]}" >&2
      exit 1
    fi
  fi
  say "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  # The lists may be fresh already, or the network gone for them only: a failing update alone is no reason to stop.
  "${as_root[@]}" apt-get -q update >"$log" 2>&1 || say "apt-get update failed; going on with the package lists that are there"
  if ! "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=300 install --no-install-recommends -y "${missing[@]}" >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "apt-get install failed; run it by hand: apt-get install --no-install-recommends ${missing[*]}"
  fi
  mapfile -t missing < <(missing_packages)
  [ "${#missing[@]}" -eq 0 ] || die "still missing after the installation: ${missing[*]}"
fi

# at_least NAME FOUND NEEDED
at_least() {
  [ "$(printf '%s\n%s\n' "$3" "$2" | sort -V | head -n 1)" = "$3" ] || die "$1 is $2, needed $3 or newer"
}
at_least cmake "$(cmake --version | sed -n '1s/[^0-9]*//p')" 3.25
at_least g++ "$(g++ -dumpfullversion)" 12
