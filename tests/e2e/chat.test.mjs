// SPDX-License-Identifier: Apache-2.0
// The main job with clients that are not ours: they chat, ids are unique, a leave is announced.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { Server, build, here, room, sleep, until } from "./support.mjs";

for (const workers of [1, 2]) {
  test(`chat, ${workers} worker(s)`, async t => {
    const server = await Server.start({ args: ["--workers", String(workers)] });
    t.after(() => server.stop());
    await server.deploy("chat", room("chat"));

    await t.test("two clients hear each other and a leave", async () => {
      const ann = await server.client("/chat/lobby");
      const annId = (await ann.next()).replace("you are ", "");
      assert.equal(await ann.next(), "+" + annId);
      const bob = await server.client("/chat/lobby");
      const bobId = (await bob.next()).replace("you are ", "");
      assert.notEqual(annId, bobId);
      assert.equal(ann.socket.protocol, "ramp.1");
      assert.equal(await ann.next(), "+" + bobId);
      assert.equal(await bob.next(), "+" + bobId);
      ann.send("hello");
      assert.equal(await bob.next(), "hello");
      assert.equal(await ann.next(), "hello");
      await ann.close();
      assert.equal(await bob.next(), "-" + annId);
      await bob.close();
    });

    await t.test("other rooms hear nothing", async () => {
      const ann = await server.client("/chat/one"), bob = await server.client("/chat/two");
      await bob.next(); await bob.next();
      ann.send("only here");
      await ann.next(); await ann.next();
      assert.equal(await ann.next(), "only here");
      bob.send("x");
      assert.equal(await bob.next(), "x");
      await ann.close(); await bob.close();
    });

    await t.test("what is sent arrives unharmed", async () => {
      const ann = await server.client("/chat/payloads");
      await ann.next(); await ann.next();
      const big = Buffer.alloc(65536);
      for (let i = 0; i < big.length; i++) big[i] = (i * 31) & 255;
      const mebibyte = "0123456789abcdef".repeat(65536);
      for (const payload of ["привет 👋", "a\u0000b", "\u0000", "", big, Buffer.from([0]), mebibyte, Buffer.alloc(1 << 20, 7)]) {
        ann.send(payload);
        assert.deepEqual(await ann.next(), payload);
      }
      await ann.close();
    });

    await t.test("a message above 1 MiB closes with 1009", async () => {
      const ann = await server.client("/chat/big");
      ann.send("x".repeat((1 << 20) + 1));
      await until("the close", () => ann.closed);
      assert.equal(ann.closed.code, 1009);
    });

    await t.test("an empty binary frame is a probe: answered in kind, not seen by the room", async () => {
      const ann = await server.client("/chat/probe"), bob = await server.client("/chat/probe");
      await until("joins", () => ann.got.length === 3 && bob.got.length === 2);
      ann.got.length = bob.got.length = 0;
      ann.send(Buffer.alloc(0));
      assert.deepEqual(await ann.next(), Buffer.alloc(0));
      ann.send("after");
      assert.equal(await bob.next(), "after");
      await ann.close(); await bob.close();
    });

    await t.test("1,000 connections are all listed, each once", async () => {
      const clients = [];
      for (let i = 0; i < 1000; i += 50)
        clients.push(...await Promise.all(Array.from({ length: 50 }, () => server.client("/chat/crowd"))));
      const asker = clients[500];
      // 500,000 announcements are on their way to this one process
      let before = -1;
      await until("the last announcement", async () => {
        const now = clients.reduce((sum, client) => sum + client.got.length, 0);
        if (now === before) return true;
        before = now;
        await sleep(500);
      }, 60000);
      assert.equal(before, 1000 + 1000 * 1001 / 2); // "you are", and each join to all who are there
      asker.got.length = 0;
      asker.send("who");
      assert.equal(await asker.next(30000), "1000");
      asker.send("ids");
      assert.equal(new Set((await asker.next(30000)).split(",")).size, 1000);
      for (const client of clients) client.kill();
      const late = await server.client("/chat/crowd");
      await until("all leaves", async () => { late.got.length = 0; late.send("who"); return (await late.next()) === "1" || (late.got.length = 0); }, 20000);
      await late.close();
    });

    await t.test("Python's websockets, text and binary", () => {
      const python = process.env.RAMP_PYTHON ?? path.join(build, "../venv/bin/python");
      const run = spawnSync(python, [path.join(here, "chat.py"), server.ws + "/chat/python"], { encoding: "utf8", timeout: 60000 });
      assert.equal(run.status, 0, run.stderr + run.stdout);
      assert.match(run.stdout, /ok/);
    });
  });
}
