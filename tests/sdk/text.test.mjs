// SPDX-License-Identifier: Apache-2.0
// UTF-8 to UTF-16 and back, against node's own, over random and nasty input.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { roomOf, use } from "./support.mjs";

const { build } = await use("lib/build.mjs");
const { openRoom } = await use("lib/test.mjs");
const seed = Number(process.env.SEED ?? 20261125);
let state = seed;
const random = n => { state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff; return Math.floor(state / 0x80000000 * n); };

// Text: its UTF-16 units come back as hexadecimal. Binary: as bytes of UTF-16 units, which it turns into text.
const ROOM = `
import { Connection, Message } from "ramp-sdk";
export function onMessage(conn: Connection, msg: Message): void {
  if (!msg.isBinary) {
    const s = msg.text, b = new Uint8Array(s.length * 2);
    memory.copy(b.dataStart, changetype<usize>(s), b.length);
    conn.send(b);
    conn.send(msg.text + "");
    return;
  }
  const b = msg.bytes;
  if (b.length & 1) { // raw bytes behind one: as text
    conn.send(msg.text);
    return;
  }
  const units = new Array<i32>(b.length >> 1);
  for (let i = 0; i < units.length; i++) units[i] = load<u16>(b.dataStart + (i << 1));
  conn.send(String.fromCharCodes(units));
}
`;
let room, conn;
before(async () => {
  const r = await build(roomOf(ROOM), { write: false });
  assert.ok(r.ok, JSON.stringify(r.problems));
  room = await openRoom(null, { wasm: r.wasm });
  conn = room.join("a");
});

const SCRIPTS = [() => random(0x80), () => random(0x80), () => 0x80 + random(0x780), () => 0x400 + random(0x100), () => 0x800 + random(0xd000), () => 0xe000 + random(0x2000), () => 0x10000 + random(0x100000), () => 0];
function randomText(length, pick) {
  let s = "";
  for (let i = 0; i < length; i++) s += String.fromCodePoint((pick ?? SCRIPTS[random(SCRIPTS.length)])());
  return s;
}
const hex = b => Buffer.from(b).toString("hex");

test(`text in and out (seed ${seed})`, () => {
  const texts = ["", "\0", "a\0b", "\ufeffbom", "\uffff\ufffe", "\u{10ffff}", "a".repeat(15) + "é", "é".repeat(8), "é".repeat(7) + "aé", "日".repeat(40), "😀".repeat(40)];
  for (let i = 0; i < 1500; i++) texts.push(randomText(random(70), random(3) ? undefined : SCRIPTS[random(SCRIPTS.length)]));
  for (let i = 0; i < 60; i++) texts.push(randomText(random(9000)));
  for (const s of texts) {
    conn.take();
    conn.send(s);
    const [units, back] = conn.take();
    assert.equal(hex(units), Buffer.from(s, "utf16le").toString("hex"), JSON.stringify(s));
    assert.equal(back, s);
  }
});

test("units out: a surrogate without its partner becomes U+FFFD", () => {
  const pool = [0xd800, 0xdbff, 0xdc00, 0xdfff, 0x41, 0, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x44f];
  for (let i = 0; i < 3000; i++) {
    const units = Uint16Array.from({ length: random(50) }, () => pool[random(pool.length)]);
    conn.send(new Uint8Array(units.buffer));
    assert.equal(conn.take()[0], Buffer.from(units.buffer).toString("utf16le").toWellFormed?.() ?? wellFormed(units), `${units}`);
  }
});
const wellFormed = units => new TextDecoder().decode(new TextEncoder().encode(String.fromCharCode(...units)));

test("bytes that are not UTF-8 become U+FFFD as in browsers", () => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const pool = [0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xa0, 0x9f, 0xed, 0xef, 0xf0, 0x8f, 0x90, 0xf4, 0xf5, 0xff, 0x20];
  const cases = [[0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc0, 0x80], [0xf0, 0x9f, 0x98], [0xe2, 0x82], [...Buffer.from("é".repeat(8)), 0xc3], [...Array(8)].flatMap(() => [0xc1, 0x80])];
  for (let i = 0; i < 4000; i++) cases.push(Array.from({ length: random(40) }, () => pool[random(pool.length)]));
  for (const c of cases) {
    const bytes = Uint8Array.from(c.length & 1 ? c : [...c, 0x2e]);
    conn.send(bytes);
    assert.equal(conn.take()[0], decoder.decode(bytes), hex(bytes));
  }
});

test("up to 1 MiB", () => {
  for (const s of ["x".repeat(1 << 19), "ж".repeat(1 << 19), "\0".repeat(1 << 19), ("日本 text " + "я".repeat(20)).repeat(17000)]) {
    conn.send(s);
    const [units, back] = conn.take();
    assert.equal(units.length, s.length * 2);
    assert.ok(back === s);
  }
});
