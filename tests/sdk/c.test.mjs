// SPDX-License-Identifier: Apache-2.0
// The C header: its example builds with the line that it names, as C and as C++, and is a room.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { root, use } from "./support.mjs";

const { openRoom } = await use("lib/test.mjs");
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-c-"));
after(() => fs.rmSync(temporary, { recursive: true }));
const found = name => spawnSync(name, ["--version"]).status === 0;
const clang = process.env.RAMP_CLANG ?? ["clang", "clang-19", "clang-16", "clang-14"].find(found);
const linker = clang && spawnSync(clang, ["--print-prog-name=wasm-ld"], { encoding: "utf8" }).stdout.trim();
const links = clang && found(linker);
const skip = clang ? false : "no clang here";
const WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wmissing-prototypes", "-Wundef", "-Wwrite-strings", "-Wformat=2", "-Werror"];
const generated = path.join(temporary, "ramp_hostcalls.h");
execFileSync(process.execPath, [path.join(root, "tools/generate.mjs"), "--header", generated]);
const example = path.join(root, "guest/c/examples/chat.c");
/** The line that the example's top comment names, with our folders. */
const line = fs.readFileSync(example, "utf8").match(/clang (.*?) \\\n \* +(.*)\n/).slice(1).join(" ").split(" ");

test("the example compiles without a warning, as C17 and as C++17", { skip }, () => {
  for (const language of [["-std=c17", "-Wstrict-prototypes"], ["-x", "c++", "-std=c++17", "-Wno-gnu", "-Wno-c99-extensions"]])
    execFileSync(clang, ["--target=wasm32", "-O2", ...WARNINGS, ...language, "-I", path.join(root, "guest/c"), "-I", temporary, "-c", "-o", path.join(temporary, "chat.o"), example]);
});

test("the example is a room", { skip: skip || (links ? false : "clang has no wasm-ld here (package lld)") }, async () => {
  const out = path.join(temporary, "chat.wasm");
  const args = line.map(a => a === "chat.wasm" ? out : a.endsWith("chat.c") ? example : a);
  execFileSync(clang, ["-I", temporary, ...args], { cwd: root });
  const wasm = fs.readFileSync(out);
  assert.ok(wasm.length < 1500, `${wasm.length} bytes`);
  const room = await openRoom(null, { wasm }), ann = room.join("ann"), bob = room.join("bob");
  assert.deepEqual(ann.take(), ["ann joined", "bob joined"]);
  for (const message of ["hello", "привет 👋", "a\0b", "", "x".repeat(16368), "x".repeat(16369), "y".repeat(1 << 20), new Uint8Array([0, 255]), new Uint8Array(100000).fill(7)]) {
    ann.send(message);
    assert.deepEqual(bob.last, message);
  }
  ann.leave();
  assert.equal(bob.last, "ann left");
});

for (const cold of [false, true]) test(`db, kv, alarm, saved state and on_error from C, ${cold ? "through wait" : "at once"}`, { skip: skip || (links ? false : "clang has no wasm-ld here (package lld)") }, async () => {
  const out = path.join(temporary, "state.wasm"), source = path.join(root, "tests/sdk/rooms/state.c");
  execFileSync(clang, ["-I", temporary, ...WARNINGS, ...line.map(a => a === "chat.wasm" ? out : a.endsWith("chat.c") ? source : a)], { cwd: root });
  const room = await openRoom(null, { wasm: fs.readFileSync(out), cold }), ann = room.join("ann");
  const say = text => { ann.take(); ann.send(text); return ann.take(); };
  assert.deepEqual(["G", "S", "G", "L", "K"].map(say), [["none"], [], ["two"], ["k/1", "k/2"], ["shared"]]);
  say("A");
  room.advance(1000);
  assert.deepEqual(ann.take(), ["alarm"]);
  room.db.failing = "timeout";
  assert.deepEqual(say("G"), ["failed"]);
  room.db.failing = null;
  room.logs.length = 0;
  assert.equal(room.evict(), true);
  say("G");
  assert.throws(() => ann.send("P"), { reason: "enough" });
  assert.deepEqual(room.logs.map(l => l.text), ["kept", "fresh", "kept", "stale", "enough"]);
});
