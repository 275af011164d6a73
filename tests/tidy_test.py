#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tidy_test.py -- tools/tidy.py finds what it is meant to find, at its line, and nothing else."""
import os
import re
import subprocess
import sys
import tempfile

TIDY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools", "tidy.py")
HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n/* {} -- a house.\n */\n"

# (path, text below the head, [(line, part of the message)])
CASES = [
    ("src/core/a.c", '#include "base/map.h"\n#include "ramp/driver.h"\nint a(void);\n', []),
    ("src/core/b.c", '#include "server/server.h"\n', [(4, "may not include")]),
    ("src/core/c.c", "#include <wasmtime.h>\n", [(4, "only src/engine")]),
    ("src/core/d.c", "#include <uv.h>\n", [(4, "libc and the engine alone")]),
    ("src/core/e.c", "#include <pthread.h>\n", [(4, "no threads")]),
    ("src/engine/a.c", '#include <wasmtime/conf.h>\n#include <wasm.h>\n', []),
    ("src/server/a.c", '#include "core/room.h"\n', [(4, "may not include")]),
    ("src/server/b.c", '#include "engine/engine.h"\n', [(4, "may not include")]),
    ("src/server/c.c", '#include "ramp/ramp.h"\n#include "wire/ws.h"\n#include "io/loop.h"\n', []),
    ("src/cli/a.c", "#include <wasm.h>\n", [(4, "only src/engine")]),
    ("src/wire/a.c", '#include "ramp/ramp.h"\n', [(4, "may not include")]),
    ("src/wire/b.c", '#include "http.h"\n', [(4, "may not include")]),
    ("src/odd/a.c", '#include "base/map.h"\n', [(4, "no house on the street")]),
    ("src/base/f.c", "void f(char *d) { strcpy(d, d); }\n", [(4, "strcpy")]),
    ("src/base/g.c", "int g = 1; // no\n", [(4, "// comment")]),
    ("src/base/h.c", 'const char *h = "http://x /* y"; /* sprintf(a) // b */\n', []),
    ("src/base/i.c", "int i(int n) { return atoi(n) + my_atoi(n) + x.atoi(n); }\n", [(4, "atoi")]),
    ("src/base/j.c", "int\tj;\n", [(4, "a tab")]),
    ("src/base/k.c", "int k; \n", [(4, "blanks")]),
    ("src/base/l.c", "int " + "l" * 100 + ";\n", [(4, "columns")]),
    ("src/base/m.c", "int m; " + "/* " + "m" * 90 + " */\n", []),
    ("src/base/n.c", "/* TO" + "DO: later */\n", [(4, "unfinished")]),
    ("src/base/o.c", 'const char *o = "/ro' + 'ot/x";\n', [(4, "one machine")]),
    ("src/base/p.c", "int p;", [(4, "no newline")]),
    ("src/base/q.h", "int q(void);\n", [(1, "include guard")]),
    ("include/ramp/x.h", '#ifndef X\n#include "base/map.h"\n#endif\n', [(5, "nobody else has")]),
    ("tests/e2e/package-lock.json", '{"resolved": "x"}\n', [(1, "names a registry")]),
    ("tests/modules/x.wasm", "", [(1, "a build makes this")]),
]


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as root:
        for path, text, _ in CASES:
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                if path.endswith((".c", ".h")):
                    file.write(HEAD.format(os.path.basename(path)))
                file.write(text)
        bare = os.path.join(root, "src/base/bare.c")
        with open(bare, "w", encoding="utf-8") as file:
            file.write("int bare;\n")
        cases = CASES + [("src/base/bare.c", "", [(1, "no SPDX"), (2, "no top comment")])]
        run = subprocess.run([sys.executable, TIDY, "--root", root], stdout=subprocess.PIPE, text=True,
                             check=False)
    found = {}
    for path, line, message in re.findall(r"^([^:\n]+):(\d+): (.*)$", run.stdout, re.MULTILINE):
        found.setdefault(path, []).append((int(line), message))
    for path, _, expected in cases:
        got = sorted(found.get(path, []))
        right = len(got) == len(expected) and all(
            g[0] == e[0] and e[1] in g[1] for g, e in zip(got, sorted(expected)))
        if not right:
            failed += 1
            print(f"{path}: expected {expected}, got {got}")
    if run.returncode != 1:
        failed += 1
        print(f"exit code {run.returncode} over a tree with problems")
    print(f"{len(cases)} cases, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
