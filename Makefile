# aicoder: the commands of a checkout. `make help` lists them; each does its set-up by itself and is quick the second time.
# Built with CMake and Ninja below; this file only says the usual things in one word.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
CTEST := ctest --output-on-failure --no-tests=error --no-label-summary
export AICODER_JOBS := $(JOBS)

AICODER := build/release/bin/aicoder

.PHONY: help setup build build-all debug test test-unit test-slow test-models test-browser test-languages asan tsan coverage fuzz bench demo install tidy format format-check lint check clean

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name what; do printf '  make %-13s %s\n' "$$name" "$$what"; done

setup:  ## packages (apt, where root or sudo is there), llama.cpp, the Python of the tests and bandit, once into the cache
	@scripts/setup/packages.sh
	@scripts/setup/llama.sh >/dev/null
	@scripts/setup/python.sh >/dev/null
	@scripts/setup/python.sh bandit >/dev/null

build: setup  ## the program, at build/release/bin/aicoder (default)
	@scripts/build.sh release --target aicoder

build-all: setup  ## the program, the tests and the benchmarks
	@scripts/build.sh release

debug: setup  ## unoptimized build with symbols, in build/debug
	@scripts/build.sh debug

test: build-all test-models test-browser test-languages  ## build, pull the test model (98 MB), run every test but the slow ones
	@$(CTEST) --test-dir build/release -LE slow -j $(JOBS)

test-unit: build-all  ## only the tests that need no model
	@$(CTEST) --test-dir build/release -L unit -j $(JOBS)

test-slow: build-all test-models  ## the slow tests; pulls a model of 0.5B too (491 MB)
	@$(AICODER) pull qwen2.5-coder-0.5b >/dev/null
	@$(CTEST) --test-dir build/release -L slow

test-models: build-all
	@$(AICODER) pull smollm2-135m >/dev/null

test-browser:
	@scripts/setup/packages.sh browser

test-languages:
	@scripts/setup/languages.sh >/dev/null

asan: setup  ## the unit tests under AddressSanitizer and UBSan
	@scripts/build.sh asan --target unit_tests
	@$(CTEST) --test-dir build/asan -L unit -j $(JOBS)

tsan: setup  ## the unit tests under ThreadSanitizer
	@scripts/build.sh tsan --target unit_tests
	@$(CTEST) --test-dir build/tsan -L unit -j $(JOBS)

coverage: setup  ## line coverage of all but the slow tests, in build/coverage/coverage.txt
	@scripts/check/coverage.sh

fuzz: setup  ## feed mutated files to every parser of bytes, FUZZ_SECONDS=60 each
	@scripts/check/fuzz.sh

bench: build-all  ## the micro-benchmarks
	@scripts/check/bench.sh

demo: build  ## the whole way on the sample project: pull, make fragments, plan, write, run, review
	@scripts/demo.sh

install: | $(AICODER)  ## program, llama.cpp libraries and data below PREFIX (default /usr/local); DESTDIR is honoured
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)" | sed -n 's/^-- \(Install\)/\1/p'

# Only where there is no program yet: under sudo the home and so the cache are another user's, and nothing may be built for root there.
$(AICODER):
	@$(MAKE) --no-print-directory build

format:  ## rewrite our C++ and Python in the house format
	@scripts/check/format.sh --fix

format-check:  ## fail where a file is not in the house format
	@scripts/check/format.sh

lint:  ## shellcheck, ruff, package list against CMake, documents against the tree
	@scripts/check/lint.sh

tidy: setup  ## clang-tidy over our sources; a file already found clean is not read again
	@scripts/check/tidy.sh

check: format-check lint tidy  ## all style checks

clean:  ## remove build/; the cache outside the checkout stays
	@rm -rf build
