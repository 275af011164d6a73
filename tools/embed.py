#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""embed.py ROOT OUT.c OUT.S FILE... -- the console's files as bytes of the binary.

OUT.S holds the bytes (.incbin), OUT.c the table of src/server/console_files.h: path below ROOT with
a leading slash, media type, bytes, size; sorted by path.
"""
import os
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}


def main() -> int:
    root, out_c, out_s = sys.argv[1:4]
    table, asm = [], ['#if defined(__linux__)', '.section .note.GNU-stack,"",%progbits', "#endif",
                      ".section .rodata"]
    files = sorted((os.path.relpath(name, root), name) for name in sys.argv[4:])
    externs = []
    for number, (path, name) in enumerate(files):
        kind = TYPES.get(os.path.splitext(path)[1])
        if kind is None:
            print(f"embed: {path}: no media type known for this ending", file=sys.stderr)
            return 1
        size = os.path.getsize(name)
        symbol = f"console_bytes_{number}"
        asm += [".balign 16", f".global {symbol}", f".hidden {symbol}", f"{symbol}:",
                f'.incbin "{name}"', ".byte 0"]
        externs.append(f"extern const unsigned char {symbol}[];")
        table.append(f'    {{"/{path}", "{kind}", {symbol}, {size}u}},')
    if not table:
        table.append("    {0},")
    text = ["/* Written by tools/embed.py. */", '#include "server/console_files.h"', "", *externs, "",
            "const struct console_file console_files[] = {", *table, "};",
            f"const size_t console_files_count = {len(files)};", ""]
    with open(out_c, "w", encoding="utf-8") as out:
        out.write("\n".join(text))
    with open(out_s, "w", encoding="utf-8") as out:
        out.write("\n".join([*asm, ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
