#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# partial_link.sh OUT.a ENGINE.a OBJECT... -- one relocatable object of our objects and of what they
# need of the engine, in which only ramp_* is global; as an archive. A program links it with
# -lramp and libc alone, whatever other Rust code or other Wasmtime it has.
set -eu
out=$1 engine=$2
shift 2
work=$out.d
rm -rf "$work"
mkdir -p "$work"

# The public functions: global ramp_* of default visibility. They are the roots for --gc-sections.
for object in "$@"; do
    ${READELF:-readelf} --syms --wide "$object"
done | awk '$5 == "GLOBAL" && $6 == "DEFAULT" && $7 != "UND" && $8 ~ /^ramp_/ {print $8}' |
    sort -u >"$work/public"
roots=$(sed 's/^/-Wl,--undefined=/' "$work/public")

# shellcheck disable=SC2086
"${CC:-cc}" -r -nostdlib -Wl,--gc-sections $roots -o "$work/ramp.o" "$@" "$engine"
# .llvmbc: bitcode of the Rust library, of no use here, on which ar with the LLVM plugin dies.
"${OBJCOPY:-objcopy}" --remove-section=.llvmbc --remove-section=.llvmcmd \
    --keep-global-symbols="$work/public" "$work/ramp.o"
rm -f "$out"
"${AR:-ar}" rcsD "$out" "$work/ramp.o"
rm -rf "$work"
