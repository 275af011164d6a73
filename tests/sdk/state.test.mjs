// SPDX-License-Identifier: Apache-2.0
// The state API, and the JavaScript host's commits, alarm, saved state and faults: CONTRACT 2.3 to 2.7 and 5.
import assert from "node:assert/strict";
import fs from "node:fs";
import { before, test } from "node:test";
import { roomFile, roomOf, use } from "./support.mjs";

const { build } = await use("lib/build.mjs");
const { openRoom, Store } = await use("lib/test.mjs");
let wasm;
before(async () => {
  const r = await build(roomFile("state.ts"), { mode: "debug", write: false });
  assert.ok(r.ok, JSON.stringify(r.problems));
  wasm = r.wasm;
});
const open = (options = {}) => openRoom(null, { wasm, ...options });
const LOST = { code: 1011, reason: "what the room wrote could not be stored" };
const say = (conn, text) => { conn.take(); conn.send(text); return conn.last; };
const lines = room => room.logs.splice(0).map(l => l.text);

test("what waits for a commit: later messages and answers too, in order; reads see it", async () => {
  const r = await open(), ann = r.join("ann");
  ann.take();
  r.holdCommits();
  ann.send("db a");
  ann.send("plain");
  const answer = r.request("POST", "/", { body: "b" });
  ann.send("list ");
  assert.deepEqual([ann.take(), answer.status, r.db.texts()], [[], 0, {}]);
  ann.send("get a");
  r.releaseCommits();
  assert.deepEqual(ann.take(), ["stored a", "plain", "a request request", "v"]);
  assert.deepEqual([answer.status, answer.text, r.db.texts(), r.lost], [200, "stored", { a: "v", request: "b" }, 0]);
  ann.send("plain");
  assert.equal(ann.last, "plain");
});

test("a commit that fails: nothing was sent, members go with 1011, the next call opens it after a lost commit", async () => {
  const r = await open(), ann = r.join("ann"), bob = r.join("bob");
  for (const c of [ann, bob]) c.take();
  lines(r);
  ann.send("timer 10");
  r.holdCommits();
  ann.send("db a");
  ann.send("plain");
  const answer = r.request("POST", "/", { body: "b" });
  r.failCommits();
  assert.deepEqual([ann.take(), bob.take(), answer.status, r.lost, r.db.texts()], [[], [], 503, 3, {}]);
  assert.deepEqual([ann.closed, bob.closed], [LOST, LOST]);
  assert.deepEqual(lines(r), ["opened 4 nothing fresh 2", "left ann 1011", "left bob 1011"]);
  const eve = r.join("eve");
  assert.equal(say(eve, "list "), "");
  eve.take();
  r.advance(100);
  assert.deepEqual(eve.take(), [], "a timer outlived its instance");
});

test("the next commit fails on command; without a write there is no commit", async () => {
  const r = await open(), ann = r.join("ann");
  r.failCommits();
  assert.equal(say(ann, "plain"), "plain");
  ann.take();
  ann.send("db a");
  assert.deepEqual([ann.closed.code, r.lost, ann.take()], [1011, 1, []]);
  const bob = r.join("bob");
  assert.equal(say(bob, "db a"), "stored a");
});

test("a db that fails: reads say so, writes fail with their commit; then it works again", async () => {
  const r = await open(), ann = r.join("ann");
  for (const [failing, sentence] of [["unavailable", "the store cannot be reached now"], ["timeout", "the store gave no answer in time"]]) {
    r.db.failing = failing;
    assert.throws(() => ann.send("get a"), { reason: `db.get("a"): ${sentence}` });
    assert.equal(say(ann, "list a"), `error ${sentence}`);
  }
  r.failures.length = 0;
  ann.send("db a");
  assert.equal(ann.closed.code, 1011);
  assert.match(r.failures[0].reason, /db\.get\("open"\): the store gave no answer in time/, "onOpen reads, too");
  r.db.failing = null;
  const bob = r.join("bob");
  assert.equal(say(bob, "db a"), "stored a");
});

test("an onOpen that fails: the call fails, members go without a leave; an onOpen whose commit fails as well", async () => {
  const r = await open(), ann = r.join("ann");
  lines(r);
  r.db.set("open", "throw");
  assert.throws(() => r.restart(), { call: "open", reason: "cannot open" });
  assert.deepEqual([ann.closed.code, lines(r)], [1011, ["opened 3 nothing fresh 1"]]);
  assert.throws(() => r.join("bob"), /cannot open/);
  r.db.set("open", "write");
  r.failCommits();
  assert.throws(() => r.join("bob"), { call: "open", reason: "the commit of onOpen failed" });
  r.join("bob");
  assert.deepEqual([r.db.text("opened"), r.connection("ann"), r.connection("bob").id], ["yes", undefined, "bob"]);
});

test("kv: a ttl, the service's keys shared by rooms, and sync", async () => {
  const r = await open({ kv: { old: "1" } }), ann = r.join("ann");
  assert.equal(say(ann, "kv k"), "kept");
  assert.deepEqual([r.kv.texts(), r.serviceKv.texts()], [{ k: "v", old: "1" }, { k: "s" }]);
  const other = await open({ id: "other", serviceKv: r.serviceKv, now: r.now }), bob = other.join("bob");
  assert.equal(say(bob, "kvget k"), "null s");
  r.advance(999);
  assert.equal(say(ann, "kvget k"), "v s");
  r.advance(1);
  assert.equal(say(ann, "kvget k"), "null s");
  assert.equal(say(ann, "sync s"), "synced");
});

test("a sync that fails: no message, 503, onError; the writes stay", async () => {
  const r = await open(), ann = r.join("ann");
  ann.take();
  lines(r);
  r.kv.failing = "timeout";
  ann.send("sync a");
  assert.deepEqual([ann.take(), ann.closed, lines(r)], [[], null, ["onError onMessage 7 kv.sync: the kv backend has not acknowledged the writes"]]);
  assert.equal(r.request("POST", "/sync", { body: "b" }).status, 503);
  assert.deepEqual(r.db.texts(), { request: "b" });
  r.kv.failing = null;
  assert.equal(say(ann, "kvget a"), "v null");
});

test("the try forms of writes say what is too big", async () => {
  const ann = (await open()).join("ann");
  assert.equal(say(ann, "big"), "false too big, too big, an argument is not valid, truefalse");
});

test("a slow store: the handler waits, its clock moves, 10 s is the end", async () => {
  const r = await open({ now: 5000 }), ann = r.join("ann");
  r.kv.delayMs = 300;
  r.db.delayMs = 200;
  assert.equal(say(ann, "time"), "ok, ok, 500");
  assert.equal(r.now, 5500);
  r.db.delayMs = 20_000;
  assert.equal(say(ann, "time"), "ok, the store gave no answer in time, 10000");
  r.fetch = () => ({ status: 200, delay_ms: 4000 });
  assert.equal(say(ann, "fetch"), "200 ");
  r.fetch = () => ({ status: 200, delay_ms: 6000 });
  assert.equal(say(ann, "fetch"), "0 no answer in time");
  r.holdCommits();
  r.db.delayMs = 0;
  ann.send("db a");
  ann.send("fetch");
  r.releaseCommits();
  assert.equal(ann.last, "0 no answer in time", "a fetch goes out when the gate is open");
});

test("the alarm: durable, one, tried again six times, not twice when it succeeded", async () => {
  const r = await open(), ann = r.join("ann");
  assert.equal(say(ann, "alarm 1000"), "set");
  assert.equal(r.alarm, r.now + 1000);
  r.crash();
  r.advance(1000);
  assert.deepEqual([lines(r).at(-1), r.alarm], ["alarm", 0]);
  const bob = r.join("bob");
  say(bob, "alarm 1000");
  assert.equal(say(bob, "noalarm"), "cleared");
  r.advance(5000);
  say(bob, "alarm 1000");
  bob.send("failalarms");
  lines(r);
  assert.throws(() => r.advance(1000), /no alarm/);
  for (const wait of [2000, 8000, 30_000, 120_000, 300_000, 600_000]) {
    r.advance(wait - 1);
    assert.throws(() => r.advance(1), /no alarm/, `after ${wait} ms`);
  }
  assert.equal(r.alarm, 0);
  assert.equal(lines(r).filter(l => l === "alarm").length, 7);
  r.advance(3600_000);
  assert.deepEqual(lines(r), []);
});

test("an alarm whose commit fails rings again, an alarm_set that fails is none", async () => {
  const r = await open(), ann = r.join("ann");
  say(ann, "alarm 1000");
  r.failCommits();
  r.advance(1000);
  assert.deepEqual([r.lost, ann.closed.code, r.alarm], [1, 1011, r.now + 2000]);
  const bob = r.join("bob");
  bob.take();
  r.advance(2000);
  assert.deepEqual([bob.take(), r.alarm], [["alarm 0"], 0]);
  r.failCommits();
  bob.send("alarm 1000");
  assert.equal(r.alarm, 0);
});

test("saved state: evicted, a new version, stopped, ended, killed", async () => {
  const r = await open(), ann = r.join("ann");
  for (const n of ["1", "2"]) assert.equal(say(ann, "count"), n);
  lines(r);
  assert.equal(r.evict(), true);
  assert.deepEqual([r.saved, ann.closed, lines(r)], ["2", null, []]);
  assert.equal(say(ann, "opened"), "2 2 fresh 1");
  assert.equal(say(ann, "count"), "3");
  await r.reload();
  assert.equal(say(ann, "opened"), "1 3 fresh 1");
  ann.send("count");
  r.stop();
  assert.equal(ann.closed.code, 1012);
  const bob = r.join("bob");
  assert.equal(say(bob, "opened"), "2 4 fresh 0");
  bob.send("count");
  assert.throws(() => r.end(), /with connections or timers does not end/);
  bob.leave();
  lines(r);
  r.end();
  assert.deepEqual(lines(r), ["closed"]);
  const eve = r.join("eve");
  assert.equal(say(eve, "opened"), "0 5 fresh 0");
  eve.send("count");
  r.crash();
  assert.equal(say(r.join("dan"), "opened"), "2 5 stale 0");
  const later = await open({ db: r.db, saved: r.saved, reason: 2 });
  assert.equal(say(later.join("x"), "count"), "6");
});

test("saved state is stale after a trap, not when the last call saved it", async () => {
  const r = await open(), ann = r.join("ann");
  ann.send("save 7");
  assert.throws(() => ann.send("trap"), { trap: true });
  assert.equal(say(ann, "opened"), "3 7 stale 1");
  ann.send("save 8");
  r.restart(2);
  assert.equal(say(ann, "opened"), "2 8 fresh 1");
  assert.equal(r.db.has("trapped"), false);
});

test("an onSave that fails leaves everything as it was; null keeps what was saved before", async () => {
  const r = await open(), ann = r.join("ann");
  ann.send("is 4");
  r.evict();
  ann.send("is -1");
  assert.equal(r.evict(), true);
  assert.equal(r.saved, "4");
  ann.send("is 13");
  await assert.rejects(r.reload(), { call: "save", reason: "13 is not saved" });
  assert.equal(say(ann, "count"), "14", "it is another instance");
  r.holdCommits();
  ann.send("db a");
  assert.throws(() => r.evict(), /a commit is open/);
});

test("a version whose onOpen fails: the room stays on the old one, with its timers", async () => {
  const r = await open(), ann = r.join("ann");
  ann.send("is 5");
  ann.send("timer 10");
  r.db.set("open", "throw");
  await assert.rejects(r.reload(), { call: "open", reason: "cannot open" });
  assert.equal(ann.closed, null);
  assert.equal(say(ann, "count"), "6");
  ann.take();
  r.advance(10);
  assert.deepEqual(ann.take(), ["timer 1"]);
});

test("a throw and a trap drop their writes; a throw keeps timers, a trap does not", async () => {
  const r = await open(), ann = r.join("ann");
  ann.send("timer 10");
  lines(r);
  assert.throws(() => ann.send("throw"), { reason: "thrown" });
  assert.deepEqual([lines(r), r.db.size], [["onError onMessage 13 thrown"], 0]);
  ann.take();
  r.advance(10);
  assert.deepEqual(ann.take(), ["timer 1"]);
  assert.throws(() => ann.send("trap"), { trap: true });
  r.advance(1000);
  assert.deepEqual(ann.take(), []);
});

test("an id that is present is replaced: 4409, its leave, then the join", async () => {
  const r = await open(), first = r.join("ann"), bob = r.join("bob");
  bob.take();
  const second = r.join("ann");
  assert.deepEqual([first.closed, bob.take(), second.closed], [{ code: 4409, reason: "replaced by a newer connection" }, ["left ann", "joined ann"], null]);
  second.send("bye");
  assert.deepEqual([second.take().at(-1), second.closed, bob.take()], ["bye", { code: 4400, reason: "asked" }, ["left ann"]]);
});

test("a module without onSave is not evicted", async () => {
  const file = roomOf('import { Connection } from "ramp-sdk";\nlet n = 0;\nexport function onMessage(conn: Connection, text: string): void {\n  n++;\n  conn.send(n.toString());\n}\n');
  const r = await openRoom(file), ann = r.join("ann");
  ann.send("x");
  assert.equal(r.evict(), false);
  assert.equal(say(ann, "x"), "2");
  fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace("n++", "n += 10"));
  assert.equal(say((await openRoom(file)).join("ann"), "x"), "10", "openRoom has kept an old build");
});

test("top-level code that uses the room is told so", async () => {
  const file = roomOf('import { kv, Connection } from "ramp-sdk";\nconst best = kv.get("best");\nexport function onJoin(conn: Connection): void {}\n');
  await assert.rejects(openRoom(file), e => e.call === "open" && /kv\.get\("best"\): not allowed here; top-level code runs before there is a room/.test(e.reason) && /:2:1[47]$/.test(e.where));
});

test("a Store: content, text, order", () => {
  const s = new Store({ b: "1", a: new Uint8Array([50]) });
  assert.deepEqual([s.texts(), s.text("a"), s.text("c"), s.get("b")], [{ a: "2", b: "1" }, "2", null, new Uint8Array([49])]);
});
