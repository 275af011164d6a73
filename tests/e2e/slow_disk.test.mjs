// SPDX-License-Identifier: Apache-2.0
// The disk as rooms see it, looked at from outside with strace: nothing is acknowledged before it is synced, and
// a disk that hangs holds up those who wait for it and nobody else.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Server, room, slow, sleep, until } from "./support.mjs";

const HANG_S = process.env.RAMP_LONG ? 30 : 5;

const noLeaks = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:detect_leaks=0` }; // cannot be looked for below strace

async function start(t) {
  const server = await Server.start({ args: ["--workers", "1"], env: noLeaks });
  t.after(() => server.stop());
  await server.deploy("s", room("state"));
  await server.deploy("echo", room("echo"));
  return server;
}
/** Attaches strace to the server, or to its thread of this name, until the test ends. */
async function strace(t, server, args, threadName) {
  const tasks = `/proc/${server.pid}/task`;
  const thread = threadName && fs.readdirSync(tasks).find(id => fs.readFileSync(`${tasks}/${id}/comm`, "utf8").trim() === threadName);
  const tracer = spawn("strace", ["-f", "-e", "signal=none", ...args, "-p", thread || String(server.pid)], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  tracer.stderr.on("data", text => (said += text));
  const exited = new Promise(done => tracer.on("exit", done));
  const detach = async () => {
    tracer.kill("SIGKILL");
    await exited;
  };
  t.after(detach);
  await until("strace", () => said.includes("attached"));
  return detach;
}
async function ask(client, line, ms = 10000) {
  client.send(line);
  return client.next(ms);
}

test("a trace shows each write synced before its acknowledgement is sent", async t => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-trace-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const trace = path.join(folder, "calls");
  const server = await start(t);
  const ann = await server.client("/s/r");
  await strace(t, server, ["-y", "-s", "64", "-e", "trace=fdatasync,fsync,sendto,sendmsg,write,writev", "-o", trace]);
  for (let i = 0; i < 50; i++) assert.equal(await ask(ann, `set key${i} value`), `stored key${i}`);
  /* In the order in which calls returned; a call that was interrupted in the trace returns at `resumed`. */
  const acknowledged = [];
  let synced = 0;
  await until("the trace", () => fs.readFileSync(trace, "utf8").includes("stored key49"));
  const open = new Map(); // thread -> the file whose sync has begun
  for (const line of fs.readFileSync(trace, "utf8").split("\n")) {
    const thread = line.split(" ")[0];
    const begun = line.match(/f(?:data)?sync\(\d+<([^>]*)>/);
    if (begun && line.includes("unfinished")) open.set(thread, begun[1]);
    else if (begun && / = 0$/.test(line)) synced += begun[1].includes("db.sqlite");
    else if (/f(?:data)?sync resumed>.* = 0$/.test(line)) synced += (open.get(thread) ?? "").includes("db.sqlite");
    else if (line.includes("stored key")) acknowledged.push({ key: Number(line.match(/stored key(\d+)/)[1]), synced });
  }
  assert.deepEqual(acknowledged.map(sent => sent.key), Array.from({ length: 50 }, (_, i) => i));
  for (let i = 1; i < 50; i++)
    assert.ok(acknowledged[i].synced > acknowledged[i - 1].synced, `key${i} was acknowledged without a sync since key${i - 1}`);
});

test("while a room waits 500 ms for a slow disk, others on its worker answer", async t => {
  const server = await start(t);
  const ann = await server.client("/s/r"), bob = await server.client("/echo/r");
  await strace(t, server, ["-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=500000", "-o", "/dev/null"], "ramp-db");
  const times = [];
  const from = performance.now();
  const stored = ask(ann, "set a 1", 30000).then(answer => ({ answer, after: performance.now() - from }));
  let over = false;
  stored.then(() => (over = true));
  while (!over) {
    const at = performance.now();
    assert.equal(await ask(bob, "x"), "x");
    times.push(performance.now() - at);
    await sleep(2);
  }
  const { answer, after } = await stored;
  assert.equal(answer, "stored a");
  assert.ok(after >= 490, `the disk took 500 ms, the answer came after ${after}`);
  times.sort((a, b) => a - b);
  const p99 = times[Math.floor(times.length * 0.99)], median = times[times.length >> 1];
  t.diagnostic(`${times.length} echoes meanwhile: median ${median.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
  assert.ok(median < 20 * slow, `${median}`); // the figure is the bench's; here: it did not wait with the other room
});

test(`a disk that hangs for ${HANG_S} s loses no room and no write`, { timeout: 120000 * slow }, async t => {
  const server = await start(t);
  const clients = await Promise.all(Array.from({ length: 4 }, (_, i) => server.client(`/s/r${i}`)));
  await strace(t, server, ["-e", "trace=fdatasync", "-e", `inject=fdatasync:delay_enter=${HANG_S}000000:when=10`, "-o", "/dev/null"], "ramp-db");
  const kept = [];
  let longest = 0;
  await Promise.all(clients.map(async (client, i) => {
    for (let n = 0; n < 20; n++) {
      const at = performance.now();
      assert.equal(await ask(client, `set k${n} ${i}.${n}`, 90000), `stored k${n}`);
      longest = Math.max(longest, performance.now() - at);
      kept.push([i, n]);
    }
  }));
  assert.ok(longest > (HANG_S - 1) * 1000, `the disk did not hang: ${longest} ms`);
  for (const client of clients) assert.equal(client.closed, null);
  for (const [i, n] of kept) assert.equal(await ask(clients[i], `get k${n}`), `${i}.${n}`);
});

test("SIGTERM ends it within 10 s, whatever the disk does", async t => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-hang-"));
  t.after(() => fs.rmSync(data, { recursive: true, force: true }));
  let server = await Server.start({ data, args: ["--workers", "1"], env: noLeaks });
  await server.deploy("s", room("state"));
  const ann = await server.client("/s/r");
  assert.equal(await ask(ann, "set a 1"), "stored a");
  const detach = await strace(t, server, ["-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=60000000", "-o", "/dev/null"], "ramp-db");
  ann.send("set a 2");
  await sleep(200);
  const from = performance.now();
  server.child.kill("SIGTERM");
  /* It has said its last word; only strace still holds the thread that it holds up. */
  await until("the end", () => server.log.includes("stopping without it"), 20000);
  const took = performance.now() - from;
  await detach();
  assert.deepEqual(await server.exited, { code: 0, signal: null });
  t.diagnostic(`it took ${(took / 1000).toFixed(1)} s`);
  assert.ok(took < 12000 * slow, `${took}`);
  assert.deepEqual(ann.got, []); // never acknowledged
  server = await Server.start({ data });
  const bob = await server.client("/s/r");
  assert.match(await ask(bob, "get a"), /^[12]$/);
  await server.stop();
});
