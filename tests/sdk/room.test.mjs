// SPDX-License-Identifier: Apache-2.0
// The whole API against the host in JavaScript, release and debug.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { roomFile, use } from "./support.mjs";

const { build } = await use("lib/build.mjs");
const { openRoom } = await use("lib/test.mjs");

for (const mode of ["release", "debug"]) describe(mode, () => {
  let wasm;
  before(async () => {
    const r = await build(roomFile("everything.ts"), { mode, write: false });
    assert.ok(r.ok, JSON.stringify(r.problems));
    wasm = r.wasm;
  });
  const open = (options = {}) => openRoom(null, { wasm, ...options });
  const say = (conn, ...messages) => messages.map(m => { conn.take(); conn.send(m); return conn.last; });

  test("broadcast to all, and to all but one", async () => {
    const r = await open(), ann = r.join("ann");
    assert.deepEqual(ann.take(), ["ann joined"]);
    const bob = r.join("bob");
    assert.deepEqual(bob.take(), ["bob joined"]);
    assert.deepEqual(ann.take(), ["bob joined", "others only"]);
    ann.send("except bob");
    assert.deepEqual([ann.take(), bob.take()], [["not bob"], []]);
    ann.send("except nobody");
    assert.deepEqual([ann.take(), bob.take()], [["not nobody"], ["not nobody"]]);
  });

  test("text of every size and script, decoded, re-sent and raw", async () => {
    const r = await open(), ann = r.join("ann");
    for (const s of ["hello", "", "0123456789abcdef0123456789abcdefé日本", "привет 👋", "a\u0000b", "\u0000", "x".repeat(16368), "x".repeat(100000), "я".repeat(9000), "😀".repeat(5000)])
      for (const command of ["echo", "raw", "same", "reply"]) {
        ann.take();
        ann.send(`${command} ${s}`);
        assert.equal(ann.last, command === "echo" ? s : `${command} ${s}`);
      }
  });

  test("1 MiB both ways; more than that throws", async () => {
    const r = await open(), ann = r.join("ann"), text = "0123456789abcde\n".repeat(65536 - 1);
    assert.equal(say(ann, "echo " + text)[0], text);
    const cyrillic = "ы".repeat((1 << 19) - 3);
    assert.equal(say(ann, "echo " + cyrillic)[0], cyrillic);
    const bytes = new Uint8Array(1 << 20).map((_, i) => (i * 31) & 255);
    for (const kind of [0, 1, 2]) {
      bytes[0] = kind;
      assert.deepEqual(Buffer.compare(say(ann, bytes)[0], bytes), 0);
    }
    assert.throws(() => ann.send("long " + "x".repeat(600)), /^HandlerError: x{256,768}\n/);
    assert.equal(r.request("GET", "/?q=1").status, 200);
  });

  test("binary in and out as Message, Uint8Array, ArrayBuffer; its text is repaired", async () => {
    const r = await open(), ann = r.join("ann");
    for (const b of [[], [0], [1, 2, 255], [2, 0, 128], [9, 200]])
      assert.deepEqual(say(ann, new Uint8Array(b))[0], new Uint8Array(b));
    assert.equal(say(ann, new Uint8Array([3, 0xff, 0x41, 0xe2, 0x82]))[0], "\u0003\ufffdA\ufffd");
  });

  test("lone surrogates leave as U+FFFD", async () => {
    const r = await open(), ann = r.join("ann");
    assert.equal(say(ann, "lone")[0], "<\ufffda\ufffd\ufffd>");
    assert.equal(say(ann, "units d83dde00d83d0041dc00")[0], "😀\ufffdA\ufffd");
  });

  test("connections, their info and data", async () => {
    const r = await open({ id: "rööm", service: "svc", version: "ab".repeat(32), env: { KEY: "secret", EMPTY: "" } });
    const ann = r.join({ id: "ann", user: "u1", ip: "10.1.2.3", query: { name: "Ann B" }, headers: { "user-agent": "test" }, claims: { role: "admin" } });
    const bob = r.join({ id: "bob" });
    assert.deepEqual(say(ann, "conn"), ["ann u1 10.1.2.3 Ann B null test admin ann"]);
    assert.deepEqual(say(bob, "conn"), ["bob  127.0.0.1 null null null null bob"]);
    assert.deepEqual(say(ann, "who", "info", "env KEY", "env NONE", "env EMPTY"), ["2/2: ann bob", `rööm svc ${"ab".repeat(32)} svc`, "secret", "null", ""]);
    assert.deepEqual(say(ann, "score", "score"), ["ann 5", "ann 10"]);
    assert.deepEqual(say(bob, "score"), ["bob 5"]);
    assert.deepEqual(say(ann, "sendto bob", "sendto eve"), ["true", "nobody"]);
    assert.equal(bob.last, "for you");
  });

  test("1,000 connections are all listed", async () => {
    const r = await open(), all = [];
    for (let i = 0; i < 1000; i++) all.push(r.join({ id: "c" + i }));
    for (let i = 0; i < 1000; i += 10) all[i].leave();
    const some = all[501];
    assert.equal(say(some, "count")[0], "900");
    const ids = say(some, "who")[0].split(" ").slice(1);
    assert.equal(new Set(ids).size, 900);
    assert.ok(ids.includes("c999") && !ids.includes("c990"));
  });

  test("who is leaving can be asked, but neither reached nor listed; who is gone neither throws", async () => {
    const r = await open(), ann = r.join("ann"), bob = r.join({ id: "bob", query: { name: "Bob" } });
    bob.leave(1001);
    assert.equal(ann.last, "bob left 1001 Bob false false false 1 bob");
    assert.deepEqual(say(ann, "sendleft", "exceptleft"), ["falsefalse", "all"]);
    const eve = r.join("eve"); // takes the slot of bob
    assert.equal(eve.handle & 0xfffff, bob.handle & 0xfffff);
    assert.notEqual(eve.handle, bob.handle);
    assert.deepEqual(say(ann, "sendleft", "who"), ["falsefalse", "2/2: ann eve"]);
    assert.deepEqual(say(eve, "score"), ["eve 5"]);
  });

  test("close takes effect after the handler, with its reason", async () => {
    const r = await open(), ann = r.join("ann"), bob = r.join("bob");
    bob.send("close see you");
    assert.deepEqual(bob.closed, { code: 4001, reason: "see you" });
    assert.match(ann.last, /^bob left 4001 /);
    assert.throws(() => ann.send("close " + "x".repeat(124)), /close: an argument is not valid; a code is 1000, /);
  });

  test("timers and the alarm", async () => {
    const r = await open(), ann = r.join("ann");
    ann.take();
    ann.send("timer 7");
    ann.send("every 2");
    r.advance(19); assert.deepEqual(ann.take(), []);
    r.advance(41); assert.deepEqual(ann.take(), ["timer 2", "timer 7", "timer 2"]);
    ann.send("clear 2");
    r.advance(1000); assert.deepEqual(ann.take(), []);
    ann.send("alarm");
    r.advance(499); assert.deepEqual(ann.take(), []);
    r.advance(1); assert.deepEqual(ann.take(), ["alarm"]);
    assert.throws(() => ann.send("soon"), /setTimer: an argument is not valid; a delay and a period are at least 10 ms/);
  });

  test("requests", async () => {
    const r = await open();
    const a = r.request("POST", "/x/y?q=hé", { body: "body é", headers: { "X-B": "b" }, user: "u", ip: "1.2.3.4" });
    assert.equal(a.text, "POST /x/y /x/y?q=hé hé b u 1.2.3.4 body é");
    assert.equal(a.status, 200);
    assert.equal(a.headers, "content-type: application/json\n");
    const bytes = new Uint8Array(70000).map((_, i) => i & 255), b = r.request("PUT", "/bytes", { body: bytes });
    assert.deepEqual([b.status, b.headers, Buffer.compare(b.bytes, bytes)], [201, "content-type: image/png\nx-a: 1\n", 0]);
    assert.equal(r.request("GET", "").text.startsWith("GET / "), true);
    assert.throws(() => r.request("GET", "/throw"), /no answer/);
    assert.throws(() => r.request("GET", "/bad"), /the response: an argument is not valid; a status is 200 to 599/);
    assert.throws(() => r.request("GET", "/big"), /the response: too big; .*a body at most 1 MiB/);
  });

  test("log lines, clock, random", async () => {
    const r = await open({ now: 1_700_000_000_000 }), ann = r.join("ann");
    assert.deepEqual(r.logs.splice(0), [{ level: "info", text: "top level runs" }]);
    ann.send("log");
    assert.deepEqual(r.logs.map(l => `${l.level}:${l.text}`), ["debug:d", "info:i", "warning:w", "error:e", "info:c", "warning:cw", "error:ce", "debug:cd"]);
    assert.deepEqual(say(ann, "time", "random"), ["true 1700000000000 2023", "true"]);
    r.close();
    r.backpressure(ann);
    assert.deepEqual(r.logs.slice(-2).map(l => l.text), ["closing", "slow: ann"]);
  });

  test("state goes from onSave to onOpen; connections stay", async () => {
    const r = await open(), ann = r.join("ann"), bob = r.join("bob");
    assert.deepEqual(say(ann, "opened"), ["0:nothing"]);
    ann.send("put a=1");
    await r.reload();
    assert.deepEqual(say(ann, "opened", "who"), ["1:state of 1", "2/2: ann bob"]);
    assert.deepEqual(say(bob, "count"), ["2"]);
    ann.send("save " + "s".repeat(50000));
    r.restart(2);
    assert.deepEqual(say(ann, "opened"), ["2:" + "s".repeat(50000)]);
  });

  test("a throw ends its handler: nothing is sent, the room and its data go on", async () => {
    const r = await open(), ann = r.join("ann");
    ann.send("put a=1");
    ann.take();
    for (let i = 0; i < 50; i++) assert.throws(() => ann.send("throw no. " + i), new RegExp(`boom no. ${i}\n`));
    assert.deepEqual(ann.take(), []);
    assert.deepEqual(say(ann, "dump a", "error"), ["1", "onMessage|boom no. 49|ann"]);
    assert.throws(() => ann.send("many"), /broadcast: a limit of this call or room is reached/);
    assert.deepEqual(say(ann, "dump a"), ["1"]);
  });

  test("a message that is kept past its handler is refused", async () => {
    const r = await open(), ann = r.join("ann");
    ann.send("keep");
    assert.throws(() => ann.send("usekept"), /this message's handler has returned/);
  });

  for (const cold of [false, true]) test(`kv, db and fetch, ${cold ? "through wait" : "at once"}`, async () => {
    const r = await open({ cold }), ann = r.join("ann");
    assert.deepEqual(say(ann, "kvset a", "kvget nope", "kvtry k:a", "kvtry nope", "kvdel k:a"), ["a!", "null", "true true  a!", "true false  null", "null"]);
    r.kv.set("big", Buffer.from("b".repeat(30000)));
    assert.equal(say(ann, "kvget big")[0].length, 30000);
    ann.take();
    ann.send("kvbytes");
    assert.deepEqual(ann.take(), [new Uint8Array([0, 255, 7]), new Uint8Array([0, 255, 7])]);
    assert.deepEqual(say(ann, "svcset x"), ["xnull"]);
    ann.send("kvsync");
    assert.equal(r.events.at(-1).type, "kv_sync");
    for (const k of ["u:1", "u:2", "u:3", "v"]) ann.send("dbset " + k);
    assert.deepEqual(say(ann, "dblist u: 10", "dblist u: 2", "dblist u: 2 u:2", "dblist none 5"), ["3 false u:1=vu:1 u:2=vu:2 u:3=vu:3", "2 true u:1=vu:1 u:2=vu:2", "1 false u:3=vu:3", "0 false"]);
    assert.deepEqual(say(ann, "dbdel u:1"), ["null"]);
    r.fetch = q => ({ status: q.url === "b" ? 404 : 200, headers: "x-t: yes\n", body: q.method === "POST" ? `${q.headers}${q.text}` : q.url === "big" ? "y".repeat(9000) : "got " + q.url });
    assert.deepEqual(say(ann, "fetch a", "post p", "fetchall a,b,big"), ["200 true got a yes ", "x-a: b\nhéllo", `200got a;404got b;200${"y".repeat(9000)};`]);
    r.fetch = () => -6;
    assert.deepEqual(say(ann, "fetch a"), ["0 false no answer in time null no answer in time"]);
  });

  test("what cannot be reached: get, list and kv.set throw, the try forms and fetch say so", async () => {
    const r = await open({ offline: true }), ann = r.join("ann");
    assert.throws(() => ann.send("kvget a"), /kv\.get\("a"\): the store cannot be reached now\n/);
    assert.throws(() => ann.send("kvset a"), /kv\.set\("k:a"\): the store cannot be reached now\n/);
    assert.throws(() => ann.send("kvdel a"), /kv\.del\("a"\): the store cannot be reached now\n/);
    assert.throws(() => ann.send("dbset a"), /db\.get\("a"\): the store cannot be reached now\n/);
    assert.throws(() => ann.send("dblist a 1"), /db\.list\("a"\): the store cannot be reached now\n/);
    assert.deepEqual(say(ann, "kvtry a", "fetch a", "fetchall a,b"), ["false false the store cannot be reached now null", "0 false not available now null not available now", "0not available now;0not available now;"]);
  });
});
