// SPDX-License-Identifier: Apache-2.0
// What rooms keep: db, kv, alarm, saved state; over restarts, kills, deploys, evictions, slow disks.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Server, room, sleep, until, variant } from "./support.mjs";

const wasm = room("state");
const scratch = t => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-state-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
};
async function ask(client, line) {
  client.send(line);
  return client.next();
}

test("db, kv and the alarm do what they say, also after an orderly restart", async t => {
  const data = scratch(t);
  let server = await Server.start({ data, args: ["--workers", "2"] });
  await server.deploy("s", wasm);
  let ann = await server.client("/s/r");
  assert.equal(await ask(ann, "opened"), "0 none");
  assert.equal(await ask(ann, "get a"), "null");
  assert.equal(await ask(ann, "set a 1"), "stored a");
  assert.equal(await ask(ann, "get a"), "1");
  assert.equal(await ask(ann, "set b 2"), "stored b");
  assert.equal(await ask(ann, "list"), "a=1;b=2;");
  assert.equal(await ask(ann, "kvset k v"), "kept k");
  assert.equal(await ask(ann, "kvget k"), "v");
  assert.equal(await ask(ann, "kvget other"), "null");
  assert.equal(await ask(ann, "kvsync q w"), "synced q");
  assert.equal(await ask(ann, "shareset x y"), "shared x");
  const bob = await server.client("/s/another");
  assert.equal(await ask(bob, "shareget x"), "y");
  assert.equal(await ask(bob, "get a"), "null");
  assert.equal(await ask(bob, "kvget k"), "null");
  for (let i = 0; i < 5; i++) await ask(ann, "count");
  assert.equal(await ask(ann, "alarm 50"), "set");
  assert.equal(await ann.next(), "alarm 1");
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  assert.deepEqual(ann.closed.code, 1012);

  server = await Server.start({ data, args: ["--workers", "1"] }); // another number of workers
  ann = await server.client("/s/r");
  assert.equal(await ask(ann, "opened"), "2 5");
  assert.equal(await ask(ann, "list"), "a=1;alarms=1;b=2;");
  assert.equal(await ask(ann, "kvget k"), "v");
  assert.equal(await ask(ann, "shareget x"), "y");
  assert.equal(await ask(ann, "count"), "6");
  await server.stop();
});

test("a trap drops what the call wrote", async t => {
  const server = await Server.start();
  t.after(() => server.stop());
  await server.deploy("s", wasm);
  const ann = await server.client("/s/r");
  await ask(ann, "set a 1");
  ann.send("settrap a 2");
  assert.equal(await ask(ann, "get a"), "error onMessage"); // the next call opens the room again
  assert.equal(await ann.next(), "1");
  assert.match(await ask(ann, "opened"), /^3 /);
});

test("acknowledged writes survive kill -9: 1,000 over 20 kills", async t => {
  const data = scratch(t);
  const kept = new Map();
  for (let round = 0; round < 20; round++) {
    const server = await Server.start({ data, args: ["--workers", String(1 + (round % 2))] });
    if (round === 0) await server.deploy("s", wasm);
    const clients = await Promise.all(Array.from({ length: 5 }, (_, i) => server.client(`/s/r${i}`)));
    let acknowledged = 0;
    const done = Promise.all(clients.map(async (client, i) => {
      for (let n = 0; ; n++) {
        const key = `k${round}-${n}`;
        let answer;
        try { answer = await ask(client, `set ${key} ${i}.${round}.${n}`); } catch { return; } // killed
        assert.equal(answer, `stored ${key}`);
        kept.set(`r${i} ${key}`, `${i}.${round}.${n}`);
        acknowledged++;
      }
    }));
    await until("50 acknowledged writes", () => acknowledged >= 50, 60000);
    server.child.kill("SIGKILL");
    await server.exited;
    await done;
  }
  assert.ok(kept.size >= 1000, `${kept.size}`);
  const server = await Server.start({ data });
  const clients = await Promise.all(Array.from({ length: 5 }, (_, i) => server.client(`/s/r${i}`)));
  let lost = 0;
  await Promise.all(clients.map(async (client, i) => {
    for (const [where, value] of kept)
      if (where.startsWith(`r${i} `) && (await ask(client, `get ${where.split(" ")[1]}`)) !== value) lost++;
  }));
  assert.equal(lost, 0);
  await server.stop();
});

test("an alarm that is set before kill -9 rings after it, without a connection", async t => {
  const data = scratch(t);
  let server = await Server.start({ data });
  await server.deploy("s", wasm);
  const ann = await server.client("/s/r");
  assert.equal(await ask(ann, "alarm 1500"), "set");
  server.child.kill("SIGKILL");
  await server.exited;
  await sleep(1500);
  server = await Server.start({ data });
  await until("the alarm's write", async () => {
    const bob = await server.client("/s/r");
    const alarms = await ask(bob, "get alarms");
    await bob.close();
    return alarms === "1";
  }, 15000);
  await server.stop();
});

test("a new version takes over under open sockets, with the room's state", async t => {
  const server = await Server.start({ args: ["--workers", "2"] });
  t.after(() => server.stop());
  await server.deploy("s", wasm);
  const ann = await server.client("/s/r"), bob = await server.client("/s/r2");
  for (let i = 1; i <= 3; i++) assert.equal(await ask(ann, "count"), String(i));
  await ask(bob, "count");
  const answer = await server.deploy("s", variant(wasm, 1));
  assert.equal(answer.rooms_moved, 2);
  assert.equal(answer.connections, 2);
  assert.equal(await ask(ann, "opened"), "1 3");
  assert.equal(await ask(ann, "count"), "4");
  assert.equal(await ask(bob, "count"), "2");
});

for (const workers of [1, 2])
  test(`300 services on 16 slots, each with a connection: every counter is right, ${workers} worker(s)`, async t => {
    const server = await Server.start({ args: ["--workers", String(workers), "--modules-max", "16"] });
    t.after(() => server.stop());
    const clients = [];
    for (let i = 0; i < 300; i++) {
      await server.deploy(`s${i}`, variant(wasm, i));
      clients.push(await server.client(`/s${i}/r`));
    }
    for (let round = 1; round <= 3; round++)
      await Promise.all(clients.map(async client => assert.equal(await ask(client, "count"), String(round))));
    assert.ok((await server.metric("ramp_evictions_total")) >= 600);
  });
