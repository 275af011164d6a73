#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tidy.py [--root DIR] [FILE...] -- the rules of the house that a machine can check; a test (ctest: tidy).

Who includes whom, banned calls, comment and line form, licence lines, things that do not belong in
the tree. Prints file:line: what is wrong, and why where the rule is not obvious. Without arguments
it looks at the whole tree.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Folder below src -> folders whose headers its files may include by "folder/x.h", and whether the
# public headers (ramp/ramp.h, ramp/driver.h) are open to it.
LAYERS = {
    "base": ({"base"}, {"ramp.h"}),  # errors of base are the public ramp_error
    "engine": ({"base", "engine"}, {"ramp.h"}),
    "core": ({"base", "engine", "core"}, {"ramp.h", "driver.h"}),
    "wire": ({"base", "wire"}, set()),
    "io": ({"base", "io"}, set()),
    "drivers": ({"base", "io", "drivers"}, {"ramp.h", "driver.h"}),
    "server": ({"base", "io", "wire", "drivers", "server"}, {"ramp.h", "driver.h"}),
    "cli": ({"base", "io", "wire", "drivers", "server", "cli"}, {"ramp.h", "driver.h"}),
}
# What libramp may not know: it depends on libc and the engine alone.
OUTSIDE_LIBRARIES = re.compile(r"<(uv|jansson|sqlite3|zstd|curl/.*|openssl/.*|hiredis.*)\.h>")
ENGINE_HEADERS = re.compile(r'[<"](wasm\.h|wasmtime\.h|wasmtime/.*)[>"]')
CLOCKS_AND_SOCKETS = re.compile(r"<(pthread|threads|sys/socket|netinet/.*|sys/epoll|poll)\.h>")

BANNED = {
    "strcpy": "memcpy with a checked length",
    "strcat": "a buffer of base",
    "strncpy": "it may leave no NUL; memcpy with a checked length",
    "strncat": "a buffer of base",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "strtok": "it keeps hidden state; walk the bytes",
    "atoi": "it cannot report an error; strtol or a parser of base",
    "atol": "it cannot report an error",
    "atof": "it cannot report an error",
    "gets": "it cannot be used safely",
    "alloca": "the stack is not ours to size by input",
    "tmpnam": "a race; mkstemp",
    "mktemp": "a race; mkstemp",
}
BANNED_CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")

C_ENDINGS = (".c", ".h", ".def", ".S")
SPDX_ENDINGS = C_ENDINGS + (".py", ".sh", ".cmake", ".mjs", ".ts", ".js", ".rs", ".css")
TEXT_ENDINGS = SPDX_ENDINGS + (".md", ".html", ".json", ".toml", ".txt", ".wat", ".in", ".yml")
# Long lines: tables (a limit or a host function is one line, from which the docs are made), prose,
# and markup are not C.
LONG_LINES = {"src/base/limits.h", "src/core/hostcalls.def"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b|\bnot (yet )?implemented\b")
MACHINE_PATHS = re.compile(r"(?<![\w./-])/(work|root|home)/\w")
MACHINE_OK = {"tools/tidy.py"}
BINARY_ENDINGS = (".wasm", ".o", ".a", ".so", ".tgz", ".gz", ".zip", ".pyc")

problems = []


def report(path, line, text):
    problems.append(f"{path}:{line}: {text}")


def tree():
    """The files that are, or would be, in the repository."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name]
    else:  # a source archive
        names = []
        for folder, folders, files in os.walk(ROOT):
            folders[:] = [f for f in folders if f not in ("build", "node_modules", ".git")]
            names += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files]
    return sorted({n for n in names if os.path.isfile(os.path.join(ROOT, n))})


def strip_c(text):
    """C without what stands in comments and literals, line for line; and the `//` comments' lines."""
    out, slashes, i, line = [], [], 0, 1
    state = "code"
    while i < len(text):
        two = text[i:i + 2]
        c = text[i]
        if state == "code":
            if two == "/*":
                state, i = "block", i + 2
                continue
            if two == "//":
                slashes.append(line)
                state, i = "line", i + 2
                continue
            if c in "\"'":
                state = c
            out.append(c)
        elif state == "block":
            if two == "*/":
                state, i = "code", i + 2
                out.append(" ")
                continue
            if c == "\n":
                out.append(c)
        elif state == "line":
            if c == "\n":
                state = "code"
                out.append(c)
        else:  # a literal
            if c == "\\":
                i += 2
                continue
            if c == state or c == "\n":
                state = "code"
                out.append(c)
        line += c == "\n"
        i += 1
    return "".join(out), slashes


def check_includes(path, lines):
    parts = path.split("/")
    folder = parts[1] if parts[0] == "src" and len(parts) > 2 else None
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        name = match.group(2)
        if ENGINE_HEADERS.search(line) and folder != "engine" and not path.startswith("tests/unit/engine"):
            report(path, number, f"includes {name}: only src/engine knows the engine's headers")
        if path.startswith("include/ramp/"):
            if match.group(1) == '"' and not name.startswith("ramp/"):
                report(path, number, f"a public header includes {name}, which nobody else has")
            continue
        if folder is None:
            continue
        if folder not in LAYERS:
            report(path, number, f"src/{folder} is no house on the street (DESIGN 2)")
            return
        allowed, public = LAYERS[folder]
        if folder in ("base", "engine", "core", "wire"):
            if OUTSIDE_LIBRARIES.search(line):
                report(path, number, f"src/{folder} depends on libc and the engine alone: {name}")
            if folder in ("core", "wire") and CLOCKS_AND_SOCKETS.search(line):
                report(path, number, f"src/{folder} has no threads and no sockets: {name}")
        top, _, rest = name.partition("/")
        if top == "ramp":
            if rest not in public:
                report(path, number, f"src/{folder} may not include {name} (DESIGN 2)")
        elif match.group(1) == '"' and top not in allowed:
            what = "write it as \"folder/file.h\"" if not rest else "DESIGN 2"
            report(path, number, f"src/{folder} may not include \"{name}\" ({what})")


def check_c(path, text, lines):
    code, slashes = strip_c(text)
    # 100 columns of code; a comment, or a field with its meaning beside it, may run on a little.
    for number, (line, bare) in enumerate(zip(lines, code.split("\n")), 1):
        literal = '"' in bare and bare != line  # its width was lost with the literal's text
        width = len(line.split("/*")[0].rstrip()) if literal else len(bare.rstrip())
        if path not in LONG_LINES and (width > 100 or len(line) > 110):
            report(path, number, f"{len(line)} columns; 100 of code fit, 110 with its comment")
    for number in slashes:
        report(path, number, "a // comment; here they are /* like this */")
    for number, line in enumerate(code.split("\n"), 1):
        for match in BANNED_CALL.finditer(line):
            report(path, number, f"{match.group(1)}: {BANNED[match.group(1)]}")
    check_includes(path, lines)
    if path.startswith(("src/", "include/", "guest/c/")):
        head = "\n".join(lines[:4])
        base = os.path.basename(path)
        if not re.search(r"(/\*|#|;|^ ?\*) ?" + re.escape(base) + r" -- ", head, re.MULTILINE):
            report(path, 2, f"no top comment: /* {base} -- what it is")
    if path.endswith(".h") and path.startswith(("src/", "include/")) and "#ifndef" not in text:
        report(path, 1, "no include guard")


def check_file(path):
    if path.endswith(BINARY_ENDINGS):
        report(path, 1, "a build makes this; it does not belong in the tree")
        return
    full = os.path.join(ROOT, path)
    with open(full, "rb") as file:
        data = file.read()
    script = data.startswith(b"#!")
    named = path.endswith(TEXT_ENDINGS) or os.path.basename(path) in ("Makefile", "CMakeLists.txt")
    if not (script or named) or "/corpus/" in path:
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        report(path, 1, "not UTF-8")
        return
    lines = text.split("\n")
    is_code = script or path.endswith(SPDX_ENDINGS) or os.path.basename(path) == "CMakeLists.txt"
    example = path.startswith("examples/") and not path.endswith(C_ENDINGS)  # shown as it is
    if is_code and not example and not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
        report(path, 1, "no SPDX line: SPDX-License-Identifier: Apache-2.0")
    if text and not text.endswith("\n"):
        report(path, len(lines), "no newline at the end")
    own = path == "tools/tidy.py"
    for number, line in enumerate(lines, 1):
        if is_code:
            if "\t" in line:
                report(path, number, "a tab")
            if UNFINISHED.search(line) and not own:
                report(path, number, "unfinished work is an issue, not a comment")
        if "\r" in line:
            report(path, number, "a carriage return")
        if is_code and line != line.rstrip():
            report(path, number, "blanks at the end of the line")
        if MACHINE_PATHS.search(line) and path not in MACHINE_OK:
            report(path, number, "a path of one machine")
    if path.endswith("package-lock.json") and '"resolved"' in text:
        report(path, 1, "names a registry; .npmrc: omit-lockfile-registry-resolved=true")
    if path.endswith(C_ENDINGS):
        check_c(path, text, lines)


def main():
    global ROOT
    args = sys.argv[1:]
    if args[:1] == ["--root"]:
        ROOT, args = os.path.abspath(args[1]), args[2:]
    names = [os.path.relpath(os.path.abspath(n), ROOT) for n in args] or tree()
    for name in names:
        check_file(name)
    for problem in problems:
        print(problem)
    print(f"tidy: {len(names)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
