// SPDX-License-Identifier: Apache-2.0
// test.mjs -- scenario tests of a room: import { openRoom } from "ramp-sdk/test".
//
// openRoom builds the room and runs it in the JavaScript host of harness.mjs, with a clock that only
// the test moves. A handler that fails throws here, with the place in the room's own source.
import { build } from "./build.mjs";
import { addConnection, bytesOf, CALLS, connections, instantiate, newRoom, Panic } from "./harness.mjs";
import { framesOf, traceOf } from "./lines.mjs";

/** What a failed handler threw. `where` is "file:line:col" of the room's source, if known. */
export class HandlerError extends Error {
  constructor(kind, error, places) {
    const message = error instanceof Panic ? error.message : error instanceof RangeError ? "stack overflow" : error.message;
    super(`${message}\n${places.map(p => `    at ${p.name} (${p.file}:${p.line}:${p.col})`).join("\n")}`.trimEnd());
    this.name = "HandlerError";
    this.reason = message;
    this.call = kind;
    this.places = places;
    this.where = places.length ? `${places[0].file}:${places[0].line}:${places[0].col}` : error.panic?.split("\n")[1] ?? "";
    this.trap = !(error instanceof Panic);
  }
}

/**
 * Builds the room in this file or folder and opens it.
 * options: mode ("debug" | "release"), wasm (bytes built before), and what a room has: id, service, env, kv, db, …
 */
export async function openRoom(target, options = {}) {
  const { mode = "debug", wasm: given, ...rest } = options;
  const wasm = given ?? await built(target, mode);
  const room = new TestRoom(await WebAssembly.compile(wasm), wasm, newRoom(rest));
  room.open(0);
  return room;
}

async function built(target, mode) {
  const r = await build(target, { mode, write: false });
  if (!r.ok) throw new Error(r.problems.map(p => `${p.file}:${p.line}:${p.col}  ${p.text}`).join("\n"));
  return r.wasm;
}

export class TestConnection {
  /** Messages that it got: strings, or Uint8Arrays. */
  got = [];
  /** { code, reason } once the room has closed it. */
  closed = null;
  constructor(test, handle, info) {
    Object.assign(this, { test, handle, id: info.id });
  }
  /** Sends a string, or bytes. */
  send(message) { this.test.call("message", this, [this.handle, "n", "flags"], bytesOf(message), typeof message === "string" ? 0 : 1); }
  /** The last message that it got. */
  get last() { return this.got.at(-1); }
  /** What it got since the last take(). */
  take() { return this.got.splice(0); }
  leave(code = 1000) { this.test.leave(this, code); }
}

export class TestRoom {
  /** Everything that calls emitted, in order. */
  events = [];
  logs = [];
  /** Failed handlers, newest last. */
  failures = [];
  people = new Map();

  constructor(module, wasm, state) {
    Object.assign(this, { module, wasm, state });
    this.guest = instantiate(module, state);
  }
  get now() { return this.state.now; }
  get memory() { return this.guest.exports.memory; }
  get kv() { return this.state.kv; }
  get db() { return this.state.db; }
  set fetch(f) { this.state.fetch = f; }

  /** Joins a connection: an id, or { id, user, query, headers, ip, claims }. Throws if onJoin does. */
  join(info = {}) {
    const full = typeof info === "string" ? { id: info } : { id: `c${this.state.slots.length + this.state.generations.length}`, ...info };
    const handle = addConnection(this.state, full), conn = new TestConnection(this, handle, full);
    this.people.set(handle, conn);
    this.call("join", conn, [handle]);
    return conn;
  }
  leave(conn, code = 1000) {
    const slot = conn.handle & 0xfffff, member = this.state.slots[slot];
    if (member?.handle !== conn.handle) return;
    this.state.slots[slot] = null;
    this.people.delete(conn.handle);
    this.call("leave", { ...member }, [conn.handle, code]);
  }
  /** An HTTP request; the answer is { status, headers, text, bytes }. */
  request(method, url = "/", { body = "", headers = {}, query, user, ip = "127.0.0.1", claims } = {}) {
    const part = v => { const b = bytesOf(v), n = Buffer.alloc(4); n.writeUInt32LE(b.length); return [n, b]; };
    const lines = Object.entries(headers).map(([k, v]) => `${k.toLowerCase()}: ${v}\n`).join("");
    const from = { id: "", user: user ?? "", ip, headers, claims, query: query ?? Object.fromEntries(new URL(url, "http://x").searchParams) };
    if (!this.guest.has("request")) return { status: 404, headers: "", text: "", bytes: new Uint8Array(0) };
    const events = this.call("request", from, ["n", "flags"], Buffer.concat([...part(method), ...part(url), ...part(lines), bytesOf(body)]));
    const r = events.findLast(e => e.type === "respond") ?? { status: 204, headers: "", payload: new Uint8Array(0) };
    return { status: r.status, headers: r.headers, bytes: r.payload, text: new TextDecoder().decode(r.payload) };
  }
  /** Moves the clock; runs timers and the alarm that become due, in their order. */
  advance(ms) {
    const end = this.state.now + ms;
    for (;;) {
      const due = [...this.state.timers].map(([id, t]) => ({ id, ...t })).sort((a, b) => a.at - b.at || a.set - b.set)[0];
      const alarm = this.state.alarm > 0 && this.state.alarm <= end && (!due || this.state.alarm < due.at);
      if (!alarm && (!due || due.at > end)) break;
      if (alarm) {
        this.state.now = Math.max(this.state.now, Number(this.state.alarm));
        this.state.alarm = 0;
        this.call("alarm", null, []);
      } else {
        this.state.now = Math.max(this.state.now, due.at);
        if (due.period) this.state.timers.set(due.id, { ...this.state.timers.get(due.id), at: due.at + due.period });
        else this.state.timers.delete(due.id);
        this.call("timer", null, [due.id]);
      }
    }
    this.state.now = end;
  }
  /** Runs on_save and starts a new instance that gets what was saved (reason 1: new version, 2: moved). Connections stay. */
  async reload(target = null, { reason = 1, mode = "debug" } = {}) {
    this.call("save", null, []);
    if (target) {
      this.wasm = await built(target, mode);
      this.module = await WebAssembly.compile(this.wasm);
    }
    this.restart(reason);
  }
  /** A new instance, as after a trap. */
  restart(reason = 3, flags = 0) {
    this.state.timers.clear();
    this.guest = instantiate(this.module, this.state);
    this.open(reason, flags);
  }
  open(reason, flags = 0) { this.call("open", null, [reason, "n", "flags"], this.state.saved ?? new Uint8Array(0), flags); }
  close() { this.call("close", null, []); }
  backpressure(conn) { this.call("backpressure", conn, [conn.handle]); }

  /** Runs a handler, carries out its events, returns them. Throws a HandlerError if it fails. */
  call(kind, conn, args, payload, flags) {
    if (!this.guest.has(kind)) return [];
    const r = this.guest.run(kind, args, payload, flags, conn);
    this.logs.push(...this.guest.logs.splice(0));
    if (r.error) throw this.failed(kind, conn, r.error);
    this.events.push(...r.events);
    for (const e of r.events) this.apply(e);
    return r.events;
  }

  failed(kind, conn, error) {
    const failure = new HandlerError(kind, error, traceOf(this.wasm, framesOf(error)));
    this.failures.push(failure);
    if (!this.guest.resumable || failure.trap) this.broken = true;
    if (kind !== "error") {
      const u32 = n => { const b = Buffer.alloc(4); b.writeUInt32LE(n >>> 0); return b; }, text = bytesOf(failure.reason);
      if (this.broken) {
        this.broken = false;
        this.restart(3);
      }
      const told = this.guest.has("error") && this.guest.run("error", ["n", "flags"], Buffer.concat([u32(CALLS.indexOf(kind)), u32(conn?.handle ?? 0), u32(0), u32(text.length), text]));
      this.logs.push(...this.guest.logs.splice(0));
      if (told?.events) for (const e of told.events) { this.events.push(e); this.apply(e); }
    }
    return failure;
  }

  apply(e) {
    const s = this.state;
    switch (e.type) {
      case "broadcast": for (const h of e.to) this.people.get(h)?.got.push(e.payload); break;
      case "send": this.people.get(e.connection)?.got.push(e.payload); break;
      case "close": this.closed(this.people.get(e.connection), e); break;
      case "kv_set": (e.scope ? s.serviceKv : s.kv).set(e.key, e.payload); break;
      case "kv_del": (e.scope ? s.serviceKv : s.kv).delete(e.key); break;
      case "db_set": s.db.set(e.key, e.payload); break;
      case "db_del": s.db.delete(e.key); break;
      case "timer_set": s.timers.set(e.id, { at: s.now + e.delay_ms, period: e.period_ms, set: this.timerOrder = (this.timerOrder ?? 0) + 1 }); break;
      case "timer_clear": s.timers.delete(e.id); break;
      case "alarm_set": s.alarm = e.at_ms; break;
      case "state_save": s.saved = e.payload; break;
    }
  }
  closed(conn, e) {
    if (!conn || conn.closed) return;
    conn.closed = { code: e.code, reason: e.payload };
    this.leave(conn, e.code);
  }
}

export { connections };
