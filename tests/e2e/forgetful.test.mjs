// SPDX-License-Identifier: Apache-2.0
// A disk that keeps nothing before it is synced: `ramp_forgetful` is `ramp` with the SQLite VFS of
// tests/support/forgetful_vfs.c, to which each kill -9 is a loss of power.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Server, build, room, sleep, until } from "./support.mjs";

const wasm = room("state");
const forgetful = path.join(build, "ramp_forgetful");
const start = (data, env = {}, args = []) =>
  Server.start({ data, args, env, wrap: ["sh", "-c", `shift; exec '${forgetful}' "$@"`, "sh"] }); // `ramp` is $1
const scratch = t => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-forgetful-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
};
async function ask(client, line) {
  client.send(line);
  return client.next();
}
async function kill(server) {
  server.child.kill("SIGKILL");
  await server.exited;
}

// A disk that only pretends to sync loses what was acknowledged. Were it there, the tests below would show
// nothing.
test("what was not synced is gone after a kill", async t => {
  const data = scratch(t);
  let server = await start(data);
  await server.deploy("s", wasm);
  let ann = await server.client("/s/r");
  assert.equal(await ask(ann, "set a 1"), "stored a");
  await server.stop();
  server = await start(data, { RAMP_FORGETFUL_LIES: "1" });
  ann = await server.client("/s/r");
  assert.equal(await ask(ann, "set b 2"), "stored b");
  await kill(server);
  server = await start(data);
  ann = await server.client("/s/r");
  assert.equal(await ask(ann, "get b"), "null");
  assert.equal(await ask(ann, "get a"), "1");
  await server.stop();
});

test("kv.sync is acknowledged when its writes are on the disk", async t => {
  const data = scratch(t);
  let server = await start(data);
  await server.deploy("s", wasm);
  let ann = await server.client("/s/r");
  assert.equal(await ask(ann, "kvsync k value"), "synced k");
  await kill(server);
  server = await start(data);
  ann = await server.client("/s/r");
  assert.equal(await ask(ann, "kvget k"), "value");
  await server.stop();
});

// In most rounds some sectors reach the disk unasked, by chance, as kernels do.
test("acknowledged writes survive the loss of all that was not synced: 1,000 over 20 kills", async t => {
  const data = scratch(t);
  const kept = new Map();
  for (let round = 0; round < 20; round++) {
    const env = { RAMP_FORGETFUL_KEEP: String((round % 4) * 25), RAMP_FORGETFUL_SEED: String(round) };
    const server = await start(data, env, ["--workers", String(1 + (round % 2))]);
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
    await sleep(round % 5);
    await kill(server);
    await done;
  }
  assert.ok(kept.size >= 1000, `${kept.size}`);
  const server = await Server.start({ data }); // what is on the disk, seen without the VFS
  const clients = await Promise.all(Array.from({ length: 5 }, (_, i) => server.client(`/s/r${i}`)));
  let lost = 0;
  await Promise.all(clients.map(async (client, i) => {
    for (const [where, value] of kept)
      if (where.startsWith(`r${i} `) && (await ask(client, `get ${where.split(" ")[1]}`)) !== value) lost++;
  }));
  t.diagnostic(`${kept.size} acknowledged writes`);
  assert.equal(lost, 0);
  await server.stop();
});
