#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# library_only.sh SOURCE BUILD ENGINE -- libramp builds alone, where neither pkg-config nor OpenSSL
# can be found and no Python is asked for, and an installed tree holds just the library. Then its own
# tests and benchmarks build, without anything of the server.
set -eu
source=$1 build=$2/library-only engine=$3
rm -rf "$build"
cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DRAMP_LIBRARY_ONLY=ON \
    -DRAMP_TESTS=OFF -DRAMP_ENGINE_DIR="$engine" -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON \
    -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON -DCMAKE_DISABLE_FIND_PACKAGE_Python3=ON --no-warn-unused-cli \
    >/dev/null
cmake --build "$build" -j2 >/dev/null
cmake --install "$build" --prefix "$build/prefix" >/dev/null
installed=$(cd "$build/prefix" && find . -type f | sed 's/libramp\.so\..*/libramp.so/; s/.*\///' | sort | tr '\n' ' ')
if [ "$installed" != "driver.h libramp.a libramp.so ramp.h ramp.pc " ]; then
    echo "library_only: installed $installed"
    exit 1
fi
echo "library_only: $installed"
cmake -S "$source" -B "$build" -DRAMP_TESTS=ON -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=OFF \
    -DCMAKE_DISABLE_FIND_PACKAGE_Python3=OFF --no-warn-unused-cli >/dev/null
cmake --build "$build" -j2 --target all bench >"$build/tests.log" || {
    grep -E -A3 '^FAILED|undefined reference|error:' "$build/tests.log" | head -n 20
    echo "library_only: the tests do not build without the server"
    exit 1
}
echo "library_only: $(ctest --test-dir "$build" -N | tail -n 1 | sed 's/^ *//')"
rm -rf "$build"
