// SPDX-License-Identifier: Apache-2.0
// JSON through json-as: a class with @json as the message, and JSON in the room's own code.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { roomOf, use } from "./support.mjs";

const { build } = await use("lib/build.mjs");
const { openRoom } = await use("lib/test.mjs");

const ROOM = `
import { JSON } from "json-as";
import { room, Connection } from "ramp-sdk";

@json
export class Move {
  x: i32 = 0;
  y: i32 = 0;
  name: string = "";
  tags: string[] = [];
}
@json
class State {
  moves: i32 = 0;
  last: Move | null = null;
}
const state = new State();

export function onMessage(conn: Connection, move: Move): void {
  if (move.x < 0) throw new Error("x is negative");
  state.moves++;
  state.last = move;
  room.broadcast(JSON.stringify(state));
}
`;

for (const mode of ["release", "debug"]) test(`a room that speaks JSON, ${mode}`, async () => {
  const r = await build(roomOf(ROOM), { mode, write: false });
  assert.ok(r.ok, JSON.stringify(r.problems));
  const room = await openRoom(null, { wasm: r.wasm }), ann = room.join("ann");
  ann.send('{"x":3,"y":-4,"name":"Ann \\"A\\" привет 👋","tags":["a","b"]}');
  assert.deepEqual(JSON.parse(ann.take()[0]), { moves: 1, last: { x: 3, y: -4, name: 'Ann "A" привет 👋', tags: ["a", "b"] } });
  assert.throws(() => ann.send('{"x":-1,"y":0,"name":"","tags":[]}'), e => e.reason === "x is negative" && e.places[0].line === 20);
  assert.throws(() => ann.send("{"));
  ann.send('{"x":1,"y":1,"name":"n","tags":[]}');
  assert.equal(JSON.parse(ann.last).moves, 2);
  for (let i = 0; i < 5000; i++) ann.send('{"x":1,"y":1,"name":"' + "n".repeat(50) + '","tags":["t"]}');
  assert.ok(room.memory.buffer.byteLength <= 3 * 65536, `${room.memory.buffer.byteLength / 65536} pages`);
});

test("the class may live in another file", async () => {
  const types = roomOf("@json\nexport class Ping {\n  n: i32 = 0;\n}\n");
  const r = await build(roomOf(`import { Connection } from "ramp-sdk";\nimport { Ping as P } from "./${path.basename(types, ".ts")}";\nexport function onMessage(conn: Connection, p: P): void { conn.send((p.n + 1).toString()); }\n`), { write: false });
  assert.ok(r.ok, JSON.stringify(r.problems));
  const conn = (await openRoom(null, { wasm: r.wasm })).join("a");
  conn.send('{"n":41}');
  assert.equal(conn.last, "42");
});

test("without json-as the build says what to install", async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-json-"));
  try {
    fs.mkdirSync(path.join(dir, "src"));
    fs.writeFileSync(path.join(dir, "src/room.ts"), ROOM);
    const r = await build(dir, { write: false });
    assert.equal(r.ok, false);
    assert.match(r.problems[0].text, /npm install --save-dev json-as/);
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
});
