# SPDX-License-Identifier: Apache-2.0
# The front door. Each target is a thin call; the build itself is CMakeLists.txt and its presets.
#   make            build/release/ramp
#   make demo       bring what is missing, build, and serve the chat room: the first thing to try
#   make test       bring what is missing, build, run every test
#   make asan tsan  the tests under sanitizers        make fuzz T=name S=60   each fuzz target
#   make test-long  the same tests with long counts   make bench              the benchmarks
#   make format     clang-format, in place            make install PREFIX=/usr/local
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
S ?= 60
T ?=
# More arguments for CMake, as in: make CMAKE_ARGS=-DRAMP_WERROR=ON
CMAKE_ARGS ?=
ENV = if [ -f build/env.sh ]; then . build/env.sh; fi;

# build,PRESET[,TARGETS]: configures once (CMake itself notices later changes) and builds.
define build
$(ENV) if [ ! -f build/$(1)/build.ninja ] || [ -n "$(CMAKE_ARGS)" ]; then \
    cmake --preset $(1) $(CMAKE_ARGS) || exit 1; fi; \
cmake --build build/$(1) -j $(JOBS) $(2)
endef

.PHONY: all demo test test-long asan tsan fuzz bench format install clean
all:
	@$(call build,release)

demo:
	@tools/setup
	@$(call build,release,--target ramp)
	@$(ENV) exec build/release/ramp dev examples/chat

test:
	@tools/setup --tests
	@$(call build,release)
	@$(ENV) tools/run_tests release

test-long:
	@tools/setup --long
	@$(call build,release)
	@$(ENV) RAMP_LONG=1 tools/run_tests release
	@$(MAKE) --no-print-directory fuzz S=600

asan tsan:
	@tools/setup --tests
	@$(call build,$@)
	@$(ENV) tools/run_tests $@

fuzz:
	@tools/setup --fuzz
	@$(call build,fuzz,--target fuzz)
	@$(ENV) tools/fuzz $(S) $(T)

bench:
	@tools/setup
	@$(call build,release,--target ramp bench)
	@$(ENV) tools/bench build/release

# limits.h is a table from which the docs are made: one limit, one line.
format:
	@find src include tests bench examples guest/c -name node_modules -prune -o \
	    \( -name '*.c' -o -name '*.h' \) \
	    ! -path src/base/limits.h -print | xargs clang-format -i

install:
	@$(call build,release)
	cmake --install build/release --prefix $(PREFIX)

clean:
	rm -rf build/release build/debug build/asan build/tsan build/fuzz
