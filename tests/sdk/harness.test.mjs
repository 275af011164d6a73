// SPDX-License-Identifier: Apache-2.0
// The host that rooms are tested with answers as CONTRACT 1 says, asked through the raw imports.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { before, test } from "node:test";
import { roomOf, root, use } from "./support.mjs";
import { readLimits } from "../../tools/generate.mjs";

const { build } = await use("lib/build.mjs");
const { addConnection, bytesOf, instantiate, LIMITS, newRoom, Trap } = await use("lib/harness.mjs");
const PENDING = -0x80000000;

// Text "NAME ARG ARG …": calls that import with numbers; strings stand at 40000 ("key"), 41000 ("привет", 12 bytes),
// 42000 (bytes that are no UTF-8, 4), 43000 is free to write. The result comes back as text, and 64 bytes of 43000.
const ROOM = `
import * as host from "ramp-sdk/assembly/imports";
import { INBOX_CAP } from "ramp-sdk/assembly/abi";
import { Connection, Message, log } from "ramp-sdk";
const AT: usize = memory.data(8192);
let early: i32 = host.room_info(0, 0, 0);
function n(words: string[], i: i32): i32 {
  const w = words[i];
  if (w.startsWith("@")) return <i32>AT + <i32>parseInt(w.substring(1));
  return <i32>parseInt(w);
}
export function onTimer(id: i32): void {}
export function onRequest(): string { return "x"; }
export function onMessage(conn: Connection, msg: Message): void {
  String.UTF8.encodeUnsafe(changetype<usize>("key"), 3, AT);
  String.UTF8.encodeUnsafe(changetype<usize>("привет"), 6, AT + 100);
  store<u32>(AT + 200, 0xfffefdfc);
  const w = msg.isBinary ? ["binary"] : msg.text.split(" ");
  const f = w[0];
  let r: i32 = 0;
  if (f == "early") r = early;
  else if (f == "room_broadcast") r = host.room_broadcast(n(w, 1), n(w, 2), n(w, 3), n(w, 4), n(w, 5));
  else if (f == "conn_send") r = host.conn_send(n(w, 1), n(w, 2), n(w, 3), n(w, 4));
  else if (f == "conn_close") r = host.conn_close(n(w, 1), n(w, 2), n(w, 3), n(w, 4));
  else if (f == "kv_set") r = host.kv_set(n(w, 1), n(w, 2), n(w, 3), n(w, 4), n(w, 5), n(w, 6));
  else if (f == "kv_get") r = host.kv_get(n(w, 1), n(w, 2), n(w, 3), n(w, 4), n(w, 5));
  else if (f == "timer_set") r = host.timer_set(n(w, 1), n(w, 2), n(w, 3));
  else if (f == "http_respond") r = host.http_respond(n(w, 1), n(w, 2), n(w, 3), n(w, 4), n(w, 5));
  else if (f == "room_info") r = host.room_info(n(w, 1), n(w, 2), n(w, 3));
  else if (f == "room_conns") r = host.room_conns(n(w, 1), n(w, 2));
  else if (f == "conn_info") r = host.conn_info(n(w, 1), n(w, 2), n(w, 3), n(w, 4), n(w, 5), n(w, 6));
  else if (f == "wait") r = host.wait(n(w, 1), n(w, 2));
  else if (f == "random") host.random(n(w, 1), n(w, 2));
  else if (f == "log") host.log(n(w, 1), n(w, 2), n(w, 3));
  else if (f == "event_read") r = host.event_read(n(w, 1), n(w, 2), n(w, 3));
  else if (f == "result") {
    host.room_info(1, AT + 300, 2); // "te" of "test-service"
    host.time_ms();
    r = host.result_read(n(w, 1), AT + 300, n(w, 2));
  } else if (f == "two") { // both are started before the first wait
    const a = host.kv_get(0, AT, 3, AT + 300, 64), b = host.kv_get(1, AT, 3, AT + 300, 64);
    r = a == b ? host.wait(AT + 300, 64) : -100;
    r = r * 100 + host.wait(AT + 300, 64);
  }
  conn.send(r.toString());
  const out = new Uint8Array(64);
  memory.copy(out.dataStart, AT + 300, 64);
  conn.send(out);
}
`;
let wasm;
before(async () => {
  const r = await build(roomOf(ROOM), { write: false });
  assert.ok(r.ok, JSON.stringify(r.problems));
  wasm = new WebAssembly.Module(r.wasm);
});
function open(options = {}) {
  const room = newRoom({ service: "test-service", ...options }), guest = instantiate(wasm, room), conn = addConnection(room, { id: "ann", query: { key: "v" } });
  const ask = text => {
    const r = guest.run("message", [conn, "n", "flags"], bytesOf(text));
    if (r.error) return r.error;
    return { r: Number(r.events.findLast(e => e.type === "send" && !e.binary).payload), out: Buffer.from(r.events.at(-1).payload), events: r.events };
  };
  return { room, guest, conn, ask };
}

test("results", () => {
  const { ask, conn, room } = open({ version: "v" });
  const other = addConnection(room, { id: "bob" }), stale = (other + (1 << 20)) >>> 0;
  for (const [call, result] of [
    ["early", -8],
    ["room_broadcast @100 12 0 0 0", 0], ["room_broadcast @200 4 1 0 0", 0], ["room_broadcast @200 4 0 0 0", -3], ["room_broadcast @100 12 2 0 0", -3],
    [`conn_send ${other} @0 3 0`, 0], [`conn_send ${stale} @0 3 0`, -2], ["conn_send 0 @0 3 0", -2], [`conn_send ${stale} @0 3 5`, -3],
    [`conn_close ${other} 4000 @0 3`, 0], [`conn_close ${other} 1005 @0 3`, -3], [`conn_close ${other} 4000 @0 124`, -3], [`conn_close ${other} 4000 @200 4`, -3], [`conn_close ${stale} 4000 @0 3`, -2],
    ["kv_set 0 @0 3 @100 12 0", 0], ["kv_set 2 @0 3 @100 12 0", -3], ["kv_set 0 @0 0 @100 12 0", -3], ["kv_set 0 @0 513 @100 12 0", -3], ["kv_set 0 @200 4 @100 12 0", -3], ["kv_set 0 @0 3 @0 3 -1", -3],
    ["kv_get 0 @0 3 @300 64", -1], ["kv_get 3 @0 3 @300 64", -3],
    ["timer_set 1 10 0", 0], ["timer_set 1 9 0", -3], ["timer_set 1 10 5", -3], ["http_respond 200 0 0 @0 3", -8],
    ["room_info 0 @300 64", 5], ["room_info 2 @300 64", 1], ["room_info 3 @300 64", -3], ["room_conns @300 64", 2], ["room_conns 0 0", 2],
    [`conn_info ${conn} 0 0 0 @300 64`, 3], [`conn_info ${conn} 1 @0 3 @300 64`, 1], [`conn_info ${conn} 1 @100 12 @300 64`, -1], [`conn_info ${conn} 3 0 0 @300 64`, -1], [`conn_info ${conn} 6 0 0 @300 64`, -3],
    [`conn_info ${stale} 0 0 0 @300 64`, -2], ["wait @300 64", -3], ["random @300 16", 0], ["event_read 0 @300 5", 5], ["event_read 1000 @300 5", 0],
  ]) assert.equal(ask(call).r, result, call);
});

test("a bad address traps, and only that", () => {
  const { ask, conn } = open();
  for (const call of ["room_broadcast 65530 12 0 0 0", "room_broadcast -1 1 0 0 0", "room_broadcast @0 -1 0 0 0", "room_broadcast @0 1 0 65532 2", `conn_send ${conn} 70000 0 9`, "kv_get 0 @0 3 65530 64", "log 1 65530 100",
    "room_conns 65530 64", "random 65530 64", "event_read 0 65530 64", "room_info 9 65530 64", "kv_set 0 70000 3 @0 3 0", "wait 65530 64"]) {
    const error = ask(call);
    assert.ok(error instanceof Trap, `${call}: ${JSON.stringify(error)}`);
  }
  assert.equal(ask("room_broadcast 65536 0 0 0 0").r, 0); // nothing, at the very end
});

test("the rest of a result stays readable past other imports", () => {
  const { ask } = open();
  const whole = ask("result 0 64");
  assert.equal(whole.r, 12);
  assert.equal(whole.out.toString("utf8", 0, 12), "test-service");
  assert.equal(ask("result 5 64").r, 7);
  assert.equal(ask("result 12 64").r, 0);
  assert.equal(ask("result 99 64").r, 0);
});

test("waits come in the order of their starts", () => {
  const { ask, guest, room } = open({ cold: true });
  room.kv.set("key", bytesOf("first!"));
  room.serviceKv.set("key", bytesOf("2nd"));
  assert.equal(ask("kv_get 0 @0 3 @300 64").r, PENDING);
  const r = ask("two");
  assert.equal(r.r, 603);
  assert.equal(r.out.toString("utf8", 0, 6), "2ndst!");
  assert.equal(guest.waits, 2);
});

test("a payload larger than the inbox is pulled; flags say so", () => {
  const { guest, conn } = open();
  for (const [size, flags] of [[16368, 1], [16369, 3]]) {
    let seen;
    const { exports } = guest;
    guest.exports = { ...exports, on_message: (c, n, f) => { seen = [n, f]; } };
    guest.run("message", [conn, "n", "flags"], new Uint8Array(size), 1);
    guest.exports = exports;
    assert.deepEqual(seen, [size, flags]);
  }
});

test("the call's head is written before every call", () => {
  const { ask, guest, room } = open({ now: 5 });
  ask("early");
  room.now = 77;
  ask("early");
  const v = new DataView(guest.exports.memory.buffer, guest.inbox, 16);
  assert.deepEqual([v.getBigInt64(0, true), v.getUint32(8, true), v.getUint32(12, true)], [77n, 0, 2]);
});

test("slots are used again, handles are not", () => {
  const room = newRoom(), a = addConnection(room, {}), b = addConnection(room, {});
  assert.deepEqual([a, b], [0x100000, 0x100001]);
  room.slots[0] = null;
  assert.equal(addConnection(room, {}), 0x200000);
  assert.equal(addConnection(room, {}), 0x100002);
});

test("a module with another import, or without the ABI, is refused", async () => {
  const wat = bytes => new WebAssembly.Module(Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, ...bytes]));
  assert.throws(() => instantiate(wat([1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1, 101, 1, 102, 0, 0]), newRoom()), /imports e\.f/);
  assert.throws(() => instantiate(wat([]), newRoom()), /exports no memory/);
});

test("its limits are the server's", () => {
  const server = new Map(readLimits(fs.readFileSync(path.join(root, "src/base/limits.h"), "utf8")).flatMap(s => s.rows).map(r => [r.name, r.value]));
  const names = { events: "CALL_EVENTS", eventBytes: "CALL_EVENT_BYTES", message: "MESSAGE_SIZE", key: "KEY_SIZE", value: "VALUE_SIZE", state: "STATE_SIZE", body: "BODY_SIZE", timers: "TIMERS",
    timerMin: "TIMER_MS_MIN", timerMax: "TIMER_MS_MAX", pendings: "PENDINGS", waitMs: "WAIT_MS", dbWrites: "CALL_DB_WRITES", dbBytes: "CALL_DB_BYTES", logLine: "LOG_LINE", panic: "PANIC_SIZE", random: "RANDOM_SIZE" };
  assert.deepEqual(Object.keys(names), Object.keys(LIMITS));
  for (const [mine, theirs] of Object.entries(names)) assert.equal(Number(LIMITS[mine]), Number(server.get(`LIMIT_${theirs}`)), theirs);
});
