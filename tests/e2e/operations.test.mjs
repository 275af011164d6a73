// SPDX-License-Identifier: Apache-2.0
// What happens to a server from outside: signals in the middle of everything, a full disk, folders that cannot
// be read, nobody who reads its log.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Client, Server, ramp, room, sleep, slow, until, variant } from "./support.mjs";

const isRoot = process.getuid() === 0;
function folder(t, name = "ramp-ops-") {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), name));
  t.after(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}
/** A socket that says `bytes` and collects what comes. */
function dial(url, bytes) {
  const socket = net.connect({ port: Number(new URL(url).port), host: "127.0.0.1" }), peer = { socket, text: "", failed: null, ended: false };
  socket.on("data", data => (peer.text += data.toString("latin1")));
  socket.on("error", error => (peer.failed = error.code));
  socket.on("close", () => (peer.ended = true));
  if (bytes) socket.write(bytes);
  return peer;
}
const upgrade = where => `GET ${where} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

test("SIGTERM in the middle of everything: answers leave, 1012 to all, refused newcomers, exit 0 in time", async t => {
  const data = folder(t), server = await Server.start({ data, args: ["--workers", "2"] });
  t.after(() => server.child.kill("SIGKILL"));
  for (const name of ["chat", "counter", "hostile"]) await server.deploy(name, room(name));
  const clients = await Promise.all(Array.from({ length: 20 }, (_, i) => server.client(`/chat/r${i}`)));
  const beat = await server.client("/counter/beat"), burner = await server.client("/hostile/burn");
  beat.send("beat");
  for (let i = 0; i < 60; i++) burner.send("loop");
  const deaf = dial(server.url, upgrade("/chat/r0"));
  deaf.socket.once("data", () => deaf.socket.pause());
  await sleep(50);
  for (let i = 0; i < 30; i++) clients[0].send("z".repeat(60000));
  dial(server.url, "GET /count");
  const posting = dial(server.url, "POST /counter/r HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
  await server.call({ caller: "x", service: "chat", room: "r1", call: "join", connection: "q" });
  const poll = server.api("GET", "/_ramp/v1/events?caller=x&wait_ms=25000");
  const deploy = server.deploy("late", variant(room("chat"), "late"));
  await sleep(100);
  const start = Date.now();
  server.child.kill("SIGTERM");
  await until("newcomers are refused", async () => {
    const late = dial(server.url);
    await until("an answer", () => late.failed || late.ended || late.socket.readyState === "open");
    late.socket.destroy();
    return late.failed === "ECONNREFUSED";
  }, 1000);
  posting.socket.write("cd");
  await until("the answer to a request that was under way", () => posting.text.includes("abcd"));
  const { code } = await server.exited, took = Date.now() - start;
  assert.equal(code, 0, server.log);
  assert.ok(took < 10000 * Math.min(slow, 2), `${took} ms`);
  assert.equal((await deploy).unchanged, false);
  assert.deepEqual((await poll).json.events.map(event => [event.type, event.connection, event.code]), [["close", "q", 1012]]);
  for (const client of [...clients, beat, burner]) {
    await until("the close", () => client.closed);
    assert.equal(client.closed.code, 1012);
  }
});

test("a second SIGTERM ends it at once; SIGKILL at any time, also in a deploy, leaves a folder that serves", async t => {
  const data = folder(t), chat = room("chat");
  let server = await Server.start({ data });
  await server.deploy("echo", room("echo"));
  await server.deploy("hostile", room("hostile"));
  const burner = await server.client("/hostile/burn");
  for (let i = 0; i < 60; i++) burner.send("loop");
  server.child.kill("SIGTERM");
  await sleep(200);
  server.child.kill("SIGTERM");
  assert.equal((await server.exited).code, 1, "the patient way ends with 0");
  for (let i = 0; i < 8; i++) {
    server = await Server.start({ data });
    const deploys = [0, 1, 2].map(n => server.deploy("echo", variant(n ? chat : room("echo"), `${i}.${n}`)).catch(() => {}));
    await sleep(i * 15);
    server.child.kill("SIGKILL");
    await Promise.all([server.exited, ...deploys]);
  }
  server = await Server.start({ data });
  const client = await server.client("/echo/r");
  client.send("whole");
  await until("an echo", () => client.got.includes("whole"));
  client.kill();
  const store = path.join(data, "store/modules/echo");
  const { json } = await server.api("GET", "/_ramp/v1/services");
  assert.ok(fs.existsSync(path.join(store, json.services.find(one => one.service === "echo").version + ".wasm")));
  assert.equal((await server.stop()).code, 0);
});

test("a full disk: the deploy says so, the old version serves on, and it works again with space", { skip: !isRoot && "needs mount" }, async t => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-disk-")), servers = [];
  t.after(async () => {
    for (const one of servers) { one.child.kill("SIGKILL"); await one.exited; }
    spawnSync("umount", [data]);
    fs.rmSync(data, { recursive: true, force: true });
  });
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "none", data]).status !== 0) return t.skip("cannot mount");
  const server = await Server.start({ data });
  servers.push(server);
  await server.deploy("echo", room("echo"));
  const client = await server.client("/echo/r"), fill = path.join(data, "fill");
  fs.writeFileSync(fill, "");
  try { for (;;) fs.appendFileSync(fill, Buffer.alloc(4096)); } catch (error) { assert.equal(error.code, "ENOSPC"); }
  const files = () => fs.readdirSync(path.join(data, "store"), { recursive: true }).sort(), before = files();
  for (const [service, wasm] of [["echo", variant(room("echo"), 2)], ["chat", room("chat")]]) {
    const answer = await server.api("PUT", `/_ramp/v1/services/${service}`, wasm);
    assert.equal(answer.status, 500);
    assert.match(answer.json.error.message, /No space left on device/);
  }
  assert.deepEqual(files().filter(name => !name.endsWith("chat")), before, "nothing half-written");
  client.send("still here");
  assert.equal(await client.next(), "still here");
  fs.truncateSync(fill);
  await server.deploy("echo", variant(room("echo"), 2));
  await server.stop();

  // Its cache gone and no space to make it anew: clients are told nothing of our folders, the log is told all.
  fs.rmSync(path.join(data, "cache"), { recursive: true });
  try { for (;;) fs.appendFileSync(fill, Buffer.alloc(4096)); } catch { /* full */ }
  const again = await Server.start({ data });
  servers.push(again);
  await assert.rejects(again.client("/echo/r"), error => {
    assert.equal(error.status, 503);
    assert.doesNotMatch(error.text, new RegExp(data));
    return true;
  });
  const asked = await fetch(again.url + "/echo/r");
  assert.equal(asked.status, 503);
  assert.doesNotMatch(await asked.text(), new RegExp(data));
  assert.match(again.log, /No space left on device/);
  assert.equal((await again.stop()).code, 0);
  const fresh = spawnSync(ramp, ["serve", "--listen", "127.0.0.1:0", "--data", path.join(data, "fresh")], { encoding: "utf8", timeout: 20000 * slow });
  assert.equal(fresh.status, 1);
  assert.match(fresh.stderr, /^ramp serve: cannot .*fresh.*: No space left on device; .*\n$/);
});

test("folders and ports that it may not have: one sentence that names them", { skip: !isRoot && "needs another user" }, async t => {
  const data = folder(t), open = folder(t), binary = path.join(open, "ramp");
  const server = await Server.start({ data });
  await server.deploy("echo", room("echo"));
  await server.stop();
  fs.copyFileSync(ramp, binary);
  fs.chmodSync(open, 0o755);
  const own = (...args) => assert.equal(spawnSync("chown", args).status, 0);
  const asNobody = (...args) => spawnSync("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", binary, "serve", ...args],
    { encoding: "utf8", timeout: 20000 * slow, env: { ...process.env, LSAN_OPTIONS: "detect_leaks=0" } });
  const says = (answer, pattern) => {
    assert.equal(answer.status, 1, answer.stderr);
    assert.match(answer.stderr, pattern);
    assert.equal(answer.stderr.trim().split("\n").length, 1, answer.stderr);
  };
  says(asNobody("--listen", "127.0.0.1:0", "--data", data), new RegExp(`${data}.*Permission denied`));
  says(asNobody("--listen", "127.0.0.1:0", "--data", path.join(data, "a/b")), new RegExp(`${data}.*Permission denied`));
  own("-R", "65534:65534", data);
  for (const name of ["lock", "admin.token", "cache.key", "cache", "store"]) {
    own("0", path.join(data, name));
    const { mode } = fs.statSync(path.join(data, name));
    fs.chmodSync(path.join(data, name), 0o600);
    says(asNobody("--listen", "127.0.0.1:0", "--data", data), new RegExp(`${data}/${name}.*Permission denied`));
    fs.chmodSync(path.join(data, name), mode);
    own("65534", path.join(data, name));
  }
});

test("nobody reads its log: closed or stuck, it serves on", async t => {
  for (const command of ['exec "$0" serve --listen 127.0.0.1:0 --data "$1" 2> >(exec sleep 0)',
    'mkfifo "$1/pipe"; exec 3<>"$1/pipe"; exec "$0" serve --listen 127.0.0.1:0 --data "$1" 2>&3']) {
    const data = folder(t), child = spawn("bash", ["-c", command, ramp, data], { stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => child.kill("SIGKILL"));
    const exited = new Promise(done => child.on("exit", (code, signal) => done({ code, signal })));
    let out = "";
    child.stdout.on("data", text => (out += text));
    await until("its line", () => /http:\S+:\d+,/.test(out), 20000);
    child.stdout.destroy();
    const server = Object.assign(new Server(), { url: out.match(/http:\/\/127\.0\.0\.1:\d+/)[0], token: fs.readFileSync(path.join(data, "admin.token"), "utf8").trim() });
    await server.deploy("hostile", room("hostile"));
    const client = await Client.open(server.ws + "/hostile/r");
    for (let i = 0; i < 1000; i++) {
      client.send("throw");
      if (i % 50 === 49) { client.send(`${i}`); assert.equal(await client.next(), `fine: ${i}`); }
    }
    client.kill();
    child.kill("SIGTERM");
    assert.deepEqual(await exited, { code: 0, signal: null });
  }
});
