#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# embed.sh PREFIX SOURCE BUILD -- builds examples/embed as an embedder would: against an installed
# prefix, by pkg-config, once with libramp.so and once with libramp.a, with no other include path.
# Runs both on tests/modules/embed.wat and expects the output in tests/embed.expected.
set -euo pipefail
prefix=$1 source=$2 build=$3
cc=${CC:-cc}
work=$build/embed
rm -rf "$work"
mkdir -p "$work"
fail() {
    echo "embed: $*" >&2
    exit 1
}

pc=$(find "$prefix" -name ramp.pc | head -1)
[[ -n $pc ]] || fail "no ramp.pc below $prefix"
export PKG_CONFIG_PATH=${pc%/*}
lib=$(cd "${pc%/*}/.." && pwd)
flags=(-Wall -Wextra -Wpedantic -Wconversion -Werror)
[[ -z ${RAMP_SANITIZE:-} ]] || flags+=("-fsanitize=$RAMP_SANITIZE")
own=(-lcrypto -lpthread) # of the example, not of libramp
read -ra cflags <<<"$(pkg-config --cflags ramp)"
read -ra libs <<<"$(pkg-config --libs ramp)"
read -ra private <<<"$(pkg-config --libs --static ramp | sed 's/-lramp\>//')"

"$cc" "${flags[@]}" "${cflags[@]}" "$source"/examples/embed/*.c \
    -o "$work/shared" "${libs[@]}" "${own[@]}"
programs=("$work/shared")
if [[ -f $lib/libramp.a ]]; then
    # The archive by name: -lramp would prefer the shared library beside it.
    "$cc" "${flags[@]}" "${cflags[@]}" "$source"/examples/embed/*.c -o "$work/static" \
        "$lib/libramp.a" "${private[@]}" "${own[@]}"
    programs+=("$work/static")
fi
readelf -d "$work/shared" | grep -q 'NEEDED.*libramp\.so\.0' || fail "not linked with libramp.so.0"

for program in "${programs[@]}"; do
    LD_LIBRARY_PATH=$lib "$program" "$build/modules" embed >"$program.out" ||
        fail "${program##*/} failed: $(cat "$program.out")"
    diff -u "$source/tests/embed.expected" "$program.out" ||
        fail "${program##*/}: not the expected output"
    if LD_LIBRARY_PATH=$lib "$program" "$build/modules" nobody >/dev/null; then
        fail "${program##*/}: a service that is not there is no failure"
    fi
    echo "embed: ${program##*/} printed $(wc -l <"$program.out") lines as expected"
done
