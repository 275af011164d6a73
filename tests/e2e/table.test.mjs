// SPDX-License-Identifier: Apache-2.0
// 300 services on a table of 16: loaded by id, least recently requested out first, one compile each.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Server, room, sleep, until, variant } from "./support.mjs";

const SERVICES = 300, SLOTS = 16;
const name = i => `s${String(i).padStart(3, "0")}`;

/** One short connection: joins, sends, hears, leaves. A failure says where, and what the server said last. */
async function visit(server, service, text = "x") {
  try {
    const client = await server.client(`/${service}/r`);
    client.send(text);
    assert.equal(await client.next(), text);
    await client.close();
  } catch (error) {
    const ended = server.child.exitCode ?? server.child.signalCode ?? "no";
    const counts = await server.api("GET", "/metrics").then(
      answer => answer.text.split("\n").filter(line => /^ramp_(loads|modules|rooms|calls|joins|websocket_joins)/.test(line)).join("\n"),
      reason => `no metrics: ${reason.message}`);
    error.message = `${service}, "${text}": ${error.message}\nended: ${ended}\n${counts}\n${server.log.slice(-8000)}`;
    throw error;
  }
}
/** Ids of services in the tables of all workers, most recently requested first. */
async function inTable(server) {
  const { json } = await server.api("GET", "/_ramp/v1/modules");
  return json.modules.map(module => module.service);
}

for (const workers of [1, 2]) {
  test(`${SERVICES} services on ${SLOTS} slots, ${workers} worker(s)`, async t => {
    const traces = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-trace-"));
    const server = await Server.start({
      args: ["--workers", String(workers), "--modules-max", String(SLOTS)],
      env: { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:detect_leaks=0` }, // leaks cannot be looked for below strace
      wrap: ["strace", "--seccomp-bpf", "-ff", "-qq", "-e", "trace=execve", "-e", "signal=none", "-o", path.join(traces, "execve")],
    });
    t.after(async () => { process.kill(server.pid, "SIGTERM"); await server.exited; fs.rmSync(server.data, { recursive: true }); fs.rmSync(traces, { recursive: true }); });
    // A file per process: in one for all, lines of two that begin at the same time are torn.
    const compiles = () => fs.readdirSync(traces).flatMap(name => fs.readFileSync(path.join(traces, name), "utf8").split("\n"))
      .filter(line => line.includes("compile-child") && /= 0$/.test(line)).length;
    const wasm = room("echo");
    for (let i = 0; i < SERVICES; i += 10)
      await Promise.all(Array.from({ length: 10 }, (_, k) => server.deploy(name(i + k), variant(wasm, i + k))));
    assert.equal(compiles(), SERVICES, server.log.slice(-8000));

    await t.test("all answer in three rounds of short connections", async () => {
      for (let round = 0; round < 3; round++)
        for (let i = 0; i < SERVICES; i += 4)
          await Promise.all([0, 1, 2, 3].map(k => visit(server, name(i + k), `${round} ${i + k}`)));
      assert.ok((await inTable(server)).length <= SLOTS);
    });

    await t.test("each was compiled once, counted from outside", () => assert.equal(compiles(), SERVICES, server.log.slice(-8000)));

    if (workers === 1)
      await t.test("the least recently requested goes each time: checked against a model", async () => {
        let model = []; // most recent first
        const random = (seed => () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff)(42);
        for (let i = 0; i < SLOTS; i++) { await visit(server, name(i)); model.unshift(name(i)); }
        for (let step = 0; step < 60; step++) {
          const service = name(Math.floor(random() * 24));
          await visit(server, service);
          await until("the leave's call", async () => (await inTable(server))[0] === service);
          model = [service, ...model.filter(other => other !== service)].slice(0, SLOTS);
          assert.deepEqual(await inTable(server), model, `step ${step}: after ${service}`);
        }
      });
  });
}

test("17 services held open on 16 slots: the 17th is refused, counted, and gets in when one closes", async t => {
  const server = await Server.start({ args: ["--workers", "1", "--modules-max", String(SLOTS)] });
  t.after(() => server.stop());
  const wasm = room("echo");
  for (let i = 0; i <= SLOTS; i++) await server.deploy(name(i), variant(wasm, 1000 + i));
  const held = [];
  for (let i = 0; i < SLOTS; i++) held.push(await server.client(`/${name(i)}/r`));
  const before = await server.metric("ramp_loads_refused_total");
  const refusal = await server.client(`/${name(SLOTS)}/r`).then(() => null, error => error);
  assert.equal(refusal?.status, 503);
  assert.match(refusal.text, /16 slots/);
  await until("the count", async () => await server.metric("ramp_loads_refused_total") === before + 1);
  for (const client of held) { client.send("still here"); assert.equal(await client.next(), "still here"); }
  await held[3].close();
  await until("a slot", async () => {
    try { const client = await server.client(`/${name(SLOTS)}/r`); await client.close(); return true; } catch { return false; }
  });
  for (const client of held) client.kill();
});

test("a service that is not there is 404 for 2 s at most, then found once it is", async t => {
  const server = await Server.start();
  t.after(() => server.stop());
  const error = await server.client("/later/r").then(() => null, reason => reason);
  assert.equal(error?.status, 404);
  assert.match(error.text, /later/);
  await server.deploy("later", room("echo"));
  await visit(server, "later"); // the deploy clears the negative result at once
  // a file put into the store behind the server's back is seen after the negative result has expired
  await server.client("/copied/r").then(() => assert.fail("is there"), reason => assert.equal(reason.status, 404));
  fs.cpSync(path.join(server.data, "store/modules/later"), path.join(server.data, "store/modules/copied"), { recursive: true });
  await sleep(2500);
  await visit(server, "copied");
});

test("joins of an absent module are one load; restart loads from the cache without a compile", async t => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-e2e-"));
  t.after(() => fs.rmSync(data, { recursive: true, force: true }));
  let server = await Server.start({ data });
  await server.deploy("chat", room("chat"));
  await server.stop();
  server = await Server.start({ data });
  const clients = await Promise.all(Array.from({ length: 20 }, () => server.client("/chat/lobby")));
  assert.equal(await server.metric("ramp_loader_compiles_total"), 0);
  for (const client of clients) client.kill();
  await server.stop();
});
