// SPDX-License-Identifier: Apache-2.0
// docs/state.md, "What survives what": its rows, on the real server.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { room, Server, sleep, until, variant } from "./support.mjs";

async function serverOf(t, args = [], wrap = []) {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-kept-"));
  const at = { server: await Server.start({ data, args, wrap }) };
  t.after(async () => {
    at.server.child.kill("SIGKILL");
    await at.server.exited;
    fs.rmSync(data, { recursive: true, force: true });
  });
  at.again = async signal => {
    await at.server.stop(signal);
    at.server = await Server.start({ data, args });
  };
  await at.server.deploy("kept", room("kept"));
  return at;
}
/** The next message that is no tick. */
async function answer(client, text) {
  client.send(text);
  for (;;) {
    const got = await client.next();
    if (!got.startsWith("tick")) return got;
  }
}
const what = (client, more = "") => answer(client, "what" + more);
/** Which timers tick. */
async function ticks(client) {
  client.got.length = 0;
  await sleep(300);
  return [...new Set(client.got)].sort().join();
}
const KEPT = "alarm is set"; // by all rows: an alarm far away
async function prepared(at) {
  const client = await at.server.client("/kept/r");
  assert.equal(await answer(client, "keep one"), "kept one");
  assert.equal(await answer(client, "alarm 3600000"), KEPT);
  return client;
}
const alarm = async at => (await at.server.api("GET", "/_ramp/v1/services/kept/rooms/r")).json.alarm_ms;

test("a handler throws: globals as it left them, all that it asked for is dropped", async t => {
  const at = await serverOf(t), client = await prepared(at), due = await alarm(at);
  client.send("throw two");
  assert.equal(await what(client), "global two, kv one, db one, opened 0 nothing, alarm -");
  assert.equal(await ticks(client), "tick 1");
  assert.equal(await alarm(at), due);
});

test("a handler traps: a new instance, what was stored is kept, connections stay", async t => {
  const at = await serverOf(t), client = await prepared(at), due = await alarm(at);
  client.send("trap two");
  assert.equal(await what(client), "global , kv one, db one, opened 3 nothing, alarm -");
  assert.equal(await ticks(client), "");
  assert.equal(await alarm(at), due);
});

test("a new version: globals through onSave, timers gone, connections stay", async t => {
  const at = await serverOf(t), client = await prepared(at), due = await alarm(at);
  const { version } = await at.server.deploy("kept", variant(room("kept"), 1));
  await until("the switch", async () => (await at.server.api("GET", "/_ramp/v1/rooms")).json.rooms[0].version === version);
  assert.equal(await what(client), "global one, kv one, db one, opened 1 one, alarm -");
  assert.equal(await ticks(client), "");
  assert.equal(await alarm(at), due);
  client.send("trap two"); // what was saved at the switch is old by now
  assert.equal(await what(client), "global one, kv one, db one, opened 3 one stale, alarm -");
});

test("eviction: globals through onSave, connections stay", async t => {
  const at = await serverOf(t, ["--workers", "1", "--modules-max", "1"]), client = await at.server.client("/kept/r");
  assert.equal(await answer(client, "keep one"), "kept one");
  client.send("trap two"); // for a room with a timer is not evicted, and so its timer has to go
  assert.equal(await what(client), "global , kv one, db one, opened 3 nothing, alarm -");
  client.send("throw three"); // its global stays
  await at.server.deploy("other", variant(room("echo"), 1));
  const other = await at.server.client("/other/r");
  assert.equal(await answer(other, "hello"), "hello");
  await other.close();
  assert.equal(await what(client), "global three, kv one, db one, opened 2 three, alarm -");
});

test("the room's end: globals through onSave, the next life is a fresh one", async t => {
  const at = await serverOf(t, ["--room-idle-ms", "100"]), client = await at.server.client("/kept/r");
  client.send("throw one"); // sets the global, and leaves no timer
  assert.equal(await what(client), "global one, kv -, db -, opened 0 nothing, alarm -");
  await client.close();
  await until("its end", async () => !(await at.server.api("GET", "/_ramp/v1/rooms")).json.rooms.length);
  assert.equal(await what(await at.server.client("/kept/r")), "global one, kv -, db -, opened 0 one, alarm -");
});

test("a restart: globals through onSave, connections are told to come again", async t => {
  const at = await serverOf(t), client = await prepared(at);
  await at.again("SIGTERM");
  await until("the close", () => client.closed);
  assert.equal(client.closed.code, 1012);
  const later = await at.server.client("/kept/r");
  assert.equal(await what(later), "global one, kv one, db one, opened 2 one, alarm -");
  assert.equal(await ticks(later), "");
  assert.equal(await answer(later, "keep three"), "kept three"); // with a commit the host learns what is stored
  assert.ok(await alarm(at) > Date.now());
});

test("kill -9: what was acknowledged is in db, the state is the last one saved and stale", async t => {
  const at = await serverOf(t), first = await prepared(at);
  await at.again("SIGTERM"); // saves
  await until("the close", () => first.closed);
  const client = await at.server.client("/kept/r");
  assert.equal(await answer(client, "keep two"), "kept two");
  await at.again("SIGKILL");
  const later = await at.server.client("/kept/r");
  assert.match(await what(later), /^global one, kv (one|two), db two, opened 2 one stale, alarm -$/);
  assert.equal(await ticks(later), "");
  assert.equal(await answer(later, "keep three"), "kept three"); // with a commit the host learns what is stored
  assert.ok(await alarm(at) > Date.now());
});

test("a commit is lost: what waited for it is dropped, connections close, the room opens on what is stored", async t => {
  // No file may grow beyond 2 MiB: the disk is full.
  const at = await serverOf(t, [], ["bash", "-c", `trap '' XFSZ; ulimit -f 2048; exec "$0" "$@"`]), client = await prepared(at), due = await alarm(at);
  let filled = "one";
  for (let i = 0; i < 50 && !client.closed; i++) {
    client.send(`fill ${i}`);
    await until("an answer", () => client.closed || client.got.some(m => m === `filled ${i}`));
    if (client.got.includes(`filled ${i}`)) filled = `${i}`;
  }
  assert.equal(client.closed?.code, 1011);
  const later = await at.server.client("/kept/r");
  assert.equal(await what(later), `global , kv ${filled}, db ${filled}, opened 4 nothing, alarm -`);
  assert.equal(await ticks(later), "");
  assert.equal(await answer(later, "keep three"), "kept three"); // there was room for this one
  assert.equal(await alarm(at), due);
});

test("the alarm wakes a room that has ended, also after a restart", async t => {
  const at = await serverOf(t, ["--room-idle-ms", "100"]);
  const rooms = async () => (await at.server.api("GET", "/_ramp/v1/rooms")).json.rooms.map(r => r.room);
  for (const signal of [null, "SIGTERM", "SIGKILL"]) {
    const client = await at.server.client(`/kept/${signal}`);
    assert.equal(await answer(client, "alarm 2000"), KEPT);
    await client.close();
    if (signal) await at.again(signal);
    await until("its end", async () => !(await rooms()).length);
    await until("the alarm", async () => (await rooms()).includes(`${signal}`));
    assert.match(await what(await at.server.client(`/kept/${signal}`)), /alarm has been$/);
    await at.again("SIGKILL"); // no room of this round is in the way of the next
  }
});
