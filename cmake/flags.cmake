# SPDX-License-Identifier: Apache-2.0
# Warnings, hardening and sanitizers, as interface targets:
#   ramp_flags   compiling our C        ramp_link   linking any program of ours
include(CheckCCompilerFlag)

add_library(ramp_flags INTERFACE)
set(warnings -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Wundef -Wwrite-strings -Wformat=2 -Werror=format-security)
target_compile_options(ramp_flags INTERFACE
    "$<$<COMPILE_LANGUAGE:C>:${warnings}>"
    $<$<COMPILE_LANG_AND_ID:C,Clang>:-Wno-string-conversion> # assert(!"why it cannot happen")
    -ffunction-sections -fdata-sections -fno-omit-frame-pointer
    $<$<BOOL:${RAMP_WERROR}>:-Werror>
    # No path of the machine that builds it in what others get.
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -fdebug-prefix-map=${CMAKE_BINARY_DIR}=.)
target_compile_definitions(ramp_flags INTERFACE
    _GNU_SOURCE= # as `#define _GNU_SOURCE` in a file has it, so that both may stand
    $<$<BOOL:${RAMP_SMALL_POOLS}>:RAMP_SMALL_POOLS=1>)

add_library(ramp_link INTERFACE)
target_link_options(ramp_link INTERFACE -Wl,--gc-sections -Wl,-z,noexecstack)

if(RAMP_SANITIZE)
    # Fatal at the first finding, and with whole stacks.
    target_compile_options(ramp_flags INTERFACE
        -fsanitize=${RAMP_SANITIZE} -fno-sanitize-recover=all -O1
        # gcc's follow values through the code, in which instrumentation makes them guess.
        "$<$<C_COMPILER_ID:GNU>:-Wno-format-truncation;-Wno-maybe-uninitialized>")
    target_link_options(ramp_link INTERFACE -fsanitize=${RAMP_SANITIZE})
    if(RAMP_FUZZ)
        target_compile_options(ramp_flags INTERFACE -fsanitize=fuzzer-no-link)
    endif()
elseif(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" OR CMAKE_BUILD_TYPE STREQUAL "Release")
    # What gcc 12 has of the OpenSSF list; clang 14 lacks some, hence the checks.
    foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
            -ftrivial-auto-var-init=zero)
        string(MAKE_C_IDENTIFIER "RAMP_HAVE${flag}" have)
        check_c_compiler_flag(${flag} ${have})
        if(${have})
            target_compile_options(ramp_flags INTERFACE ${flag})
        endif()
    endforeach()
    # Asserts stay: they state our own bugs and cost next to nothing.
    target_compile_options(ramp_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -UNDEBUG)
    target_link_options(ramp_link INTERFACE -Wl,-z,relro,-z,now)
endif()
