// SPDX-License-Identifier: Apache-2.0
// support.mjs -- what the end-to-end tests share: a real server in a folder of its own, rooms built by
// the real SDK, and clients that are not ours (`ws`).
import { spawn, spawnSync } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import WebSocket from "ws";

export const here = path.dirname(fileURLToPath(import.meta.url));
export const root = path.resolve(here, "../..");
export const build = process.env.RAMP_BUILD ?? path.join(root, "build/release");
export const ramp = process.env.RAMP_BIN ?? path.join(build, "ramp");
export const slow = Number(process.env.RAMP_SLOW ?? 1); // sanitizers: how much slower
const sdk = path.join(root, "guest/assemblyscript");

export const sleep = ms => new Promise(done => setTimeout(done, ms));
export async function until(what, check, ms = 10000) {
  for (const end = Date.now() + ms * slow; ; await sleep(20)) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${ms * slow} ms in vain for: ${what}`);
  }
}

// ---- rooms --------------------------------------------------------------------------------

let sdkHash;
function hashOfSdk() {
  if (sdkHash) return sdkHash;
  const hash = crypto.createHash("sha256");
  for (const dir of ["assembly", "lib", "bin"])
    for (const name of fs.readdirSync(path.join(sdk, dir)).sort()) hash.update(fs.readFileSync(path.join(sdk, dir, name)));
  return (sdkHash = hash.digest("hex"));
}

/** The bytes of tests/e2e/rooms/NAME.ts, built once per source and SDK. */
export const room = name => built(path.join(here, "rooms", name + ".ts"), name);
/** The bytes of examples/NAME/src/room.ts. */
export const example = name => built(path.join(root, "examples", name, "src/room.ts"), name);

function built(source, name) {
  const key = crypto.createHash("sha256").update(fs.readFileSync(source)).update(hashOfSdk()).digest("hex").slice(0, 16);
  const out = path.join(build, "e2e", `${name}-${key}.wasm`);
  if (!fs.existsSync(out)) {
    fs.mkdirSync(path.dirname(out), { recursive: true });
    const temporary = `${out}.${process.pid}.tmp.wasm`;
    const run = spawnSync(process.execPath, [path.join(sdk, "bin/ramp-build.mjs"), source, "-o", temporary], { cwd: here, encoding: "utf8" });
    if (run.status !== 0) throw new Error(`${name}: ${run.stderr}${run.stdout}`);
    fs.renameSync(temporary, out);
  }
  return fs.readFileSync(out);
}

/** The same code under another SHA-256: a custom section more. */
export function variant(wasm, number) {
  const body = Buffer.concat([Buffer.from([7]), Buffer.from("variant"), Buffer.from(String(number))]);
  return Buffer.concat([wasm, Buffer.from([0, body.length]), body]);
}

// ---- servers ------------------------------------------------------------------------------

export class Server {
  /** options: args (more of the command line), data (a folder that stays), wrap (a command before ramp) */
  static async start({ args = [], data, wrap = [], env = {} } = {}) {
    const server = new Server();
    server.ownsData = !data;
    server.data = data ?? fs.mkdtempSync(path.join(os.tmpdir(), "ramp-e2e-"));
    server.log = "";
    const command = [...wrap, ramp, "serve", "--listen", "127.0.0.1:0", "--data", server.data, ...args];
    server.child = spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
    let out = "";
    server.child.stdout.on("data", text => (out += text));
    server.child.stderr.on("data", text => (server.log += text));
    server.exited = new Promise(done => server.child.on("exit", (code, signal) => done({ code, signal })));
    let ended = false;
    server.exited.then(() => (ended = true));
    await until("the server's line", () => {
      if (ended) throw new Error(`ramp serve ended: ${server.log}${out}`);
      server.url = (out + server.log).match(/http:\/\/127\.0\.0\.1:\d+/)?.[0];
      return server.url;
    }, 20000);
    server.token = fs.readFileSync(path.join(server.data, "admin.token"), "utf8").trim();
    return server;
  }
  get ws() { return this.url.replace("http", "ws"); }
  /** pid of ramp itself, also below strace */
  get pid() {
    const children = fs.readFileSync(`/proc/${this.child.pid}/task/${this.child.pid}/children`, "utf8").trim().split(" ");
    const isRamp = pid => { try { return fs.readlinkSync(`/proc/${pid}/exe`).endsWith("/ramp"); } catch { return false; } };
    return isRamp(this.child.pid) ? this.child.pid : Number(children.find(isRamp));
  }
  async api(method, where, body, headers = {}) {
    const response = await fetch(this.url + where, { method, body, headers: { authorization: `Bearer ${this.token}`, ...headers } });
    const text = await response.text();
    let json = null;
    try { json = JSON.parse(text); } catch { /* not JSON */ }
    return { status: response.status, text, json };
  }
  async deploy(name, wasm) {
    const answer = await this.api("PUT", `/_ramp/v1/services/${name}`, wasm);
    if (answer.status !== 200) throw new Error(`deploy ${name}: ${answer.status} ${answer.text}`);
    return answer.json;
  }
  call(body) {
    return this.api("POST", "/_ramp/v1/call", JSON.stringify(body), { "content-type": "application/json" });
  }
  /** One counter of /metrics, summed over its labels. */
  async metric(name, labels = "") {
    const { text } = await this.api("GET", "/metrics");
    const lines = text.split("\n").filter(line => line.startsWith(name) && /[ {]/.test(line[name.length]) && line.includes(labels));
    if (!lines.length) throw new Error(`no metric ${name}`);
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }
  client(where, options = {}) { return Client.open(this.ws + where, options); }
  async stop(signal = "SIGTERM") {
    this.child.kill(signal);
    let timer; // cleared: node would wait for it to the end
    const end = await Promise.race([this.exited, new Promise(done => (timer = setTimeout(done, 20000 * slow)))]);
    clearTimeout(timer);
    if (!end) { this.child.kill("SIGKILL"); throw new Error("the server did not stop in time"); }
    if (this.ownsData) fs.rmSync(this.data, { recursive: true, force: true });
    return end;
  }
}

// ---- clients ------------------------------------------------------------------------------

export class Client {
  static async open(url, { protocol = "ramp.1", headers } = {}) {
    const client = new Client();
    client.got = [];
    client.closed = null;
    client.socket = new WebSocket(url, protocol, { headers, perMessageDeflate: false });
    client.wake = () => {};
    client.socket.on("message", (data, isBinary) => { client.got.push(isBinary ? Buffer.from(data) : data.toString()); client.wake(); });
    client.socket.on("close", (code, reason) => { client.closed = { code, reason: reason.toString() }; client.wake(); });
    await new Promise((done, fail) => {
      client.socket.on("open", done);
      client.socket.on("error", fail);
      client.socket.on("unexpected-response", (_request, response) => {
        let text = "";
        response.on("data", part => (text += part));
        response.on("end", () => fail(Object.assign(new Error(`HTTP ${response.statusCode}: ${text}`), { status: response.statusCode, text })));
      });
    });
    return client;
  }
  send(data) { this.socket.send(data); }
  /** The next message; those that are not taken are kept in order. */
  async next(ms = 10000) {
    const end = Date.now() + ms * slow;
    while (!this.got.length) {
      if (this.closed) throw new Error(`closed: ${JSON.stringify(this.closed)}`);
      if (Date.now() > end) throw new Error(`no message in ${ms * slow} ms`);
      await new Promise(done => { const timer = setTimeout(done, end - Date.now() + 1); this.wake = () => { clearTimeout(timer); done(); }; });
    }
    return this.got.shift();
  }
  async close(code = 1000) {
    this.socket.close(code);
    await until("the close", () => this.closed);
  }
  kill() { this.socket.terminate(); }
}
