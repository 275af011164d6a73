// SPDX-License-Identifier: Apache-2.0
// What each example promises, kept by the real server over real sockets: across a new version, an
// orderly restart and kill -9. Their pages: examples_pages.test.mjs.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { example, root, Server, sleep, until, variant } from "./support.mjs";

/** A server with this example, on a folder of its own. again(): ended by the signal and started anew. */
async function serverOf(t, name) {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-examples-"));
  const at = { server: await Server.start({ data }) };
  t.after(async () => {
    at.server.child.kill("SIGKILL");
    await at.server.exited;
    fs.rmSync(data, { recursive: true, force: true });
  });
  await at.server.deploy(name, example(name));
  at.client = (where, query = {}) => at.server.client(`/${name}/${where}?${new URLSearchParams(query)}`);
  at.again = async signal => {
    const end = await at.server.stop(signal);
    assert.deepEqual(end, signal === "SIGTERM" ? { code: 0, signal: null } : { code: null, signal });
    at.server = await Server.start({ data });
  };
  return at;
}
/** Messages until one fits, that one included. */
async function through(client, fits) {
  const got = [];
  do got.push(await client.next());
  while (!fits(got.at(-1)));
  return got;
}
const hears = async (client, fits) => (await through(client, fits)).at(-1);

test("chat: who comes later reads what was said, also after a restart and after kill -9", async t => {
  const at = await serverOf(t, "chat"), words = got => got.filter(m => m.startsWith("said")).map(m => m.split("\n")[1]);
  const ann = await at.client("lobby", { name: "Ann" }), bob = await at.client("lobby", { name: "Bob" });
  ann.send("hello");
  assert.match(await hears(bob, m => m.startsWith("say")), /^say \S+ \d{13} Ann\nhello$/);
  bob.send("привет 👋");
  assert.match(await hears(ann, m => m.endsWith("👋")), /^say \S+ \d{13} Bob\nпривет 👋$/);
  await at.again("SIGTERM");
  const cid = await at.client("lobby", { name: "Cid" });
  assert.deepEqual(words(await through(cid, m => m.startsWith("members"))), ["hello", "привет 👋"]);
  cid.send("still here?");
  await hears(cid, m => m.endsWith("still here?")); // heard: it is stored
  await at.again("SIGKILL");
  const dan = await at.client("lobby", { name: "Dan" });
  assert.deepEqual(words(await through(dan, m => m.startsWith("members"))), ["hello", "привет 👋", "still here?"]);
  const other = await at.client("elsewhere");
  assert.deepEqual(words(await through(other, m => m.startsWith("members"))), []);
});

test("cursors: everybody sees who moves and who has gone", async t => {
  const at = await serverOf(t, "cursors"), ann = await at.client("lobby"), bob = await at.client("lobby");
  const idOf = m => m.readUInt32LE(1), annId = idOf(await ann.next()), bobId = idOf(await bob.next());
  assert.notEqual(annId, bobId);
  ann.send(Buffer.from(Uint16Array.of(1000, 65535).buffer));
  const moved = await bob.next();
  assert.deepEqual([moved.length, moved[0], moved.readUInt32LE(1), moved.readUInt16LE(5), moved.readUInt16LE(7)], [9, 2, annId, 1000, 65535]);
  await ann.close();
  assert.deepEqual(await bob.next(), Buffer.from([3, ...moved.subarray(1, 5)]));
});

test("counter: the number goes through a new version under open sockets, and through a restart", async t => {
  const at = await serverOf(t, "counter"), ann = await at.client("lobby"), bob = await at.client("lobby");
  const clicks = async (client, sign, heard) => { client.send(sign); assert.equal(await client.next(), heard); };
  assert.deepEqual([await ann.next(), await bob.next()], ["0", "0"]);
  for (const n of ["1", "2", "3"]) { await clicks(ann, "+", n); assert.equal(await bob.next(), n); }
  for (const round of [1, 2]) {
    const { version } = await at.server.deploy("counter", variant(example("counter"), round));
    await until("the switch", async () => (await at.server.api("GET", "/_ramp/v1/rooms")).json.rooms.every(r => r.version === version));
    await clicks(bob, "+", String(3 + round));
    assert.equal(await ann.next(), String(3 + round));
  }
  await at.again("SIGTERM");
  const cid = await at.client("lobby");
  assert.equal(await cid.next(), "5");
  await clicks(cid, "-", "4");
});

const runs = name => spawnSync(name, ["--version"]).status === 0;
const clang = process.env.RAMP_CLANG ?? ["clang", "clang-19", "clang-16", "clang-14"].find(runs);
const links = clang && runs(spawnSync(clang, ["--print-prog-name=wasm-ld"], { encoding: "utf8" }).stdout.trim());

test("counter in C: it goes on where the one in AssemblyScript stopped, and back", { skip: links ? false : "no clang with wasm-ld here" }, async t => {
  const at = await serverOf(t, "counter"), ann = await at.client("lobby"), dir = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-c-"));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  execFileSync(process.execPath, [path.join(root, "tools/generate.mjs"), "--header", path.join(dir, "ramp_hostcalls.h")]);
  execFileSync(clang, ["--target=wasm32", "-O2", "-nostdlib", "-mbulk-memory", "-msign-ext", "-I", path.join(root, "guest/c"), "-I", dir,
    "-Wl,--no-entry", "-Wl,-z,stack-size=16384", "-Wl,--strip-all", "-o", path.join(dir, "counter.wasm"), path.join(root, "examples/counter-c/src/room.c")]);
  assert.equal(await ann.next(), "0");
  let count = 0;
  for (const wasm of [fs.readFileSync(path.join(dir, "counter.wasm")), example("counter")]) {
    ann.send("-");
    assert.equal(await ann.next(), String(--count));
    const { version } = await at.server.deploy("counter", wasm);
    await until("the switch", async () => (await at.server.api("GET", "/_ramp/v1/rooms")).json.rooms.every(r => r.version === version));
    ann.send("-");
    assert.equal(await ann.next(), String(--count));
  }
});

test("countdown: it ticks for everybody, and goes off after kill -9", async t => {
  const at = await serverOf(t, "countdown"), ann = await at.client("lobby"), bob = await at.client("lobby");
  const state = m => JSON.parse(m), where = () => at.server.url + "/countdown/lobby";
  ann.send("start 2");
  const [before, ...seen] = (await through(bob, m => state(m).of === 2 && !state(m).running)).map(m => state(m).left);
  assert.deepEqual([before, seen[0], seen.at(-1)], [0, 2, 0]);
  assert.deepEqual(seen, [...new Set(seen)].sort().reverse()); // 2 1 0; a tick that comes late is not made up for
  assert.equal((await fetch(where() + "/start?seconds=3", { method: "POST" })).status, 200);
  await at.again("SIGKILL");
  const get = async () => (await fetch(where())).json();
  assert.equal((await get()).of, 3); // saved at the start
  await until("the alarm", async () => !(await get()).running);
  assert.deepEqual(await get(), { left: 0, of: 3, running: false });
});

test("countdown: the alarm wakes a room that nobody is in", async t => {
  const at = await serverOf(t, "countdown"), where = "/countdown/lobby";
  assert.equal((await fetch(`${at.server.url}${where}/start?seconds=2`, { method: "POST" })).status, 200);
  await at.again("SIGKILL");
  const rooms = async () => (await at.server.api("GET", "/_ramp/v1/rooms")).json.rooms.map(r => r.room);
  assert.deepEqual(await rooms(), []);
  await until("the room", async () => (await rooms()).includes("lobby"));
  assert.deepEqual(await (await fetch(at.server.url + where)).json(), { left: 0, of: 2, running: false });
});

test("poll: voted on over HTTP, seen over WebSocket, and kept", async t => {
  const at = await serverOf(t, "poll"), ann = await at.client("lobby"), bob = await at.client("lobby");
  const post = (what, body) => fetch(`${at.server.url}/poll/lobby${what}`, { method: "POST", body });
  const results = (lake, park) => `Where?\n${lake} at the lake\n${park} in the park\n`;
  assert.deepEqual([await ann.next(), await bob.next()], ["", ""]);
  assert.equal((await post("/ask", "Where?\nat the lake\nin the park\n")).status, 201);
  for (const client of [ann, bob]) assert.equal(await client.next(), results(0, 0));
  const answer = await post("/vote?choice=2&voter=v1");
  assert.deepEqual([answer.status, await answer.text()], [200, results(0, 1)]);
  for (const client of [ann, bob]) assert.equal(await client.next(), results(0, 1));
  await Promise.all(["v1", "v2", "v3"].map(voter => post(`/vote?choice=1&voter=${voter}`)));
  assert.equal((await through(bob, m => m === results(3, 0))).length, 3);
  assert.equal((await post("/ask", "Again?\nyes\nno")).status, 409);
  await at.again("SIGKILL");
  assert.equal(await (await fetch(at.server.url + "/poll/lobby")).text(), results(3, 0));
});

test("leaderboard: in order, kept, and a record is told in the other rooms", async t => {
  const at = await serverOf(t, "leaderboard");
  const [ann, bob, eve] = [await at.client("one", { name: "Ann" }), await at.client("one", { name: "Bob" }), await at.client("two", { name: "Eve" })];
  const names = top => top.split("\n").slice(1).map(line => line.replace(/^\d+ /, ""));
  const play = async (client, ms) => {
    client.send("start");
    await hears(client, m => m === "go");
    await sleep(ms);
    client.send("stop");
    return Number((await hears(client, m => m.startsWith("off "))).slice(4));
  };
  const first = Math.abs(await play(ann, 100));
  assert.deepEqual(names(await hears(bob, m => m.startsWith("top\n"))), ["Ann"]);
  assert.equal(await hears(eve, m => m.startsWith("record")), `record ${first}\nAnn\none`);
  let second = Infinity;
  for (let ms = 500; second >= first; ms += 500) second = Math.abs(await play(bob, ms)); // nearer to five seconds
  assert.deepEqual(names(await hears(ann, m => m.startsWith("top") && names(m)[0] === "Bob")), ["Bob", "Ann"]);
  assert.equal(await hears(eve, m => m.startsWith("record") && m.includes("Bob")), `record ${second}\nBob\none`);
  await at.again("SIGKILL");
  const cid = await at.client("one", { name: "Cid" });
  assert.equal(await hears(cid, m => m.startsWith("top")), `top\n${second} Bob\n${first} Ann`);
});

test("tic-tac-toe: the seat waits for who comes back, the game goes on after a new version and kill -9", async t => {
  const at = await serverOf(t, "tic-tac-toe"), player = name => at.client("lobby", { name, key: "key of " + name });
  const seat = async client => (await hears(client, m => m.startsWith("you"))).slice(4);
  const board = (client, fits) => hears(client, m => m.startsWith(`game ${fits}`));
  const ann = await player("Ann");
  let bob = await player("Bob");
  const cid = await player("Cid");
  assert.deepEqual([await seat(ann), await seat(bob), await seat(cid)], ["X", "O", "-"]);
  ann.send("play 4");
  assert.equal(await board(cid, "....X...."), "game ....X.... O\nhere Ann\nhere Bob\n1");
  bob.kill();
  assert.equal(await hears(cid, m => m.includes("away")), "game ....X.... O\nhere Ann\naway Bob\n1");
  bob = await player("Bob");
  assert.equal(await seat(bob), "O");
  bob.send("play 0");
  await board(cid, "O...X....");

  const { version } = await at.server.deploy("tic-tac-toe", variant(example("tic-tac-toe"), 1));
  await until("the switch", async () => (await at.server.api("GET", "/_ramp/v1/rooms")).json.rooms.every(r => r.version === version));
  ann.send("play 1");
  await board(cid, "OX..X.... O");
  await at.again("SIGKILL");
  bob = await player("Bob");
  assert.equal(await seat(bob), "O");
  assert.equal(await board(bob, ""), "game OX..X.... O\naway Ann\nhere Bob\n0");
  bob.send("play 2");
  await board(bob, "OXO.X.... X");
});
