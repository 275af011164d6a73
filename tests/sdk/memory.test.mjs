// SPDX-License-Identifier: Apache-2.0
// What a room takes: pages that it touches, and that garbage does not pile up.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { project, roomFile, roomOf, root, use } from "./support.mjs";
import fs from "node:fs";

const { build } = await use("lib/build.mjs");
const { openRoom } = await use("lib/test.mjs");
const harness = await use("lib/harness.mjs");
const MIB = 1 << 20;

async function built(file, mode = "release") {
  const r = await build(file, { mode, write: false });
  assert.ok(r.ok, JSON.stringify(r.problems));
  return r.wasm;
}

/** Pages of 4 KiB that are not all zero: what the room has, its program's data included. */
function dirty(memory) {
  const bytes = new Uint8Array(memory.buffer), pages = [];
  for (let p = 0; p < bytes.length; p += 4096) if (bytes.subarray(p, p + 4096).some(b => b)) pages.push(p / 4096);
  return pages;
}

test("a fresh room that has handled a message has touched three pages of one", async () => {
  const file = path.join(project, "rooms", "chat-example.ts");
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.copyFileSync(path.join(root, "examples/chat/src/room.ts"), file);
  const plain = roomOf('import { room, Connection, Message } from "ramp-sdk";\nexport function onJoin(c: Connection): void { room.broadcast(c.id + " joined"); }\nexport function onMessage(c: Connection, m: Message): void { room.broadcast(c.id + ": " + m.text); }\nexport function onLeave(c: Connection): void { room.broadcast(c.id + " left"); }\n');
  for (const [name, wasm, most] of [["plain", await built(plain), 3], ["examples/chat", await built(file), 6]]) {
    const room = harness.newRoom(), guest = harness.instantiate(new WebAssembly.Module(wasm), room);
    const conn = harness.addConnection(room, { id: "3f9a0c1d2e4b5a6978c0d1e2f3a4b5c6", query: { name: "Ann" } });
    assert.equal(guest.run("join", [conn]).error, undefined);
    assert.equal(guest.run("message", [conn, "n", "flags"], harness.bytesOf("hello everybody")).error, undefined);
    const pages = dirty(guest.exports.memory);
    assert.ok(pages.length <= most, `${name}: pages ${pages}`);
    assert.equal(guest.exports.memory.buffer.byteLength, 65536);
  }
});

for (const [mode, messages] of [["release", 60000], ["debug", 10000]]) test(`${messages.toLocaleString("en")} messages of churn keep exactly what they should, ${mode}`, async () => {
  const room = await openRoom(null, { wasm: await built(roomFile("everything.ts"), mode) }), ann = room.join("ann");
  const want = new Map();
  let seed = 7;
  const random = n => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % n;
  for (let i = 0; i < messages; i++) {
    const k = "k" + random(50), v = "v".repeat(random(40)) + i;
    ann.send(`put ${k}=${v}`);
    const list = want.get(k) ?? want.set(k, []).get(k);
    list.push(v);
    if (list.length > 5) list.shift();
    if (i % 10000 === 5000) assert.throws(() => ann.send("throw in between"));
  }
  for (const [k, list] of want) { ann.send("dump " + k); assert.equal(ann.take().at(-1), list.join(",")); }
  assert.ok(room.memory.buffer.byteLength <= 4 * 65536, `${room.memory.buffer.byteLength / 65536} pages`);
});

test("large messages, one after another, stay below the cap of a room", async () => {
  const room = await openRoom(null, { wasm: await built(roomFile("everything.ts")) }), ann = room.join("ann");
  const text = "echo " + "x".repeat(MIB - 5), cyrillic = "echo " + "ы".repeat((MIB >> 1) - 3), bytes = new Uint8Array(MIB).fill(1);
  for (let i = 0; i < 40; i++) { ann.send(text); ann.send(cyrillic); ann.send(bytes); ann.take(); }
  assert.ok(room.memory.buffer.byteLength <= 16 * MIB, `${room.memory.buffer.byteLength / MIB} MiB`);
});

test("a room whose every handler throws does not grow", async () => {
  const room = await openRoom(null, { wasm: await built(roomFile("everything.ts")) }), ann = room.join("ann");
  for (let i = 0; i < 5000; i++) assert.throws(() => ann.send("throw " + "x".repeat(1000)));
  assert.ok(room.memory.buffer.byteLength <= 4 * 65536, `${room.memory.buffer.byteLength / 65536} pages`);
});

test("connections that come and go leave nothing behind", async () => {
  const room = await openRoom(null, { wasm: await built(roomFile("everything.ts")) });
  room.join("first");
  for (let i = 0; i < 8000; i++) { room.join({ id: "c" + i, query: { name: "n".repeat(100) } }).leave(); room.events.length = 0; }
  assert.ok(room.memory.buffer.byteLength <= 2 * 65536, `${room.memory.buffer.byteLength / 65536} pages`);
});

test("growing without end says so and traps", async () => {
  const file = roomOf('import { Connection, Message } from "ramp-sdk";\nconst kept: ArrayBuffer[] = [];\nexport function onMessage(c: Connection, m: Message): void {\n  for (;;) kept.push(new ArrayBuffer(1 << 24));\n}\n');
  const wasm = await built(file);
  // A memory with the cap of a room: the module's own, with a maximum written in.
  const capped = cap(wasm, 256), room = await openRoom(null, { wasm: capped }), ann = room.join("ann");
  assert.throws(() => ann.send("x"), e => e.trap && e.places[0]?.line === 4);
  assert.ok(room.logs.some(l => l.level === "error" && l.text === "out of memory"));
});

/** The module with a maximum for its memory. (memory section: one entry, flags 0, pages 1) */
function cap(wasm, pages) {
  let p = 8;
  const leb = () => { let n = 0, s = 0, b; do { b = wasm[p++]; n |= (b & 127) << s; s += 7; } while (b & 128); return n; };
  while (p < wasm.length) {
    const start = p, id = wasm[p++], size = leb(), body = p;
    p = body + size;
    if (id !== 5) continue;
    const max = [pages & 127 | 128, pages >> 7];
    return Buffer.concat([wasm.subarray(0, start), Buffer.from([5, 5, 1, 1, wasm[body + 2], ...max]), wasm.subarray(p)]);
  }
  return wasm;
}
