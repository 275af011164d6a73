// SPDX-License-Identifier: Apache-2.0
// The server as a process: requests, slow readers, drain, bad input.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Server, ramp, room, sleep, slow, until } from "./support.mjs";

const run = (...args) => spawnSync(ramp, args, { encoding: "utf8", timeout: 30000 * slow });
/** Sends bytes, collects the answer until the other side closes or `ms` are over. */
function raw(url, bytes, ms = 3000) {
  return new Promise(done => {
    const { port } = new URL(url), socket = net.connect(Number(port), "127.0.0.1");
    let got = "";
    const timer = setTimeout(() => socket.destroy(), ms * slow);
    socket.on("data", data => (got += data.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => { clearTimeout(timer); done(got); });
    socket.write(bytes);
  });
}

test("requests to a room", async t => {
  const server = await Server.start({ args: ["--workers", "2"] });
  t.after(() => server.stop());
  await server.deploy("counter", room("counter"));
  await server.deploy("chat", room("chat"));
  const at = server.url + "/counter/r";
  let answer = await fetch(at + "/p?q=1", { method: "POST", body: "привет" });
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /^POST \/p.* привет$/);
  answer = await fetch(at, { method: "POST", body: "x".repeat(1 << 19) });
  assert.equal(answer.status, 200, "half the limit of a body");
  assert.equal((await answer.text()).length, "POST  ".length + (1 << 19));
  answer = await fetch(at + "/throw");
  assert.equal(answer.status, 500);
  assert.equal((await fetch(server.url + "/chat/r")).status, 404, "no onRequest");
  assert.equal((await fetch(server.url + "/absent/r")).status, 404);
  assert.equal((await fetch(at, { method: "POST", body: "x".repeat((1 << 20) + 1) })).status, 413);
  assert.equal((await fetch(server.url + "/healthz")).status, 200);
  assert.equal((await fetch(server.url + "/readyz")).status, 200);
  assert.equal((await fetch(server.url + "/metrics")).status, 401);
});

test("what is not HTTP or not a proper handshake is refused, and the server lives", async t => {
  const server = await Server.start();
  t.after(() => server.stop());
  await server.deploy("chat", room("chat"));
  const upgrade = extra => `GET /chat/r HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${extra}\r\n`;
  const table = [
    ["\x16\x03\x01\x02\x00\x01\x00", /^HTTP\/1\.1 400/],
    ["GET /chat/r HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400/],
    ["GET /chat/r HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", /^HTTP\/1\.1 400/],
    ["GET / HTTP/3.0\r\nHost: x\r\n\r\n", /^HTTP\/1\.1 505/],
    ["GET /" + "x".repeat(20000) + " HTTP/1.1\r\nHost: x\r\n\r\n", /^HTTP\/1\.1 (414|431)/],
    [upgrade("Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), /^HTTP\/1\.1 426/],
    [upgrade("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n"), /^HTTP\/1\.1 400/],
    ["GET /CHAT!/r HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 40[04]/],
    ["GET /chat/%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 400/],
  ];
  for (const [bytes, expected] of table) assert.match(await raw(server.url, bytes), expected, JSON.stringify(bytes.slice(0, 60)));
  // frames: an unmasked text, a reserved bit, an unknown opcode, a fragmented ping, bad UTF-8
  const good = upgrade("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  for (const [frame, code] of [
    [[0x81, 0x01, 0x61], 1002], [[0xC1, 0x81, 0, 0, 0, 0, 0x61], 1002], [[0x83, 0x80, 0, 0, 0, 0], 1002],
    [[0x09, 0x80, 0, 0, 0, 0], 1002], [[0x81, 0x82, 0, 0, 0, 0, 0xC3, 0x28], 1007]]) {
    const got = await raw(server.url, Buffer.concat([Buffer.from(good), Buffer.from(frame)]));
    assert.match(got, /^HTTP\/1\.1 101/);
    assert.match(got, /s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
    const close = Buffer.from(got.slice(got.indexOf("\r\n\r\n") + 4), "latin1");
    const at = close.lastIndexOf(0x88);
    assert.equal(close.readUInt16BE(at + 2), code);
  }
  const client = await server.client("/chat/r");
  assert.match(await client.next(), /you are/);
  await client.close();
});

test("a reader that never reads costs at most its queue: closed, the others lose nothing", async t => {
  const server = await Server.start({ args: ["--workers", "1"] });
  t.after(() => server.stop());
  await server.deploy("chat", room("chat"));
  const deaf = await server.client("/chat/r"), ann = await server.client("/chat/r");
  await until("joins", () => ann.got.length >= 2);
  deaf.socket.pause();
  ann.got.length = 0;
  const payload = "z".repeat(16384), rounds = 1200; // 19 MB: more than 4 MiB and what the kernel takes
  for (let i = 0; i < rounds; i++) {
    ann.send(payload);
    if (i % 32 === 31) await until("the echoes", () => ann.got.filter(m => m === payload).length >= i - 31);
  }
  await until("all echoes", () => ann.got.filter(m => m === payload).length === rounds, 30000);
  await until("the deaf one's leave", () => ann.got.some(m => m.startsWith?.("-")), 10000);
  deaf.socket.resume();
  await until("the deaf one's end", () => deaf.closed, 10000);
  const rss = Number(fs.readFileSync(`/proc/${server.pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]);
  if (slow === 1) assert.ok(rss < 120000, `RSS ${rss} KiB`);
  await ann.close();
});

test("SIGTERM drains: 1012 to all, exit code 0, below 10 s", async t => {
  const server = await Server.start();
  await server.deploy("chat", room("chat"));
  const clients = await Promise.all(Array.from({ length: 20 }, () => server.client("/chat/r")));
  const start = Date.now();
  const { code } = await server.stop();
  assert.equal(code, 0);
  assert.ok(Date.now() - start < 10000 * slow);
  for (const client of clients) {
    await until("the close", () => client.closed);
    assert.equal(client.closed.code, 1012);
  }
});

test("a new version: rooms restart, connections stay", async t => {
  const server = await Server.start();
  t.after(() => server.stop());
  await server.deploy("app", room("chat"));
  const client = await server.client("/app/r");
  await client.next(); await client.next();
  await server.deploy("app", room("counter"));
  await until("the new version", async () => { client.got.length = 0; client.send("count"); return /^\d+$/.test(await client.next()); });
  assert.equal((await server.deploy("app", room("counter"))).unchanged, true);
  assert.equal(client.closed, null);
  await client.close();
});

test("bad input gets one clear sentence and a non-zero exit, or the right status", async t => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-e2e-"));
  const server = await Server.start({ data });
  t.after(async () => { await server.stop(); fs.rmSync(data, { recursive: true, force: true }); });
  const other = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-e2e-"));
  t.after(() => fs.rmSync(other, { recursive: true, force: true }));
  const { port } = new URL(server.url);
  const says = (result, code, pattern) => {
    assert.equal(result.status, code, result.stdout + result.stderr);
    assert.match(result.stderr, pattern);
    assert.ok(result.stderr.trim().split("\n").length <= 3, result.stderr);
  };
  says(run("serve", "--listen", `127.0.0.1:${port}`, "--data", other), 1, new RegExp(`${port}`));
  says(run("serve", "--listen", "127.0.0.1:0", "--data", data), 1, /another|lock|in use/i);
  says(run("serve", "--listen", "nonsense", "--data", other), 2, /nonsense/);
  fs.writeFileSync(path.join(other, "file"), "");
  says(run("serve", "--listen", "127.0.0.1:0", "--data", path.join(other, "file")), 1, /file/);
  says(run("serve", "--listen", "127.0.0.1:0", "--data", other, "--workers", "4", "--modules-max", "2"), 2, /modules-max/);
  says(run("serve", "--lisen", "x"), 2, /--listen/);
  says(run("dance"), 2, /dance/);
  fs.writeFileSync(path.join(other, "bad.wasm"), "this is no wasm");
  says(run("check", path.join(other, "bad.wasm")), 1, /bad\.wasm/);
  says(run("check", path.join(other, "absent.wasm")), 1, /absent\.wasm/);
  const refused = await server.api("PUT", "/_ramp/v1/services/bad", "this is no wasm");
  assert.equal(refused.status, 422);
  assert.match(refused.json.error.message, /wasm|magic|module/i);
  assert.equal((await server.api("PUT", "/_ramp/v1/services/BAD!", room("echo"))).status, 400);
  assert.equal((await server.api("PUT", "/_ramp/v1/services/big", Buffer.alloc((4 << 20) + 1))).status, 413);
  assert.equal(run("version").status, 0);
});

test("a damaged artefact never runs: it is compiled again", async t => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-e2e-"));
  t.after(() => fs.rmSync(data, { recursive: true, force: true }));
  let server = await Server.start({ data });
  await server.deploy("echo", room("echo"));
  await server.stop();
  const cache = path.join(data, "cache"), file = path.join(cache, fs.readdirSync(cache).find(name => name.endsWith(".artefact")));
  const bytes = fs.readFileSync(file);
  bytes[bytes.length >> 1] ^= 1;
  fs.chmodSync(file, 0o600);
  fs.writeFileSync(file, bytes);
  server = await Server.start({ data });
  const client = await server.client("/echo/r");
  client.send("whole");
  assert.equal(await client.next(), "whole");
  assert.equal(await server.metric("ramp_loader_compiles_total"), 1);
  await client.close();
  await server.stop();
});
