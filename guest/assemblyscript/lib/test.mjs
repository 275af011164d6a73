// SPDX-License-Identifier: Apache-2.0
// test.mjs -- scenario tests of a room: import { openRoom } from "ramp-sdk/test".
//
// openRoom builds the room and runs it in the JavaScript host of harness.mjs, with a clock that only
// the test moves. Events are carried out as the server does it: all when the handler has returned,
// none when it has failed, and what leaves the room waits for the commit of what it depends on.
// A handler that fails throws here, with the place in the room's own source.
import fs from "node:fs";
import path from "node:path";
import { build } from "./build.mjs";
import { addConnection, bytesOf, CALLS, connections, instantiate, newRoom, Panic, Trap } from "./harness.mjs";
import { framesOf, traceOf } from "./lines.mjs";
import { Store, textOf } from "./stores.mjs";

export { connections, Store };

const FRESH = 0, NEW_VERSION = 1, MOVED = 2, AFTER_TRAP = 3, LOST_COMMIT = 4; // why on_open runs
const STALE = 4;
/** Milliseconds until a failed alarm is tried again; after the last one it is dropped. */
const ALARM_RETRIES = [2000, 8000, 30_000, 120_000, 300_000, 600_000];
const UNAVAILABLE = 7, TRAPPED = 12, PANICKED = 13; // codes of on_error
const COMMITS = new Set(["db_set", "db_del", "alarm_set", "state_save", "kv_sync"]);
const OUTWARD = new Set(["broadcast", "send", "close", "respond"]);

/** What a failed handler threw. `where` is "file:line:col" of the room's source, if known. */
export class HandlerError extends Error {
  constructor(kind, error, trace) {
    const places = exact(trace, error.panic), message = error instanceof Panic ? error.message : error instanceof RangeError ? "stack overflow" : error.message;
    super(`${message}\n${places.map(p => `    at ${p.name} (${p.file}:${p.line}:${p.col})`).join("\n")}`.trimEnd());
    this.name = "HandlerError";
    this.reason = message;
    this.call = kind;
    this.places = places;
    this.where = places.length ? `${places[0].file}:${places[0].line}:${places[0].col}` : error.panic?.split("\n")[1] ?? "";
    this.trap = !(error instanceof Panic);
  }
}

/** A throw of the room's own says itself where it stands, to the column. */
function exact(places, panic) {
  const [, file, line, col] = panic?.split("\n")[1]?.match(/^(?!~lib\/)(.+):(\d+):(\d+)$/) ?? [];
  if (!file) return places;
  const place = { name: places[0]?.name ?? "", file, line: Number(line), col: Number(col) };
  return places[0]?.file === file && places[0].line === place.line ? [place, ...places.slice(1)] : [place, ...places];
}

/**
 * Builds the room in this file or folder and opens it.
 * options: mode ("debug" | "release"), wasm (bytes built before), reason (of onOpen), and what a room has: id, service, env, kv, db, …
 */
export async function openRoom(target, options = {}) {
  const { mode = "debug", wasm: given, reason = FRESH, ...rest } = options;
  const wasm = given ?? await built(target, mode);
  const room = new TestRoom(await WebAssembly.compile(wasm), wasm, newRoom(rest));
  room.restart(reason);
  return room;
}

const builds = new Map(); // target and mode -> { wasm, stamp of the files it was made from }

async function built(target, mode) {
  const key = `${mode} ${path.resolve(target)}`, known = builds.get(key);
  if (known && known.stamp === stampOf(known.files)) return known.wasm;
  const r = await build(target, { mode, write: false });
  if (!r.ok) throw new Error(r.problems.map(p => `${p.file}:${p.line}:${p.col}  ${p.text}`).join("\n"));
  const files = ["ramp.json", ...r.files].map(f => path.join(r.project, f));
  builds.set(key, { wasm: r.wasm, files, stamp: stampOf(files) });
  return r.wasm;
}
const stampOf = files => files.map(f => { const s = fs.statSync(f, { throwIfNoEntry: false }); return s ? `${s.mtimeMs} ${s.size}` : ""; }).join();

export class TestConnection {
  /** Messages that it got: strings, or Uint8Arrays. */
  got = [];
  /** { code, reason } once it was closed from the other side. */
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
  /** Everything that was carried out, in order. */
  events = [];
  logs = [];
  /** Failed handlers, newest last. */
  failures = [];
  /** Calls whose commit failed: what they sent was never seen. */
  lost = 0;

  constructor(module, wasm, state) {
    Object.assign(this, { module, wasm, state, guest: null, people: new Map(), reason: FRESH,
      ran: 0, savedAt: 0, unclean: false, // calls that ran, and how many had when the state was saved
      holding: false, failNext: false, leaving: [], timerOrder: 0, alarmFailures: 0 });
    this.hears = WebAssembly.Module.exports(module).some(e => e.name === "on_error");
  }
  get now() { return this.state.now; }
  get memory() { this.opened(); return this.guest.exports.memory; }
  get kv() { return this.state.kv; }
  get serviceKv() { return this.state.serviceKv; }
  get db() { return this.state.db; }
  /** What was saved last, as text; null if nothing was. */
  get saved() { return this.state.saved && textOf(this.state.saved); }
  /** When the alarm is due; 0 if it is not set. */
  get alarm() { return Number(this.state.alarm); }
  get fetch() { return this.state.fetch; }
  set fetch(f) { this.state.fetch = f; }
  /** kv, db and fetch cannot be reached. */
  get offline() { return this.state.offline; }
  set offline(on) { this.state.offline = on; }

  // ---- what happens to a room -------------------------------------------------------------------

  /** Joins a connection: an id, or { id, user, query, headers, ip, claims }. Throws if onJoin does. */
  join(info = {}) {
    const full = typeof info === "string" ? { id: info } : { id: `c${this.state.slots.length + this.state.generations.length}`, ...info };
    const before = this.connection(full.id);
    if (before) {
      this.shut(before, 4409, "replaced by a newer connection");
      this.letLeave();
    }
    this.opened();
    const handle = addConnection(this.state, full), conn = new TestConnection(this, handle, full);
    this.people.set(handle, conn);
    this.call("join", conn, [handle]);
    return conn;
  }
  /** The connection with this id that is in the room; undefined if there is none. */
  connection(id) { return [...this.people.values()].find(c => c.id === id); }
  leave(conn, code = 1000) {
    const slot = conn.handle & 0xfffff, member = this.state.slots[slot];
    if (member?.handle !== conn.handle) return;
    this.opened(); // it is still a member then
    this.state.slots[slot] = null;
    this.people.delete(conn.handle);
    this.call("leave", { ...member }, [conn.handle, code]);
  }
  /** An HTTP request; the answer is { status, headers, text, bytes }. Status 0: it waits for a commit. */
  request(method, url = "/", { body = "", headers = {}, query, user, ip = "127.0.0.1", claims } = {}) {
    const part = v => { const b = bytesOf(v), n = Buffer.alloc(4); n.writeUInt32LE(b.length); return [n, b]; };
    const lines = Object.entries(headers).map(([k, v]) => `${k.toLowerCase()}: ${v}\n`).join("");
    const from = { id: "", user: user ?? "", ip, headers, claims, query: query ?? Object.fromEntries(new URL(url, "http://x").searchParams) };
    const answer = { status: 0, headers: "", bytes: new Uint8Array(0), get text() { return textOf(this.bytes); } };
    this.opened();
    if (!this.guest.has("request")) return Object.assign(answer, { status: 404 });
    this.call("request", from, ["n", "flags"], Buffer.concat([...part(method), ...part(url), ...part(lines), bytesOf(body)]), 0, answer);
    return answer;
  }
  backpressure(conn) { this.call("backpressure", conn, [conn.handle]); }

  /** Moves the clock; runs timers and the alarm that become due, in their order. */
  advance(ms) {
    const s = this.state, end = s.now + ms;
    for (;;) {
      const due = [...s.timers].map(([id, t]) => ({ id, ...t })).sort((a, b) => a.at - b.at || a.set - b.set)[0];
      const at = Math.min(due?.at ?? Infinity, this.alarm || Infinity);
      if (at > end) break;
      s.now = Math.max(s.now, at);
      if (this.alarm && this.alarm <= (due?.at ?? Infinity)) this.ring();
      else this.tick(due);
    }
    s.now = Math.max(s.now, end);
    this.forget();
  }

  // ---- the life of its instances ----------------------------------------------------------------

  /** A new version of the program: onSave in the old one, onOpen(NewVersion) in the new. Connections stay. */
  async reload(target = null, { reason = NEW_VERSION, mode = "debug" } = {}) {
    const next = target ? await built(target, mode) : this.wasm, compiled = target ? await WebAssembly.compile(next) : this.module;
    this.save();
    const { guest, wasm, module } = this, timers = [...this.state.timers];
    Object.assign(this, { wasm: next, module: compiled });
    try {
      this.restart(reason, 0, true);
    } catch (e) { // the room stays on the old one
      Object.assign(this, { guest, wasm, module });
      for (const [id, timer] of timers) this.state.timers.set(id, timer);
      throw e;
    }
  }
  /** Moved or evicted: onSave, and the next call opens it again (Moved). Connections stay. False: a room with timers, or without an onSave, is left alone. */
  evict() {
    this.opened();
    if (!this.guest.has("save") || this.state.timers.size) return false;
    this.save();
    this.discard(MOVED);
    return true;
  }
  /** The server stops in good order and starts again: onSave, connections close with 1012, the next call opens it (Moved). */
  stop() {
    this.save();
    this.abandon(1012);
  }
  /** The server is killed: what waited for a commit is lost, connections are gone, saved state is stale. */
  crash() {
    this.state.batches.splice(0);
    this.unclean = true;
    this.abandon(1006);
  }
  /** Its end, when nobody has been there for a while: onSave and onClose; its next life begins Fresh. */
  end() {
    if (this.people.size || this.state.timers.size) throw new Error("a room with connections or timers does not end; let them leave, and clear them, first");
    this.save();
    this.close();
    this.discard(FRESH);
  }
  /** A new instance, as after a trap. */
  restart(reason = AFTER_TRAP, flags = 0, switching = false) {
    this.discard(reason);
    this.opened(flags, switching);
  }
  close() { this.call("close", null, []); }

  // ---- commits ----------------------------------------------------------------------------------

  /** From now on commits take their time: what depends on them waits. */
  holdCommits() { this.holding = true; }
  /** The commits that were held succeed, and what waited leaves, in order. */
  releaseCommits() {
    this.holding = false;
    while (this.state.batches.length) {
      const batch = this.state.batches[0];
      if (batch.commits && !this.commit(batch)) return this.lose();
      this.state.batches.shift();
      this.depart(batch);
    }
    this.letLeave();
  }
  /** The commits that are held fail; without one, the next commit does. */
  failCommits() {
    this.holding = false;
    if (this.state.batches.length) this.lose();
    else this.failNext = true;
  }

  // ---- inside -----------------------------------------------------------------------------------

  /** Sees to it that there is an instance. */
  opened(flags = 0, switching = false) {
    if (this.guest) return;
    const s = this.state, stale = s.saved && (this.unclean || this.ran > this.savedAt) ? STALE : 0;
    let error = null;
    this.forget();
    try {
      this.guest = instantiate(this.module, s);
      if (this.guest.has("open")) ({ error } = this.run("open", null, [this.reason, "n", "flags"], s.saved ?? new Uint8Array(0), flags | stale));
      if (!this.guest) error = new Error("the commit of onOpen failed");
    } catch (e) {
      if (!(e instanceof Panic || e instanceof Trap || e instanceof WebAssembly.RuntimeError || e instanceof RangeError)) throw e;
      error = e; // at the top level
    }
    if (!error) return;
    const failure = new HandlerError("open", error, traceOf(this.wasm, framesOf(error)));
    this.failures.push(failure);
    if (!switching) this.abandon(1011, this.guest ? FRESH : this.reason);
    throw failure;
  }

  /** Runs a handler; its events are carried out. Throws a HandlerError if it fails. */
  call(kind, conn, args, payload, flags, answer = null) {
    this.opened();
    this.forget();
    if (!this.guest.has(kind)) return [];
    if (!["save", "close", "error"].includes(kind)) this.ran++;
    const { error, events } = this.run(kind, conn, args, payload, flags, answer);
    if (error) throw this.failed(kind, conn, error);
    this.letLeave();
    return events;
  }
  run(kind, conn, args, payload, flags, answer = null) {
    const r = this.guest.run(kind, args, payload, flags, conn);
    this.logs.push(...this.guest.logs.splice(0));
    if (r.error) return r;
    this.carryOut({ kind, conn, events: r.events, answer, ran: this.ran });
    return { error: null, events: r.events };
  }

  failed(kind, conn, error) {
    const failure = new HandlerError(kind, error, traceOf(this.wasm, framesOf(error)));
    this.failures.push(failure);
    if (!this.guest.resumable || failure.trap) this.discard(AFTER_TRAP);
    if (kind === "error" || !this.hears) return failure;
    try {
      this.tell(kind, conn, failure.trap ? TRAPPED : PANICKED, failure.reason);
    } catch (e) { // onOpen failed, or onError itself
      if (!(e instanceof HandlerError)) throw e;
    }
    return failure;
  }
  /** on_error: u32 call kind, u32 conn, u32 code, u32 n, message */
  tell(kind, conn, code, reason) {
    const text = bytesOf(reason), head = Buffer.alloc(16);
    [CALLS.indexOf(kind), conn?.handle ?? 0, code, text.length].forEach((v, i) => head.writeUInt32LE(v >>> 0, i * 4));
    this.call("error", null, ["n", "flags"], Buffer.concat([head, text]));
  }

  /** What the room itself feels, at once; what leaves it, when its commit and those before it are done. */
  carryOut(batch) {
    const s = this.state;
    batch.commits = batch.events.some(e => COMMITS.has(e.type));
    for (const e of batch.events) this.feel(e);
    if (batch.kind === "alarm" && !batch.events.some(e => e.type === "alarm_set")) {
      batch.commits = batch.clearsAlarm = true;
      s.alarm = 0;
    }
    if (s.batches.length || batch.commits && this.holding) {
      s.batches.push(batch);
      return;
    }
    if (batch.commits && !this.commit(batch)) {
      s.batches.push(batch);
      this.lose();
    } else this.depart(batch);
  }
  feel(e) {
    const s = this.state;
    if (e.type === "timer_set") s.timers.set(e.id, { at: s.now + e.delay_ms, period: e.period_ms, set: this.timerOrder++ });
    else if (e.type === "timer_clear") s.timers.delete(e.id);
    else if (e.type === "alarm_set") s.alarm = e.at_ms;
  }
  /** False if it fails. */
  commit(batch) {
    const s = this.state, fails = this.failNext || s.offline || s.db.failing;
    const writes = batch.clearsAlarm || batch.events.some(e => COMMITS.has(e.type) && e.type !== "kv_sync");
    if (!writes) return true;
    this.failNext = false;
    if (fails) return false;
    if (batch.clearsAlarm) s.storedAlarm = 0;
    for (const e of batch.events) {
      if (e.type === "db_set") s.db.set(e.key, e.payload);
      else if (e.type === "db_del") s.db.delete(e.key);
      else if (e.type === "alarm_set") s.storedAlarm = e.at_ms;
      else if (e.type === "state_save") {
        s.saved = e.payload;
        this.savedAt = batch.ran;
        this.unclean = false;
      }
    }
    return true;
  }
  /** What leaves the room. A kv.sync that fails takes its messages with it, not its writes. */
  depart({ kind, conn, events, answer }) {
    const s = this.state;
    const unsynced = events.some(e => e.type === "kv_sync") && (s.offline || s.kv.failing || s.serviceKv.failing);
    for (const e of events) {
      if (unsynced && OUTWARD.has(e.type)) continue;
      this.events.push(e);
      this.apply(e);
    }
    if (answer) {
      const r = events.findLast(e => e.type === "respond") ?? { status: 204, headers: "", payload: new Uint8Array(0) };
      Object.assign(answer, unsynced ? { status: 503 } : { status: r.status, headers: r.headers, bytes: r.payload });
    }
    if (unsynced) this.tell(kind, conn, UNAVAILABLE, "kv.sync: the kv backend has not acknowledged the writes");
  }
  apply(e) {
    const s = this.state, to = handle => { const c = this.people.get(handle); return c && !c.closed ? c : null; };
    switch (e.type) {
      case "broadcast": for (const h of e.to) to(h)?.got.push(e.payload); break;
      case "send": to(e.connection)?.got.push(e.payload); break;
      case "close": this.shut(to(e.connection), e.code, e.payload); break;
      case "kv_set": (e.scope ? s.serviceKv : s.kv).set(e.key, e.payload, e.ttl_ms ? s.now + e.ttl_ms : 0); break;
      case "kv_del": (e.scope ? s.serviceKv : s.kv).delete(e.key); break;
    }
  }
  /** A commit failed: what waits is dropped, the instance is thrown away, its members go. */
  lose() {
    const s = this.state, members = [...this.people.values()], opening = s.batches.some(b => b.kind === "open");
    for (const { answer, kind } of s.batches.splice(0)) {
      this.lost++;
      if (answer) answer.status = 503;
      if (kind === "alarm") this.retryAlarm();
    }
    this.discard(LOST_COMMIT);
    if (opening) return this.abandon(1011, LOST_COMMIT); // the call that opened the room fails; its members' leaves are dropped
    for (const c of members) c.closed ??= { code: 1011, reason: "what the room wrote could not be stored" };
    for (const c of members) {
      try {
        this.leave(c, 1011);
      } catch (e) { // `failures` has it
        if (!(e instanceof HandlerError)) throw e;
      }
    }
  }

  /** Closes take effect with their batch, leaves follow it. */
  shut(conn, code, reason) {
    if (!conn) return;
    conn.closed = { code, reason };
    this.leaving.push(conn);
  }
  letLeave() {
    for (let c; (c = this.leaving.shift()); ) this.leave(c, c.closed.code);
  }

  ring() {
    const s = this.state;
    this.opened();
    if (!this.guest.has("alarm")) {
      s.alarm = s.storedAlarm = 0;
      return;
    }
    const failed = this.lost;
    try {
      this.call("alarm", null, []);
    } catch (e) {
      this.retryAlarm();
      throw e;
    }
    if (this.lost === failed) this.alarmFailures = 0;
  }
  retryAlarm() {
    const s = this.state, wait = ALARM_RETRIES[this.alarmFailures++];
    s.storedAlarm = s.alarm = wait ? s.now + wait : 0;
    if (wait) return;
    this.alarmFailures = 0;
    this.logs.push({ level: "error", text: `the alarm is dropped: on_alarm has failed ${ALARM_RETRIES.length + 1} times` });
  }
  tick(due) {
    const s = this.state;
    if (due.period) s.timers.set(due.id, { ...s.timers.get(due.id), at: due.at + due.period * (1 + Math.floor((s.now - due.at) / due.period)) }); // missed ones collapse
    else s.timers.delete(due.id);
    this.call("timer", null, [due.id]);
  }

  save() {
    if (this.state.batches.length) throw new Error("a commit is open, and a room is not saved before it is done; releaseCommits() or failCommits() first");
    if (this.guest?.has("save")) this.call("save", null, []);
  }
  /** Throws the instance away; the next call opens another. */
  discard(reason) {
    const s = this.state;
    Object.assign(this, { guest: null, reason });
    s.timers.clear();
    if (!s.batches.length) s.alarm = s.storedAlarm;
  }
  /** All connections end without a leave. */
  abandon(code, reason = MOVED) {
    for (const c of this.people.values()) c.closed ??= { code, reason: "" };
    this.people.clear();
    this.state.slots.fill(null);
    this.discard(reason);
  }
  forget() {
    for (const store of [this.state.kv, this.state.serviceKv]) store.expire(this.state.now);
  }
}
