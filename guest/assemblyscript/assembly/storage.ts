// SPDX-License-Identifier: Apache-2.0
// storage.ts -- kv (fast, written behind) and db (durable).
//
// Reading looks synchronous: a value that is not at hand suspends the call, and the room with it,
// until it is there. get answers null only when there is no such key; every other failure ends the
// handler, unless the try form is used, which says what happened.
import * as host from "./imports";
import { Err, OUT, OUT_CAP } from "./abi";
import { bytesOf, enc, encLen, fail, must, reason, settle, takeBytes, takeText } from "./host";
import { decode } from "./text";

const ROOM: u32 = 0;
export const SERVICE: u32 = 1;

function why(e: i32): string {
  return e == Err.UNAVAILABLE ? "the store cannot be reached now" : e == Err.TIMEOUT ? "the store gave no answer in time" : reason(e);
}

/** The outcome of a try form. */
export class Result {
  constructor(readonly code: i32, private data: Uint8Array | null) {}
  /** It succeeded; a read also if there is no such key. */
  get ok(): bool {
    return this.code == 0 || this.code == Err.NOT_FOUND;
  }
  /** A read found a value. */
  get found(): bool {
    return this.data !== null;
  }
  /** What went wrong, in words; "" if nothing did. */
  get error(): string {
    return this.ok ? "" : why(this.code);
  }
  get text(): string | null {
    const b = this.data;
    return b === null ? null : decode(b.dataStart, b.length);
  }
  get bytes(): Uint8Array | null {
    return this.data;
  }
}

/** Ends the handler with a sentence that names the function and its key. */
function stop(what: string, key: string, e: i32): void {
  const call = what + '("' + (key.length > 64 ? key.substring(0, 64) + "…" : key) + '")';
  if (e == Err.UNAVAILABLE || e == Err.TIMEOUT) throw new Error(call + ": " + why(e));
  fail(call, e, "a key has 1 to 512 bytes and no NUL, a value at most 512 KiB");
}

function text(what: string, key: string, n: i32): string | null {
  if (n == Err.NOT_FOUND) return null;
  if (n < 0) stop(what, key, n);
  return takeText(n);
}

function bytes(what: string, key: string, n: i32): Uint8Array | null {
  if (n == Err.NOT_FOUND) return null;
  if (n < 0) stop(what, key, n);
  return takeBytes(n);
}

function result(n: i32): Result {
  return n < 0 ? new Result(n, null) : new Result(0, takeBytes(n));
}

let valueLen: i32 = 0;

/** The bytes of a value; sets valueLen. */
function valueOf<T>(value: T): usize {
  if (isNullable<T>() && value === null) throw new Error("null cannot be stored");
  if (isString<T>()) {
    const p = enc(changetype<string>(value));
    valueLen = encLen;
    return p;
  } else if (value instanceof Uint8Array) {
    valueLen = value.length;
    return value.dataStart;
  } else if (value instanceof ArrayBuffer) {
    valueLen = value.byteLength;
    return changetype<usize>(value);
  } else {
    ERROR("only a string, a Uint8Array or an ArrayBuffer can be stored; a number: value.toString()");
    return 0;
  }
}

/** Keys and values close at hand (memory or Redis), of this room or of the whole service. */
export class KV {
  constructor(private scope: u32) {}

  /** Null if there is no such key; any other failure ends the handler. */
  get(key: string): string | null {
    return text("kv.get", key, this.read(key));
  }
  getBytes(key: string): Uint8Array | null {
    return bytes("kv.getBytes", key, this.read(key));
  }
  /** Says what went wrong instead of ending the handler. */
  tryGet(key: string): Result {
    return result(this.read(key));
  }
  /** Sets a string, Uint8Array or ArrayBuffer; with a ttl it is forgotten after that time. */
  set<T>(key: string, value: T, ttlMs: i64 = 0): void {
    const e = this.write<T>(key, value, ttlMs);
    if (e < 0) stop("kv.set", key, e);
  }
  /** Says what went wrong instead of ending the handler. */
  trySet<T>(key: string, value: T, ttlMs: i64 = 0): Result {
    return new Result(this.write<T>(key, value, ttlMs), null);
  }
  del(key: string): void {
    const k = enc(key), e = host.kv_del(this.scope, k, encLen);
    if (e < 0) stop("kv.del", key, e);
  }
  /** Holds back what this call sends until the store has acknowledged its kv writes. */
  sync(): void {
    must("kv.sync", host.kv_sync(), "");
  }
  private read(key: string): i32 {
    const k = enc(key);
    return settle(host.kv_get(this.scope, k, encLen, OUT, OUT_CAP));
  }
  private write<T>(key: string, value: T, ttlMs: i64): i32 {
    const k = bytesOf(key), v = valueOf<T>(value);
    return host.kv_set(this.scope, changetype<usize>(k), k.byteLength, v, valueLen, ttlMs);
  }
}
export const kv: KV = new KV(ROOM);

/** A key and its value. */
export class Entry {
  constructor(readonly key: string, readonly bytes: Uint8Array) {}
  get text(): string {
    return decode(this.bytes.dataStart, this.bytes.length);
  }
}

/** What db.list found, in the order of keys. */
export class Entries {
  entries: Entry[] = [];
  /** More keys follow: list again, after `last`. */
  more: bool = false;
  /** 0, or why db.tryList found nothing. */
  code: i32 = 0;
  [key: number]: Entry;

  get length(): i32 {
    return this.entries.length;
  }
  /** The last key; "" if there is none. */
  get last(): string {
    const n = this.entries.length;
    return n ? this.entries[n - 1].key : "";
  }
  get ok(): bool {
    return this.code == 0;
  }
  /** What went wrong, in words; "" if nothing did. */
  get error(): string {
    return this.code ? why(this.code) : "";
  }
  @operator("[]") private at(i: i32): Entry {
    return this.entries[i];
  }
}

/** The room's own durable storage: what the handler sends leaves when its writes are stored. */
export class DB {
  /** Null if there is no such key; any other failure ends the handler. */
  get(key: string): string | null {
    return text("db.get", key, this.read(key));
  }
  getBytes(key: string): Uint8Array | null {
    return bytes("db.getBytes", key, this.read(key));
  }
  /** Says what went wrong instead of ending the handler. */
  tryGet(key: string): Result {
    return result(this.read(key));
  }
  /** Sets a string, Uint8Array or ArrayBuffer. */
  set<T>(key: string, value: T): void {
    const e = this.write<T>(key, value);
    if (e < 0) stop("db.set", key, e);
  }
  /** Says what went wrong (a size, a limit of the call) instead of ending the handler. */
  trySet<T>(key: string, value: T): Result {
    return new Result(this.write<T>(key, value), null);
  }
  del(key: string): void {
    const k = enc(key), e = host.db_del(k, encLen);
    if (e < 0) stop("db.del", key, e);
  }
  /** Up to `limit` entries whose keys begin with the prefix and follow `after`, in bytewise order of keys. */
  list(prefix: string = "", limit: i32 = 100, after: string = ""): Entries {
    const found = this.tryList(prefix, limit, after);
    if (found.code) stop("db.list", prefix, found.code);
    return found;
  }
  /** Says what went wrong instead of ending the handler. */
  tryList(prefix: string = "", limit: i32 = 100, after: string = ""): Entries {
    const a = bytesOf(after), p = enc(prefix);
    const n = settle(host.db_list(p, encLen, changetype<usize>(a), a.byteLength, <u32>max(0, limit), OUT, OUT_CAP));
    const found = new Entries();
    if (n < 0) found.code = n;
    else readEntries(takeBytes(n), found);
    return found;
  }
  private read(key: string): i32 {
    const k = enc(key);
    return settle(host.db_get(k, encLen, OUT, OUT_CAP));
  }
  private write<T>(key: string, value: T): i32 {
    const k = bytesOf(key), v = valueOf<T>(value);
    return host.db_set(changetype<usize>(k), k.byteLength, v, valueLen);
  }
}
export const db: DB = new DB();

/** u32 count | u32 more | per entry u32 kn | key | u32 vn | value */
function readEntries(b: Uint8Array, found: Entries): void {
  let p = b.dataStart;
  const count = load<u32>(p);
  found.more = load<u32>(p, 4) != 0;
  p += 8;
  for (let i: u32 = 0; i < count; i++) {
    const kn = load<u32>(p);
    const key = decode(p + 4, kn);
    p += 4 + kn;
    const vn = load<u32>(p);
    const value = new Uint8Array(vn);
    memory.copy(value.dataStart, p + 4, vn);
    p += 4 + vn;
    found.entries.push(new Entry(key, value));
  }
}
