#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# symbols.sh LIB... -- each library exports every function that the public headers declare, and no
# symbol but ramp_*; libramp.so carries its SONAME and needs libc and libgcc alone.
set -eu
include=$(dirname "$0")/../include/ramp
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

sed -n '/RAMP_API/{s/__attribute__((.*))//;s/.*[ *]\(ramp_[a-z0-9_]*\)(.*/\1/p}' \
    "$include/ramp.h" "$include/driver.h" | sort -u >"$work/declared"
if [ "$(wc -l <"$work/declared")" -lt 10 ]; then
    echo "symbols: found only $(wc -l <"$work/declared") declarations in $include"
    exit 1
fi
for library in "$@"; do
    case $library in
    *.a) nm -g --defined-only "$library" 2>/dev/null ;;
    *) nm -D --defined-only "$library" ;;
    esac | awk 'NF == 3 && !($2 == "A" && $3 ~ /^RAMP_[0-9]+$/) {sub(/@.*/, "", $3); print $3}' |
        sort -u >"$work/exported"
    if grep -v '^ramp_' "$work/exported" >"$work/foreign"; then
        echo "$library: exports $(wc -l <"$work/foreign") symbols that are not ours:"
        head -20 "$work/foreign"
        status=1
    fi
    if comm -23 "$work/declared" "$work/exported" | grep . >"$work/missing"; then
        echo "$library: declared in include/ramp, but not exported:"
        cat "$work/missing"
        status=1
    fi
    if comm -13 "$work/declared" "$work/exported" | grep '^ramp_' >"$work/secret"; then
        echo "$library: exported, but declared in no public header:"
        cat "$work/secret"
        status=1
    fi
    case $library in
    *.so*)
        soname=$(readelf -d "$library" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
        if [ "$soname" != libramp.so.0 ]; then
            echo "$library: SONAME is '$soname', expected libramp.so.0"
            status=1
        fi
        ;;
    esac
    needed=$(readelf -d "$library" 2>/dev/null | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
        grep -Ev '^(libc|libm|libgcc_s|libpthread|libdl|ld-linux-x86-64|lib[a-z]*san)\.so' || true)
    if [ -n "$needed" ]; then
        echo "$library: needs more than libc and libgcc:" $needed
        status=1
    fi
    echo "$library: $(wc -l <"$work/exported") symbols"
done
exit $status
