// SPDX-License-Identifier: Apache-2.0
// harness.mjs -- a Ramp host in JavaScript: the guest ABI exactly, without sandbox, budgets or sockets.
//
// Door: instantiate(), then run() for each call, which collects the call's events. Carrying them out,
// or not, is test.mjs's. Reads see the call's own events, then what waits for a commit, then the
// stores (stores.mjs). A read that takes time, or that is `cold`, comes through wait, and the room's
// clock moves by that time.
import { Buffer } from "node:buffer";
import { webcrypto } from "node:crypto";
import { bytesOf, storeOf } from "./stores.mjs";

export { bytesOf };

const E = { NOT_FOUND: -1, GONE: -2, ARGS: -3, TOO_BIG: -4, LIMIT: -5, TIMEOUT: -6, UNAVAILABLE: -7, DENIED: -8 };
const PENDING = -0x80000000;
const SLOT = 0xfffff, GENERATIONS = 0xfff;
const MIB = 1 << 20;
export const LIMITS = { events: 4096, eventBytes: 8 * MIB, message: MIB, key: 512, value: 512 << 10, state: MIB, body: MIB,
  timers: 1024, timerMin: 10n, timerMax: 3153600000000n, pendings: 16, waitMs: 10_000, dbWrites: 400, dbBytes: 4 * MIB, logLine: 2048, panic: 1024, random: 65536 };
export const CALLS = ["open", "join", "message", "leave", "timer", "alarm", "request", "save", "error", "close", "backpressure"];

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lossy = new TextDecoder("utf-8", { ignoreBOM: true });
const utf8 = bytes => { try { return strict.decode(bytes); } catch { return null; } };
const u32 = n => { const b = Buffer.alloc(4); b.writeUInt32LE(n); return b; };

/** A trap that the host raises: a bad address, wait where it is not allowed. */
export class Trap extends Error {}
/** The handler called panic. `panic` is its text: message, newline, file:line:col. */
export class Panic extends Error {
  constructor(text) { super(text.split("\n")[0]); this.panic = text; }
}

/** Loads a module into a new instance and runs its `_initialize` and `ramp_abi_v1`. */
export function instantiate(module, state) {
  return new Instance(module, state);
}

/** What outlives an instance: the room as the server knows it. */
export function newRoom({ kv, serviceKv, db, saved, ...options } = {}) {
  return {
    id: "lobby", service: "test", version: "0".repeat(64), now: 1_000_000, env: {}, offline: false, cold: false,
    kv: storeOf(kv), serviceKv: storeOf(serviceKv), db: storeOf(db), saved: saved === undefined || saved === null ? null : bytesOf(saved),
    alarm: 0, storedAlarm: options.alarm ?? 0, // as the room sees it; as it is stored
    batches: [], // events of calls that wait for a commit
    slots: [], // { handle, generation, info } or null
    generations: [], timers: new Map(), fetch: () => ({ status: 200, headers: "", body: "" }), ...options,
  };
}

/** Puts a connection into the lowest free slot; returns its handle. */
export function addConnection(room, info) {
  let slot = room.slots.findIndex((s, i) => s === null && (room.generations[i] ?? 0) < GENERATIONS);
  if (slot < 0) slot = room.slots.length;
  const generation = room.generations[slot] = (room.generations[slot] ?? 0) + 1;
  const handle = (generation << 20 | slot) >>> 0;
  room.slots[slot] = { handle, info: { id: "", user: "", ip: "127.0.0.1", query: {}, headers: {}, claims: {}, ...info } };
  return handle;
}
export const connections = room => room.slots.filter(Boolean).map(s => s.handle);
const member = (room, handle) => { const s = room.slots[handle & SLOT]; return s?.handle === handle ? s : null; };

class Instance {
  constructor(module, room) {
    this.room = room;
    this.call = null; // the running call
    this.initializing = true;
    this.logs = [];
    this.waits = 0;
    const imports = {};
    const known = hostFunctions(this);
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      if (from !== "ramp_v1" || kind !== "function" || !known[name]) throw new Error(`the module imports ${from}.${name}, which is not a host function`);
      imports[name] = known[name];
    }
    this.exports = new WebAssembly.Instance(module, { ramp_v1: imports }).exports;
    if (!(this.exports.memory instanceof WebAssembly.Memory)) throw new Error("the module exports no memory");
    if (typeof this.exports.ramp_abi_v1 !== "function") throw new Error("the module exports no ramp_abi_v1");
    this.exports._initialize?.();
    const desc = this.range(this.exports.ramp_abi_v1(), 32), d = new DataView(desc.buffer, desc.byteOffset, 32);
    this.inbox = d.getUint32(4, true);
    this.inboxCap = d.getUint32(8, true);
    this.resumable = (d.getUint32(12, true) & 1) === 1;
    if (d.getUint32(0, true) < 32 || this.inbox % 16 || this.inboxCap < 4096 || this.inboxCap > MIB) throw new Error("the module's descriptor is wrong");
    this.range(this.inbox, this.inboxCap);
    this.initializing = false;
  }

  /** The one place where an address of the guest is checked. */
  range(p, n) {
    p >>>= 0;
    n >>>= 0;
    if (p + n > this.exports.memory.buffer.byteLength) throw new Trap(`address ${p} + ${n} is outside the memory`);
    return new Uint8Array(this.exports.memory.buffer, p, n);
  }

  has(kind) { return typeof this.exports[`on_${kind}`] === "function"; }

  /** Runs a handler. { events } or { error } (a Panic, Trap or WebAssembly.RuntimeError). */
  run(kind, args, payload = new Uint8Array(0), flags = 0, conn = null) {
    const call = this.call = { kind, payload, conn, result: null, pendings: [], waited: 0, events: [], bytes: 0, dbWrites: 0, dbBytes: 0, sequence: (this.sequence = (this.sequence ?? 0) + 1) };
    const head = this.range(this.inbox, this.inboxCap), view = new DataView(head.buffer, head.byteOffset, 16);
    view.setBigInt64(0, BigInt(this.room.now), true);
    view.setUint32(8, 0, true);
    view.setUint32(12, call.sequence, true);
    if (payload.length <= this.inboxCap - 16) head.set(payload, 16);
    else flags |= 2;
    const full = args.map(a => a === "n" ? payload.length : a === "flags" ? flags : a);
    try {
      this.exports[`on_${kind}`](...full);
      return { events: call.events };
    } catch (error) {
      if (!(error instanceof Panic || error instanceof Trap || error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
      return { error };
    } finally {
      this.call = null;
    }
  }
}

function hostFunctions(guest) {
  const { room } = guest;
  const range = (p, n) => guest.range(p, n);
  const text = (p, n) => utf8(range(p, n));
  const give = (bytes, out, cap) => {
    const to = range(out, cap);
    if (typeof bytes === "number") return bytes;
    guest.call.result = bytes;
    to.set(bytes.length > cap ? bytes.subarray(0, cap >>> 0) : bytes);
    return bytes.length;
  };
  const key = (p, n) => {
    const k = text(p, n);
    return k === null || k === "" || k.includes("\0") ? E.ARGS : n >>> 0 > LIMITS.key ? E.TOO_BIG : k;
  };
  const emit = (event, size = 0) => {
    const c = guest.call;
    if (c.events.length >= LIMITS.events || c.bytes + size > LIMITS.eventBytes) return E.LIMIT;
    c.bytes += size;
    c.events.push(event);
    return 0;
  };
  const message = (p, n, kind) => {
    const bytes = range(p, n);
    if (kind >>> 0 > 1) return E.ARGS;
    if (bytes.length > LIMITS.message) return E.TOO_BIG;
    if (kind === 0) return utf8(bytes) ?? E.ARGS;
    return bytes.slice();
  };
  const space = scope => scope === 0 ? room.kv : scope === 1 ? room.serviceKv : null;
  const headers = (p, n) => {
    const h = text(p, n);
    return h === null || !/^(?:[!#$%&'*+.^_`|~0-9a-z-]+: ?[^\r\n\0]*\n)*$/.test(h)
      || /^(?:connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|content-length):/m.test(h) ? E.ARGS : h;
  };
  const failing = store => room.offline ? E.UNAVAILABLE : { unavailable: E.UNAVAILABLE, timeout: E.TIMEOUT }[store?.failing] ?? 0;
  /** START: at once, or through wait after `delay` ms. What is read is read now. */
  const start = (result, delay, out, cap) => {
    range(out, cap);
    const c = guest.call;
    if (c.waited >= LIMITS.waitMs) return E.TIMEOUT;
    if (delay === 0) return give(result, out, cap);
    if (c.pendings.length >= LIMITS.pendings) return E.LIMIT;
    c.pendings.push({ result, at: room.now + Math.max(0, delay) });
    return PENDING;
  };
  /** -1: through wait, but at once. */
  const delayOf = store => store.delayMs || (room.cold && !failing(store) ? -1 : 0);
  const read = (store, make, out, cap) => start(failing(store) || make(), delayOf(store), out, cap);
  /** What is stored, then what waits for a commit, then what the call itself has written. */
  const overlay = (stored, mine) => {
    const m = new Map(stored);
    for (const e of [...room.batches.flatMap(b => b.events), ...guest.call.events])
      if (mine(e)) { if (e.type.endsWith("_set")) m.set(e.key, e.payload); else m.delete(e.key); }
    return m;
  };
  const inKv = (scope, k) => overlay(space(scope), e => /^kv_(set|del)$/.test(e.type) && e.scope === scope).get(k) ?? E.NOT_FOUND;
  const inDb = () => overlay(room.db, e => /^db_(set|del)$/.test(e.type));

  const functions = {
    room_broadcast(p, n, kind, except, count) {
      const payload = message(p, n, kind), list = range(except, (count >>> 0) * 4);
      if (typeof payload === "number") return payload;
      const view = new DataView(list.buffer, list.byteOffset, list.length), out = new Set();
      for (let i = 0; i < list.length; i += 4) out.add(view.getUint32(i, true));
      return emit({ type: "broadcast", payload, binary: kind === 1, to: connections(room).filter(h => !out.has(h)) }, n);
    },
    conn_send(conn, p, n, kind) {
      const payload = message(p, n, kind);
      if (typeof payload === "number") return payload;
      if (!member(room, conn >>> 0)) return E.GONE;
      return emit({ type: "send", connection: conn >>> 0, payload, binary: kind === 1 }, n);
    },
    conn_close(conn, code, p, n) {
      const reason = text(p, n);
      if (reason === null || n >>> 0 > 123 || !(code === 1000 || code === 1001 || code >= 3000 && code <= 4999 || code >= 1003 && code <= 1014 && ![1004, 1005, 1006].includes(code))) return E.ARGS;
      if (!member(room, conn >>> 0)) return E.GONE;
      return emit({ type: "close", connection: conn >>> 0, code, payload: reason }, n);
    },
    kv_set(scope, k, kn, v, vn, ttl) {
      const name = key(k, kn), payload = range(v, vn).slice();
      if (typeof name === "number") return name;
      if (!space(scope) || ttl < 0n) return E.ARGS;
      if (payload.length > LIMITS.value) return E.TOO_BIG;
      if (failing(space(scope)) === E.UNAVAILABLE) return E.UNAVAILABLE; // written behind: its buffer is full
      return emit({ type: "kv_set", scope, key: name, payload, ttl_ms: Number(ttl) }, kn + vn);
    },
    kv_del(scope, k, kn) {
      const name = key(k, kn);
      if (typeof name === "number") return name;
      if (!space(scope)) return E.ARGS;
      if (failing(space(scope)) === E.UNAVAILABLE) return E.UNAVAILABLE;
      return emit({ type: "kv_del", scope, key: name }, kn);
    },
    kv_sync: () => emit({ type: "kv_sync" }),
    db_set(k, kn, v, vn) {
      const name = key(k, kn), payload = range(v, vn).slice(), c = guest.call;
      if (typeof name === "number") return name;
      if (payload.length > LIMITS.value) return E.TOO_BIG;
      if (c.dbWrites >= LIMITS.dbWrites || c.dbBytes + kn + vn > LIMITS.dbBytes) return E.LIMIT;
      c.dbWrites++;
      c.dbBytes += kn + vn;
      return emit({ type: "db_set", key: name, payload }, kn + vn);
    },
    db_del(k, kn) {
      const name = key(k, kn), c = guest.call;
      if (typeof name === "number") return name;
      if (c.dbWrites >= LIMITS.dbWrites) return E.LIMIT;
      c.dbWrites++;
      return emit({ type: "db_del", key: name }, kn);
    },
    timer_set(id, delay, period) {
      if (delay < LIMITS.timerMin || delay > LIMITS.timerMax || period !== 0n && period < LIMITS.timerMin || period > LIMITS.timerMax) return E.ARGS;
      const ids = new Set(room.timers.keys());
      for (const e of guest.call.events) if (e.type === "timer_set") ids.add(e.id); else if (e.type === "timer_clear") ids.delete(e.id);
      if (!ids.has(id) && ids.size >= LIMITS.timers) return E.LIMIT;
      return emit({ type: "timer_set", id, delay_ms: Number(delay), period_ms: Number(period) });
    },
    timer_clear: id => emit({ type: "timer_clear", id }),
    alarm_set: at => at < 0n ? E.ARGS : emit({ type: "alarm_set", at_ms: Number(at) }),
    http_respond(status, h, hn, b, bn) {
      const lines = headers(h, hn), payload = range(b, bn).slice();
      if (guest.call.kind !== "request") return E.DENIED;
      if (typeof lines === "number" || status < 200 || status > 599) return E.ARGS;
      if (payload.length > LIMITS.body) return E.TOO_BIG;
      return emit({ type: "respond", status, headers: lines, payload }, hn + bn);
    },
    state_save(p, n) {
      const payload = range(p, n).slice();
      if (payload.length > LIMITS.state) return E.TOO_BIG;
      return emit({ type: "state_save", payload }, n);
    },
    room_info: (field, out, cap) => give([room.id, room.service, room.version].map(bytesOf)[field] ?? E.ARGS, out, cap),
    room_conns(out, cap) {
      const list = connections(room), bytes = new Uint8Array(Uint32Array.from(list).buffer);
      give(bytes, out, cap);
      return list.length;
    },
    conn_info(conn, field, name, nn, out, cap) {
      const wanted = text(name, nn), handle = conn >>> 0;
      range(out, cap);
      if (field >>> 0 > 5 || wanted === null) return E.ARGS;
      const found = handle === 0 ? (guest.call.kind === "request" ? guest.call.conn : null)
        : member(room, handle)?.info ?? (guest.call.kind === "leave" && guest.call.conn?.handle === handle ? guest.call.conn.info : null);
      if (!found) return handle === 0 ? E.ARGS : E.GONE;
      const value = [() => found.id, () => found.query?.[wanted], () => found.headers?.[wanted.toLowerCase()], () => found.user, () => found.ip, () => found.claims?.[wanted]][field]();
      return give(value === undefined || value === null || value === "" && field === 3 ? E.NOT_FOUND : bytesOf(String(value)), out, cap);
    },
    env_get(name, nn, out, cap) {
      const k = text(name, nn);
      return give(k === null ? E.ARGS : room.env[k] === undefined ? E.NOT_FOUND : bytesOf(room.env[k]), out, cap);
    },
    event_read: (off, dst, n) => copy(guest.call.payload, off, range(dst, n)),
    result_read: (off, dst, n) => copy(guest.call.result ?? new Uint8Array(0), off, range(dst, n)),
    time_ms: () => BigInt(room.now),
    random(p, n) {
      const to = range(p, n);
      if (to.length > LIMITS.random) throw new Trap("random: too many bytes");
      to.set(room.random ? room.random(to.length) : webcrypto.getRandomValues(new Uint8Array(to.length)));
    },
    log(level, p, n) {
      guest.logs.push({ level: ["debug", "info", "warning", "error"][level] ?? "info", text: lossy.decode(range(p, Math.min(n >>> 0, LIMITS.logLine))) });
      range(p, n);
    },
    panic(p, n) { throw new Panic(lossy.decode(range(p, n).subarray(0, LIMITS.panic))); },
    kv_get(scope, k, kn, out, cap) {
      const name = key(k, kn);
      range(out, cap);
      if (typeof name === "number") return name;
      return space(scope) ? read(space(scope), () => inKv(scope, name), out, cap) : E.ARGS;
    },
    db_get(k, kn, out, cap) {
      const name = key(k, kn);
      range(out, cap);
      return typeof name === "number" ? name : read(room.db, () => inDb().get(name) ?? E.NOT_FOUND, out, cap);
    },
    db_list(prefix, pn, after, an, limit, out, cap) {
      const from = text(prefix, pn), last = text(after, an);
      range(out, cap);
      if (from === null || last === null) return E.ARGS;
      return read(room.db, () => listing(inDb(), from, last, limit >>> 0), out, cap);
    },
    http_fetch(req, out, cap) {
      const head = range(req, 40), v = new DataView(head.buffer, head.byteOffset, 40);
      range(out, cap);
      if (v.getUint32(0, true) < 40) return E.ARGS;
      const part = at => range(v.getUint32(at, true), v.getUint32(at + 4, true)).slice();
      const q = { timeout_ms: v.getUint32(4, true), method: utf8(part(8)), url: utf8(part(16)), headers: utf8(part(24)), body: part(32) };
      if (q.method === null || q.url === null || q.headers === null) return E.ARGS;
      if (room.offline) return start(E.UNAVAILABLE, -1, out, cap);
      if (room.batches.length) return start(E.TIMEOUT, Infinity, out, cap); // it goes out when the gate opens, which this call cannot see
      if (guest.call.pendings.length >= LIMITS.pendings) return E.LIMIT;
      const r = room.fetch({ ...q, text: lossy.decode(q.body) });
      if (r.delay_ms > q.timeout_ms) return start(E.TIMEOUT, q.timeout_ms, out, cap);
      return start(typeof r === "number" ? r : answerOf(r), r.delay_ms || -1, out, cap);
    },
    wait(out, cap) {
      range(out, cap);
      guest.waits++;
      const c = guest.call, head = c.pendings.shift();
      if (!head) return E.ARGS;
      const time = Math.max(0, head.at - room.now), left = LIMITS.waitMs - c.waited;
      room.now += Math.min(time, left);
      c.waited += Math.min(time, left);
      if (time <= left) return give(head.result, out, cap);
      for (const p of c.pendings) Object.assign(p, { result: E.TIMEOUT, at: 0 });
      return E.TIMEOUT;
    },
  };
  // While it initializes, a module has no room yet.
  const early = new Set(["log", "panic", "time_ms", "random"]);
  for (const [name, f] of Object.entries(functions)) {
    if (early.has(name)) continue;
    functions[name] = (...args) => {
      if (!guest.initializing) return f(...args);
      if (name === "wait") throw new Trap("wait while the module initializes");
      return E.DENIED;
    };
  }
  return functions;
}

/** u32 status | u32 n | headers | body */
function answerOf(r) {
  const h = bytesOf(r.headers ?? "");
  return Buffer.concat([u32(r.status), u32(h.length), h, bytesOf(r.body ?? "")]);
}

function copy(from, offset, to) {
  const part = from.subarray(Math.min(offset >>> 0, from.length)).subarray(0, to.length);
  to.set(part);
  return part.length;
}

/** u32 count | u32 more | per entry u32 kn | key | u32 vn | value; cut at 1 MiB, never below one entry */
function listing(map, prefix, after, limit) {
  const keys = [...map.keys()].map(k => [k, Buffer.from(k)]).sort((a, b) => Buffer.compare(a[1], b[1]))
    .filter(([k, b]) => k.startsWith(prefix) && (after === "" || Buffer.compare(b, Buffer.from(after)) > 0));
  const parts = [];
  let size = 8, count = 0;
  for (const [k, b] of keys) {
    const v = map.get(k);
    if (count >= limit || count && size + 8 + b.length + v.length > MIB) break;
    parts.push(u32(b.length), b, u32(v.length), Buffer.from(v));
    size += 8 + b.length + v.length;
    count++;
  }
  return Buffer.concat([u32(count), u32(count < keys.length ? 1 : 0), ...parts]);
}
