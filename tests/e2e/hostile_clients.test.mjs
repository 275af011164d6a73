// SPDX-License-Identifier: Apache-2.0
// Clients that mean no good, beside one that minds its own business. After each: the same process, and its
// memory, descriptors and threads are what they were before.
import assert from "node:assert/strict";
import fs from "node:fs";
import net from "node:net";
import { after, afterEach, before, test } from "node:test";
import { Server, room, sleep, slow, until, variant } from "./support.mjs";

const MIB = 1 << 20;
let server, canary, baseline, patience;
const opened = new Set(); // what a test that fails leaves behind

// ---- what is measured -------------------------------------------------------------------------------

const status = (pid, name) => Number(fs.readFileSync(`/proc/${pid}/status`, "utf8").match(new RegExp(`${name}:\\s+(\\d+)`))[1]);
const size = pid => ({ rss: status(pid, "VmRSS") * 1024, threads: status(pid, "Threads"), fds: fs.readdirSync(`/proc/${pid}/fd`).length });
const cpuMs = pid => fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ").slice(11, 13).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);

/** What is left when a test is over. Sanitizers keep freed memory for a while. */
async function settled(what, mib = 48, fds = 2) {
  const { pid } = server;
  assert.ok(fs.existsSync(`/proc/${pid}`), "the server has died");
  let now;
  await until(`${what}: descriptors, threads and memory as before`, async () => {
    now = size(pid);
    return now.fds <= baseline.fds + fds && now.threads === baseline.threads && (slow > 1 || now.rss <= baseline.rss + mib * MIB);
  }, 6000).catch(() => assert.fail(`${what}: before ${JSON.stringify(baseline)}, now ${JSON.stringify(now)}`));
}

/** Another service's member, which says something every 20 ms and hears it. */
async function startCanary(where) {
  const client = await where.client("/canary/r"), took = [];
  let stop = false;
  const done = (async () => {
    for (let n = 0; !stop; n++) {
      const start = performance.now();
      client.send(`n${n}`);
      assert.equal(await client.next(20000), `n${n}`);
      took.push(performance.now() - start);
      await sleep(20);
    }
    client.kill();
    return took.sort((a, b) => a - b);
  })();
  done.catch(() => {});
  return { stop() { stop = true; return done; } };
}

// ---- raw clients ------------------------------------------------------------------------------------

/** A socket that collects what it hears. */
function dial(where, bytes, { reads = true } = {}) {
  const socket = net.connect({ port: Number(new URL(where.url).port), host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  const got = { socket, text: "", bytes: 0, ended: false, failed: null };
  if (where === server) opened.add(socket);
  if (reads) socket.on("data", data => { got.bytes += data.length; if (got.text.length < 100000) got.text += data.toString("latin1"); });
  socket.on("end", () => { got.ended = true; socket.end(); });
  socket.on("error", error => (got.failed = error.code));
  socket.on("close", () => (got.ended = true));
  got.connected = new Promise(done => { socket.on("connect", done); socket.on("close", done); });
  if (bytes) socket.write(bytes);
  return got;
}
const upgrade = path => `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const get = (path, more = "") => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
/** Masked with zeros: the payload as it is. */
function frame(opcode, payload = "") {
  const body = Buffer.from(payload), head = Buffer.alloc(body.length < 126 ? 6 : body.length < 65536 ? 8 : 14);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (body.length < 126 ? body.length : body.length < 65536 ? 126 : 127);
  if (head.length === 8) head.writeUInt16BE(body.length, 2);
  if (head.length === 14) head.writeBigUInt64BE(BigInt(body.length), 2);
  return Buffer.concat([head, body]);
}
const repeat = (bytes, count) => Buffer.concat(Array(count).fill(bytes));
async function join(path) {
  const client = await server.client(path);
  opened.add(client.socket);
  return client;
}
const ended = (what, peers, ms = 10000) => until(what, () => peers.every(peer => peer.ended), ms);
async function open(path, options) {
  const peer = dial(server, upgrade(path), options);
  if (options?.reads === false) peer.socket.once("data", data => { peer.text += data.toString("latin1"); peer.socket.pause(); });
  await until("a handshake", () => peer.text.startsWith("HTTP/1.1 101"));
  return peer;
}

before(async () => {
  patience = bePatient();
  patience.catch(() => {});
  server = await Server.start({ args: ["--workers", "2", "--room-idle-ms", "200"] });
  await server.deploy("canary", room("echo"));
  for (const name of ["echo", "chat", "counter", "hostile"]) await server.deploy(name, room(name));
  canary = await startCanary(server);
  // Once through what is allocated once.
  for (const name of ["echo", "chat", "counter", "hostile"])
    for (let i = 0; i < 4; i++) { const client = await server.client(`/${name}/warm${i}`); client.send("x"); await client.next().catch(() => {}); await client.close(); }
  await sleep(600);
  baseline = size(server.pid);
});
after(async () => {
  const took = await canary.stop();
  console.log(`canary: ${took.length} echoes, p50 ${took[took.length >> 1].toFixed(1)} ms, p99 ${took[Math.floor(took.length * 0.99)].toFixed(1)} ms, max ${took.at(-1).toFixed(1)} ms`);
  assert.equal((await server.stop()).code, 0);
});

afterEach(() => {
  for (const one of opened) one.terminate ? one.terminate() : one.destroy();
  opened.clear();
});

// ---- those who wait; on a server of their own, while the others go on -----------------------------------

async function bePatient() {
  const idle = await Server.start({ args: ["--workers", "2"] });
  let drip;
  try {
    await idle.deploy("canary", room("echo"));
    await idle.deploy("counter", room("counter"));
    const bird = await startCanary(idle), before = size(idle.pid), started = Date.now();
    const silent = Array.from({ length: 2000 }, () => dial(idle));
    const heads = Array.from({ length: 100 }, () => dial(idle));
    const bodies = Array.from({ length: 20 }, () => dial(idle, "POST /counter/r HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx"));
    const halves = Array.from({ length: 100 }, () => { const peer = dial(idle, "GET /coun"); peer.socket.end(); return peer; });
    await Promise.all(silent.map(peer => peer.connected));
    const full = size(idle.pid);
    assert.ok(full.fds >= 2000, `${full.fds} descriptors`);
    if (slow === 1) assert.ok(full.rss - before.rss < 24 * MIB, `2,000 idle sockets take ${full.rss - before.rss} bytes`);
    const head = get("/counter/r", "X-Slow: yes\r\n");
    drip = setInterval(() => { // a byte a second
      const at = Math.floor((Date.now() - started) / 1000);
      for (const peer of heads) if (!peer.ended) peer.socket.write(head[at % head.length]);
      for (const peer of bodies) if (!peer.ended) peer.socket.write("y");
    }, 1000);
    assert.equal(await (await fetch(idle.url + "/counter/r/hello")).text(), "GET /hello ", "others are served");
    await ended("half-open sockets are closed", halves, 3000);
    await ended("the silent and the slow are sent away", [...silent, ...heads], 16000);
    assert.ok(Date.now() - started >= 9000, "but not before their time");
    const untold = heads.filter(peer => !peer.text.startsWith("HTTP/1.1 408"));
    assert.equal(untold.length, 0, `slow heads are told; ${untold.length} have "${untold[0]?.text}"`);
    assert.ok(bodies.every(peer => !peer.ended), "slow bodies have 30 s");
    for (const peer of bodies) peer.socket.resetAndDestroy();
    await until("descriptors are back", () => size(idle.pid).fds <= before.fds + 2);
    assert.equal(size(idle.pid).threads, before.threads);
    await bird.stop();
  } finally { clearInterval(drip); await idle.stop(); }
}

// ---- floods -------------------------------------------------------------------------------------------

test("pings: answered while they are read, 1008 when they are not", async () => {
  const reader = await open("/echo/pings");
  reader.bytes = 0;
  for (let i = 0; i < 20; i++) { reader.socket.write(repeat(frame(9, "p"), 500)); await sleep(2); }
  await until("10,000 pongs", () => reader.bytes === 30000 || reader.ended);
  assert.equal(reader.bytes, 30000);
  const deaf = await open("/echo/deaf-pings", { reads: false });
  const ping = repeat(frame(9, "x".repeat(125)), 2000);
  for (let i = 0; i < 20 && !deaf.ended; i++) { deaf.socket.write(ping); await sleep(5); }
  deaf.socket.resume();
  await ended("the deaf pinger is closed", [deaf]);
  reader.socket.destroy();
  await settled("pings");
});

test("tiny frames, empty frames, pieces of one byte", async () => {
  const peer = await open("/echo/tiny");
  peer.bytes = 0;
  const part = repeat(frame(1, "t"), 1000);
  for (let i = 0; i < 30; i++) { peer.socket.write(part); if (i % 5 === 4) await until("echoes", () => peer.bytes === (i + 1) * 3000 || peer.ended); }
  assert.equal(peer.bytes, 90000);
  const probes = await open("/echo/probes");
  probes.bytes = 0;
  probes.socket.write(repeat(frame(2), 5000));
  await until("answers to empty frames", () => probes.bytes === 10000 || probes.ended);
  assert.equal(probes.bytes, 10000);
  const pieces = await open("/echo/pieces"), piece = frame(0, "x");
  piece[0] = 0;
  const first = frame(1, "x"); first[0] = 1;
  pieces.socket.write(Buffer.concat([first, repeat(piece, 20000)]));
  await ended("too many pieces", [pieces]);
  for (const one of [peer, probes]) one.socket.destroy();
  await settled("tiny frames");
});

test("a member who does not read, among 100: it alone is closed, the others hear all", async () => {
  const deaf = await open("/chat/hall", { reads: false });
  const crowd = await Promise.all(Array.from({ length: 99 }, () => join("/chat/hall")));
  await until("all joined", () => crowd.every(client => client.got.length > 0));
  const line = "z".repeat(65536), heard = client => client.got.reduce((sum, text) => sum + (text === line), 0);
  let sent = 0; // the kernel takes megabytes before we owe the deaf one anything
  for (const left = () => crowd[0].got.some(text => text[0] === "-"); !left() && sent < 400; )
    for (let i = 0; i < 10; i++) {
      crowd[sent++ % 99].send(line);
      if (i === 9) await until("the others hear", () => crowd.every(client => heard(client) === sent), 20000);
    }
  assert.ok(sent < 400 && sent * line.length > 4 * MIB, `after ${sent} lines`);
  assert.ok(crowd.every(client => !client.closed));
  deaf.socket.resume();
  await ended("its end", [deaf]);
  for (const client of crowd) { client.got = []; client.kill(); }
  await settled("a deaf member");
});

test("a room that does not keep up: its clients wait, nobody is closed, nothing is lost", async () => {
  const { pid } = server, clients = await Promise.all([1, 2, 3, 4].map(() => join("/hostile/slow")));
  const count = 400, word = "w".repeat(16000); // 25 MB against an inbox of 8 MiB
  for (const client of clients) {
    for (let i = 0; i < 6; i++) client.send("loop");
    for (let i = 0; i < count; i++) client.send(`${i} ${word}`);
  }
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, size(pid).rss)), 20);
  await until("all answers", () => clients.every(client => client.got.length >= count || client.closed), 20000);
  clearInterval(watch);
  for (const client of clients) {
    assert.equal(client.closed, null);
    assert.deepEqual(client.got.map(text => text.slice(0, 20)), Array.from({ length: count }, (_, i) => `fine: ${i} ${word}`.slice(0, 20)));
    client.got = [];
    client.kill();
  }
  if (slow === 1) assert.ok(most < baseline.rss + 100 * MIB, `RSS rose to ${most}`);
  await settled("a slow room");
});

test("joins and leaves without end, also in the middle of things", async () => {
  for (let round = 0; round < 20; round++) {
    const peers = Array.from({ length: 25 }, (_, i) => dial(server, upgrade(`/chat/churn${i % 5}`)));
    await Promise.all(peers.map(peer => peer.connected));
    peers.forEach((peer, i) => {
      if (i % 5 === 0) peer.socket.resetAndDestroy(); // before the answer
      else if (i % 5 === 1) { peer.socket.write(frame(1, "x".repeat(200)).subarray(0, 50)); peer.socket.resetAndDestroy(); } // inside a frame
      else if (i % 5 === 2) { peer.socket.write(frame(8)); } // politely
      else if (i % 5 === 3) peer.socket.end(); // half a close
      else setTimeout(() => peer.socket.destroy(), 5);
    });
    await ended("all gone", peers);
  }
  for (let i = 0; i < 5; i++) { // nobody is left behind
    const client = await join(`/chat/churn${i}`);
    await until("alone", async () => { client.got.length = 0; client.send("who"); await sleep(20); return client.got.includes("1"); });
    client.kill();
  }
  await settled("joins and leaves");
});

test("one id joined over and over by the call API: each replaces the one before", async () => {
  const base = { caller: "replacer", service: "chat", room: "same" }, count = 200;
  const answers = await Promise.all(Array.from({ length: count }, () => server.call({ ...base, call: "join", connection: "me" })));
  assert.ok(answers.every(answer => answer.status === 200), JSON.stringify(answers.find(answer => answer.status !== 200)));
  const { json } = await server.call({ ...base, call: "message", connection: "me", payload: "who" });
  assert.equal(json.events.find(event => event.type === "send").payload, "1");
  await server.call({ ...base, call: "leave", connection: "me" });
  const client = await join("/chat/same");
  await client.next();
  client.send("who");
  await until("only the newcomer", () => client.got.includes("1"));
  client.kill();
  await settled("replaced ids");
});

test("requests: pipelined, too large, with bodies that lie, broken off", async () => {
  const count = 1000, piped = dial(server, repeat(Buffer.from(get("/counter/r/p")), count));
  await until("1,000 answers", () => piped.text.split("HTTP/1.1 200").length - 1 === Math.min(count, 1000) || piped.ended || piped.text.length > 99000, 15000);
  await until("all of them", () => piped.bytes > 0 && piped.bytes % count === 0, 15000);
  piped.socket.destroy();
  // One that asks and never reads: it is not read further.
  const { pid } = server, greedy = dial(server, null, { reads: false });
  for (let i = 0; i < 50; i++) greedy.socket.write(repeat(Buffer.from(get("/counter/r/" + "p".repeat(1000))), 100));
  await sleep(500);
  if (slow === 1) assert.ok(size(pid).rss < baseline.rss + 48 * MIB);
  greedy.socket.resetAndDestroy();

  const post = (more, body) => `POST /counter/r HTTP/1.1\r\nHost: x\r\n${more}\r\n${body}`;
  for (const [what, bytes, expected] of [
    ["64 KiB of headers", get("/counter/r", `X-Long: ${"x".repeat(65536)}\r\n`), /^HTTP\/1\.1 431/],
    ["64 KiB in 1,000 headers", get("/counter/r", "X-Many: 0123456789012345678901234567890123456789012345678\r\n".repeat(1000)), /^HTTP\/1\.1 431/],
    ["64 KiB of target", get("/" + "x".repeat(65536)), /^HTTP\/1\.1 414/],
    ["a terabyte to come", post("Content-Length: 1099511627776\r\n", "x"), /^HTTP\/1\.1 413/],
    ["an upload without a token", `PUT /_ramp/v1/services/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\nx`, /^HTTP\/1\.1 401/],
    ["a call without a token, in chunks", "POST /_ramp/v1/call HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", /^HTTP\/1\.1 401/],
    ["a length of 30 digits", post("Content-Length: 999999999999999999999999999999\r\n", "x"), /^HTTP\/1\.1 4(00|13)/],
    ["a negative length", post("Content-Length: -1\r\n", "x"), /^HTTP\/1\.1 400/],
    ["a body longer than it says", post("Content-Length: 1\r\n", "x".repeat(1000) + "\r\n\r\n"), /^HTTP\/1\.1 200[^]*HTTP\/1\.1 [45]/],
    ["a chunk of 2^60", post("Transfer-Encoding: chunked\r\n", "1000000000000000\r\nx"), /^HTTP\/1\.1 4(00|13)/],
    ["a chunk that is none", post("Transfer-Encoding: chunked\r\n", "zz\r\nx"), /^HTTP\/1\.1 400/],
    ["chunks for ever", post("Transfer-Encoding: chunked\r\n", "8000\r\n" + "x".repeat(32768) + "\r\n" + ("8000\r\n" + "x".repeat(32768) + "\r\n").repeat(40)), /^HTTP\/1\.1 413/],
    ["chunk extensions for ever", post("Transfer-Encoding: chunked\r\n", "1;" + "x".repeat(65536)), /^HTTP\/1\.1 4(00|31)/],
  ]) {
    const peer = dial(server, bytes);
    await until(what, () => expected.test(peer.text) || peer.ended);
    assert.match(peer.text, expected, what);
    await ended(`${what}: closed`, [peer], 8000);
  }
  for (let round = 0; round < 10; round++) { // broken off, at all places
    const whole = post("Content-Length: 300000\r\n", "x".repeat(300000));
    const peers = Array.from({ length: 20 }, (_, i) => dial(server, whole.slice(0, Math.floor(whole.length * (i + round / 10) / 20) + 1)));
    await Promise.all(peers.map(peer => peer.connected));
    peers.forEach((peer, i) => (i % 2 ? peer.socket.resetAndDestroy() : peer.socket.destroy()));
  }
  await settled("requests");
});

test("upgrades by the hundred, each perhaps for the other worker", async () => {
  let opened = 0, refused = 0;
  for (let round = 0; round < 4; round++) {
    const peers = Array.from({ length: 250 }, (_, i) => dial(server, upgrade(`/echo/many${round}-${i}`)));
    await until("answers", () => peers.every(peer => peer.text.includes("\r\n\r\n") || peer.ended), 20000);
    for (const peer of peers) {
      if (peer.text.startsWith("HTTP/1.1 101")) opened++;
      else if (peer.text.startsWith("HTTP/1.1 503")) refused++;
      peer.socket.destroy();
    }
  }
  assert.equal(opened + refused, 1000);
  assert.ok(opened > (slow > 1 ? 100 : 500), `${opened} opened, ${refused} refused`);
  await settled("upgrades");
});

test("many services, many rooms, all at once and over again", async () => {
  const rooms = slow > 1 ? 30 : 200; // sanitizers have small pools: 64 rooms per worker
  for (let i = 0; i < 10; i++) await server.deploy(`many${i}`, variant(room("echo"), i));
  for (let round = 0; round < 3; round++) {
    const clients = await Promise.all(Array.from({ length: rooms }, (_, i) => join(`/many${i % 10}/room${i}`)));
    clients.forEach((client, i) => client.send(`${round} ${i}`));
    for (const [i, client] of clients.entries()) { assert.equal(await client.next(), `${round} ${i}`); client.kill(); }
  }
  await settled("many rooms", 64, 20); // each worker keeps the files of its modules open
  baseline = size(server.pid);
});

test("the call API: floods of one caller are told 429, many callers are served", async () => {
  const base = { service: "counter", room: "flood" };
  const statuses = (await Promise.all(Array.from({ length: 1500 }, (_, i) =>
    server.call({ ...base, caller: "greedy", call: "request", method: "GET", path: "/p", payload: String(i) })))).map(answer => answer.status);
  assert.ok(statuses.every(code => code === 200 || code === 429 || code === 503), [...new Set(statuses)].join());
  assert.ok(statuses.filter(code => code === 200).length >= 256);
  const many = await Promise.all(Array.from({ length: 500 }, (_, i) => server.call({ ...base, caller: `c${i}`, room: `r${i % 20}`, call: "join", connection: `k${i}` })));
  assert.ok(many.every(answer => answer.status === 200));
  await Promise.all(many.map((_, i) => server.call({ ...base, caller: `c${i}`, room: `r${i % 20}`, call: "leave", connection: `k${i}` })));
  const wrong = await Promise.all(Array.from({ length: 200 }, (_, i) => server.api("POST", "/_ramp/v1/call", "{".repeat(i + 1))));
  assert.ok(wrong.every(answer => answer.status === 400));
});

test("unfinished messages beyond what a worker may hold: who holds most goes, others may still speak",
  { skip: process.env.RAMP_LONG !== "1" && "moves 700 MB; RAMP_LONG=1" }, async () => {
    const part = Buffer.concat([Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]), Buffer.alloc(MIB - 16)]);
    const hoarders = []; // in one room, so that one worker has them all; it takes 256 joins at a time
    while (hoarders.length < 700) hoarders.push(...await Promise.all(Array.from({ length: 100 }, () => open("/echo/hoard"))));
    for (const peer of hoarders) peer.socket.write(part);
    await until("the first are sent away", () => hoarders.filter(peer => peer.ended).length > 100, 20000);
    assert.ok(size(server.pid).rss < 700 * MIB);
    const whole = frame(1, "s".repeat(100000)), speaker = await open("/echo/hoard");
    speaker.bytes = 0;
    speaker.socket.write(whole.subarray(0, 90000));
    await sleep(100);
    speaker.socket.write(whole.subarray(90000));
    await until("an echo", () => speaker.bytes === 100010 || speaker.ended);
    assert.equal(speaker.bytes, 100010);
    for (const peer of [...hoarders, speaker]) peer.socket.destroy();
    await settled("hoarders", 64, 20);
  });

test("no descriptors left: told so or refused, no busy loop, rooms go on, and it recovers", async () => {
  const small = await Server.start({ args: ["--workers", "2"], wrap: ["bash", "-c", 'ulimit -n 64; exec "$@"', "bash"] });
  try {
    await small.deploy("echo", room("echo"));
    const member = await small.client("/echo/r"), { pid } = small;
    const crowd = Array.from({ length: 150 }, () => dial(small));
    await Promise.all(crowd.map(peer => peer.connected));
    await until("most are sent away", () => crowd.filter(peer => peer.ended).length > 80);
    assert.ok(crowd.filter(peer => peer.text.startsWith("HTTP/1.1 503")).length > 40, "and told so");
    const pressing = Array.from({ length: 20 }, () => dial(small));
    const cpu = cpuMs(pid);
    for (let i = 0; i < 20; i++) { member.send(`still ${i}`); assert.equal(await member.next(), `still ${i}`); await sleep(50); }
    if (slow === 1) assert.ok(cpuMs(pid) - cpu < 400, `${cpuMs(pid) - cpu} ms of CPU in a second`);
    for (const peer of [...crowd, ...pressing]) peer.socket.destroy();
    await until("a newcomer gets in", () => small.client("/echo/other").then(client => { client.kill(); return true; }, () => false));
    member.kill();
  } finally { await small.stop(); }
});

test("those who wait have been sent away in time", () => patience);
