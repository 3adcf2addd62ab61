#!/usr/bin/env python3
"""Every find_package and pkg_check_modules of cmake/dependencies.cmake has its Debian package in scripts/setup/packages.sh.

A dependency that is not in the table below fails too: whoever adds one says here which package brings it.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Name in CMake -> Debian packages that bring it. An empty tuple: scripts/setup/llama.sh does.
PACKAGES = {
    "PkgConfig": ("pkg-config",),
    "Threads": ("build-essential",),
    "nlohmann_json": ("nlohmann-json3-dev",),
    "CLI11": ("libcli11-dev",),
    "fmt": ("libfmt-dev",),
    "spdlog": ("libspdlog-dev",),
    "tomlplusplus": ("libtomlplusplus-dev",),
    "Eigen3": ("libeigen3-dev",),
    "ICU": ("libicu-dev",),
    "OpenSSL": ("libssl-dev",),
    "ZLIB": ("zlib1g-dev",),
    "CURL": ("libcurl4-openssl-dev",),
    "SQLite3": ("libsqlite3-dev",),
    "libgit2": ("libgit2-dev",),
    "libseccomp": ("libseccomp-dev",),
    "libedit": ("libedit-dev",),
    "libzip": ("libzip-dev",),
    "GTest": ("libgtest-dev", "libgmock-dev"),
    "benchmark": ("libbenchmark-dev",),
    "ggml": (),
    "llama": (),
}


def problems(cmake_text, listed):
    """Sentences about what the two files disagree on; empty when they agree."""
    code = re.sub(r"#.*", "", cmake_text)
    names = re.findall(r"\bfind_package\(\s*(\w+)", code)
    names += re.findall(r"\bpkg_check_modules\([^)]*?([\w.+-]+)\s*\)", code)
    found = []
    for name in names:
        if name not in PACKAGES:
            found.append(f"{name} has no Debian package in scripts/check/packages.py")
            continue
        for package in PACKAGES[name]:
            if package not in listed:
                found.append(f"{name} needs {package}, which scripts/setup/packages.sh does not install")
    needed = {package for name in names for package in PACKAGES.get(name, ())}
    for package in sorted(listed - needed):
        if package.startswith("lib") and package.endswith("-dev"):
            found.append(f"scripts/setup/packages.sh installs {package}, which cmake/dependencies.cmake does not ask for")
    return found


def self_test():
    """The check can fail: an unknown dependency, a package that is not listed, a package nobody needs."""
    sample = "find_package(ZLIB REQUIRED)\npkg_check_modules(libgit2 REQUIRED IMPORTED_TARGET libgit2)\n# find_package(Ghost)\n"
    good = {"zlib1g-dev", "libgit2-dev"}
    assert problems(sample, good) == []
    assert len(problems(sample, {"zlib1g-dev"})) == 1
    assert len(problems(sample + "find_package(Unheard)\n", good)) == 1
    assert len(problems(sample, good | {"libghost-dev"})) == 1


def main():
    self_test()
    script = ROOT / "scripts/setup/packages.sh"
    listed = set(subprocess.run([script, "--list"], check=True, capture_output=True, text=True).stdout.split())
    found = problems((ROOT / "cmake/dependencies.cmake").read_text(), listed)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
