// SPDX-License-Identifier: Apache-2.0
// One room, the same steps on two hosts: the JavaScript host that rooms are tested with (ramp-sdk/test)
// and the real server. What their clients hear, the answers and the log have to be the same.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { root, Server, sleep, until, variant } from "./support.mjs";
import { HandlerError, openRoom } from "../../guest/assemblyscript/lib/test.mjs";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-parity-"));
test.after(() => fs.rmSync(folder, { recursive: true, force: true }));

function built() {
  const out = path.join(folder, "state.wasm");
  const r = spawnSync(process.execPath, [path.join(root, "guest/assemblyscript/bin/ramp-build.mjs"), path.join(root, "tests/sdk/rooms/state.ts"), "-o", out], { encoding: "utf8" });
  assert.equal(r.status, 0, r.stderr);
  return fs.readFileSync(out);
}
const wasm = built();

/** What a step asks of a host; both kinds have it. A handler's failure is seen in what follows. */
class InNode {
  static async start() {
    const host = new InNode();
    host.room = await openRoom(null, { wasm });
    return host;
  }
  async join() {
    const conn = this.tried(() => this.room.join({}));
    conn.got.shift(); // its own "joined": ids are the host's
    return conn;
  }
  tried(step) {
    try {
      return step();
    } catch (e) {
      if (!(e instanceof HandlerError)) throw e;
    }
  }
  async ask(conn, text) {
    const had = conn.got.length;
    this.tried(() => conn.send(text));
    return conn.got.slice(had);
  }
  /** All that comes within this time. */
  async heard(conn, ms) {
    const had = conn.got.length;
    this.room.advance(ms);
    return conn.got.slice(had);
  }
  /** The first that comes; in Node within this time. */
  async first(conn, ms) { return (await this.heard(conn, ms))[0]; }
  async request(where, body) {
    const answer = this.room.request("POST", where, { body });
    return [answer.status, answer.text];
  }
  async deploy() { await this.room.reload(); }
  async restart() { this.room.stop(); }
  async kill() { this.room.crash(); }
  async end() {}
}

class OnServer {
  static async start() {
    const host = new OnServer();
    host.data = fs.mkdtempSync(path.join(folder, "data-"));
    host.server = await Server.start({ data: host.data });
    await host.server.deploy("s", wasm);
    host.versions = 0;
    return host;
  }
  async join() {
    const client = await this.server.client("/s/room");
    await client.next();
    return client;
  }
  /** What comes until an echo of ours: it is the next message of the same connection, so it comes last. */
  async ask(client, text) {
    client.send(text);
    client.send("plain");
    return this.until(client);
  }
  async until(client) {
    const got = [];
    for (let m; (m = await client.next()) !== "plain"; ) got.push(m);
    return got;
  }
  async heard(client, ms) {
    await sleep(ms);
    client.send("plain");
    return this.until(client);
  }
  first(client) { return client.next(); }
  async request(where, body) {
    const answer = await fetch(`${this.server.url}/s/room${where}`, { method: "POST", body });
    return [answer.status, await answer.text()];
  }
  async deploy() {
    const { version } = await this.server.deploy("s", variant(wasm, ++this.versions));
    assert.ok(version);
    await until("the switch", async () => (await this.server.api("GET", "/_ramp/v1/rooms")).text.includes(version));
  }
  async again(signal) {
    await this.server.stop(signal);
    this.server = await Server.start({ data: this.data });
  }
  async restart() { await this.again("SIGTERM"); }
  async kill() { await this.again("SIGKILL"); }
  async end() { await this.server.stop("SIGKILL"); }
}

/** The steps: what they get, as one list. */
async function story(Host) {
  const host = await Host.start(), told = [];
  const tell = async (conn, ...texts) => { for (const t of texts) told.push([t, (await host.ask(conn, t)).filter(m => m !== "timer 1")]); };
  try {
    let ann = await host.join();
    await tell(ann, "opened", "get a", "db a", "get a", "db u/2", "db u/1", "list u/", "list ", "del a", "get a", "list ");
    await tell(ann, "big", "kv k", "kvget k", "kvget none", "sync s", "kvget s");
    told.push(["post", await host.request("/", "body")], ["post sync", await host.request("/sync", "body2")]);
    await tell(ann, "get request", "kvget request");
    await tell(ann, "count", "count", "throw", "get thrown", "count", "trap", "opened", "get trapped");
    await tell(ann, "is 5", "save 7", "opened", "trap", "opened");
    await tell(ann, "timer 30");
    told.push(["a timer", await host.first(ann, 35)]);
    await tell(ann, "untimer", "alarm 40");
    told.push(["the alarm", await host.first(ann, 40)], ["once", await host.heard(ann, 100)]);
    await tell(ann, "alarm 500", "noalarm");
    told.push(["no alarm", await host.heard(ann, 700)]);
    await tell(ann, "is 20");
    await host.deploy();
    await tell(ann, "opened", "count", "get u/1");
    await host.restart();
    ann = await host.join();
    await tell(ann, "opened", "count", "list ", "kvget s");
    await host.kill();
    ann = await host.join();
    await tell(ann, "opened", "list ", "is -1");
    return told;
  } finally {
    await host.end();
  }
}

test("a room hears and says the same in Node and on the server", async () => {
  const inNode = await story(InNode), onServer = await story(OnServer);
  assert.ok(inNode.length > 45);
  assert.deepEqual(onServer, inNode);
});

test("a failure names the same place of the source on both", async t => {
  const server = await Server.start();
  t.after(() => server.stop());
  await server.deploy("s", wasm);
  const room = await openRoom(null, { wasm }), ann = room.join("ann");
  const told = async (call, more) => (await server.call({ caller: "c", service: "s", room: "r", call, connection: "ann", ...more })).json;
  await told("join");
  for (const message of ["throw", "trap"]) {
    const { error } = await told("message", { payload: message });
    assert.throws(() => ann.send(message), e => {
      if (message === "throw") assert.equal(error.where, e.where);
      else assert.equal(error.where.replace(/:\d+$/, ""), e.where.replace(/:\d+$/, "")); // engines differ by some bytes in where a trap stands
      return /(^|\/)state\.ts:\d+:\d+$/.test(e.where) && error.message.includes(message === "throw" ? "thrown" : "unreachable");
    });
  }
});
