// SPDX-License-Identifier: Apache-2.0
// Failures name the user's file:line:col, in release builds too; the section ramp.lines and its reader.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, test } from "node:test";
import { roomFile, roomOf, use } from "./support.mjs";

const { build } = await use("lib/build.mjs");
const { readLines, readModule, traceOf } = await use("lib/lines.mjs");
const { openRoom } = await use("lib/test.mjs");

const files = ["traps.ts", "traps-helper.ts"].map(f => roomFile(f));
/** message -> "rooms/traps.ts:line:col" of the marker */
const expected = new Map();
for (const file of files)
  fs.readFileSync(file, "utf8").split("\n").forEach((line, i) => {
    for (const m of line.matchAll(/\/\*>(\w+)\*\//g)) expected.set(m[1], `${file.replace(/.*\/rooms\//, "rooms/")}:${i + 1}:${m.index + m[0].length + 1}`);
  });

const REASONS = { index: "Index out of range", map: "Key does not exist", div: "divide by zero", null: "Unexpected 'null'", throw: "boom", deep: "Index out of range", method: "dead",
  big: "broadcast: too big", assert: "no", unreach: "unreachable", cast: "invalid downcast", key: 'kv.get(""): an argument is not valid; a key has 1 to 512 bytes', helper: "Index out of range" };

for (const mode of ["release", "debug"]) describe(mode, async () => {
  const r = await build(files[0], { mode, write: false });
  assert.ok(r.ok, JSON.stringify(r.problems));

  for (const [message, where] of expected) test(`a failure names its place: ${message}`, async () => {
    const room = await openRoom(null, { wasm: r.wasm }), conn = room.join("a");
    const error = (() => { try { conn.send(message); } catch (e) { return e; } return assert.fail("it did not fail"); })();
    assert.equal(error.name, "HandlerError");
    if (REASONS[message]) assert.ok(error.reason.startsWith(REASONS[message]), error.reason);
    const [file, line, col] = where.split(":"), got = error.where.split(":");
    assert.equal(got[0] + ":" + got[1], file + ":" + line, error.message);
    // Of `room.broadcast(x)` the name is what fails, of `a[3].name` the index.
    assert.ok(got[2] - col >= 0 && got[2] - col <= "room.".length, `column ${got[2]}, not ${col}`);
  });

  test("a stack overflow names the function that recurses, with its callers", async () => {
    const room = await openRoom(null, { wasm: r.wasm }), conn = room.join("a");
    assert.throws(() => conn.send("rec"), e => e.reason === "stack overflow" && e.places[0].name === "rec" && e.trap);
    conn.send("fine");
  });

  test("callers are listed up to the handler", async () => {
    const room = await openRoom(null, { wasm: r.wasm }), conn = room.join("a");
    assert.throws(() => conn.send("deep"), e => e.places.filter(p => p.name === "deep").length >= 5 && e.places.at(-1).name === "onMessage");
    assert.throws(() => conn.send("cb"), e => e.places[0].name === "function in onMessage");
  });
});

test("a panic's own text has the place of a throw", async () => {
  const r = await build(roomOf('import { Connection } from "ramp-sdk";\nexport function onJoin(conn: Connection): void {\n  if (conn.id != "x") throw new Error("no x");\n}\n'), { write: false });
  const { instantiate, newRoom, addConnection, Panic } = await use("lib/harness.mjs");
  const room = newRoom(), guest = instantiate(await WebAssembly.compile(r.wasm), room), error = guest.run("join", [addConnection(room, { id: "a" })]).error;
  assert.ok(error instanceof Panic);
  assert.match(error.panic, /^no x\nrooms\/room-[\d-]+\.ts:3:23$/);
});

test("a failing top level is named", async () => {
  const file = roomOf('import { log } from "ramp-sdk";\nconst a: i32[] = [];\nlog("starting");\nlog(a[3].toString());\nexport function onClose(): void {}\n');
  const r = await build(file, { write: false });
  const { instantiate, newRoom, Panic } = await use("lib/harness.mjs"), { framesOf } = await use("lib/lines.mjs");
  assert.throws(() => instantiate(new WebAssembly.Module(r.wasm), newRoom()), e => e instanceof Panic && e.message === "Index out of range"
    && traceOf(r.wasm, framesOf(e)).some(p => p.line === 4));
});

test("the section: last, small, ascending, complete", async () => {
  const r = await build(files[0], { write: false }), { sections, code } = readModule(r.wasm), lines = readLines(r.wasm);
  assert.deepEqual(sections.filter(s => s.id === 0).map(s => s.name), ["ramp.lines"]);
  assert.equal(sections.at(-1).end, r.wasm.length);
  assert.ok(sections.at(-1).end - sections.at(-1).start < 1500, "it grew");
  assert.deepEqual(lines.files.sort(), ["rooms/traps-helper.ts", "rooms/traps.ts"]);
  const names = [...lines.functions.values()];
  for (const name of ["onMessage", "deep", "rec"]) assert.ok(names.includes(name), names.join());
  lines.entries.reduce((before, e) => { assert.ok(e.offset > before); return e.offset; }, 0);
  const texts = new Map(files.map(f => [f.replace(/.*\/rooms\//, "rooms/"), fs.readFileSync(f, "utf8").split("\n")]));
  for (const e of lines.entries) if (e.file) assert.ok(e.line >= 1 && e.col >= 1 && e.col <= texts.get(e.file)[e.line - 1].length, JSON.stringify(e));
  // No function of the library has a place of the user's: the entry that holds at its start has none.
  for (const fn of code.functions) {
    const entry = lines.entries.findLast(e => e.offset <= fn.start);
    assert.equal(entry !== undefined && entry.file !== null, lines.functions.has(fn.index), `function ${fn.index}`);
  }
});

test("offsets are those of the module as it is", async () => {
  // Each place of the section must hold where the engine says that a call is: V8 names the same offsets.
  const r = await build(files[0], { mode: "debug", write: false }), room = await openRoom(null, { wasm: r.wasm }), conn = room.join("a");
  for (const message of ["throw", "index", "helper"]) {
    try { conn.send(message); } catch (e) { assert.equal(e.where.split(":").slice(0, 2).join(":"), expected.get(message).split(":").slice(0, 2).join(":")); }
  }
});
