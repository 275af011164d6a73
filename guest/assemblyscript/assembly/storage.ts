// SPDX-License-Identifier: Apache-2.0
// storage.ts -- kv (fast, written behind) and db (durable).
//
// Reading looks synchronous: a value that is not at hand suspends the call, and the room with it,
// until it is there. get answers null only when there is no such key; every other failure ends the
// handler, unless the try form is used, which says what happened.
import * as host from "./imports";
import { Err, OUT, OUT_CAP } from "./abi";
import { bytesOf, enc, encLen, must, reason, settle, takeBytes, takeText } from "./host";
import { decode } from "./text";

const ROOM: u32 = 0;
export const SERVICE: u32 = 1;

/** The outcome of a try form. */
export class Result {
  constructor(readonly code: i32, private data: Uint8Array | null) {}
  /** The read succeeded, with a value or without. */
  get ok(): bool {
    return this.code == 0 || this.code == Err.NOT_FOUND;
  }
  get found(): bool {
    return this.code == 0;
  }
  /** What went wrong, in words; "" if nothing did. */
  get error(): string {
    return this.ok ? "" : reason(this.code);
  }
  get text(): string | null {
    const b = this.data;
    return b === null ? null : decode(b.dataStart, b.length);
  }
  get bytes(): Uint8Array | null {
    return this.data;
  }
}

function text(what: string, n: i32): string | null {
  if (n == Err.NOT_FOUND) return null;
  must(what, n);
  return takeText(n);
}

function bytes(what: string, n: i32): Uint8Array | null {
  if (n == Err.NOT_FOUND) return null;
  must(what, n);
  return takeBytes(n);
}

function result(n: i32): Result {
  return n < 0 ? new Result(n, null) : new Result(0, takeBytes(n));
}

let valueLen: i32 = 0;

/** The bytes of a value, and in `hold` what keeps them alive. */
function valueOf<T>(value: T): usize {
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
    ERROR("only a string, a Uint8Array or an ArrayBuffer can be stored");
    return 0;
  }
}

/** Keys and values close at hand (memory or Redis), of this room or of the whole service. */
export class KV {
  constructor(private scope: u32) {}

  get(key: string): string | null {
    return text("kv.get", this.read(key));
  }
  getBytes(key: string): Uint8Array | null {
    return bytes("kv.get", this.read(key));
  }
  tryGet(key: string): Result {
    return result(this.read(key));
  }
  /** Sets a string, Uint8Array or ArrayBuffer; with a ttl it is forgotten after that time. */
  set<T>(key: string, value: T, ttlMs: i64 = 0): void {
    must("kv.set", this.trySet<T>(key, value, ttlMs));
  }
  /** 0, or the code of what went wrong. */
  trySet<T>(key: string, value: T, ttlMs: i64 = 0): i32 {
    const k = bytesOf(key);
    const v = valueOf<T>(value);
    return host.kv_set(this.scope, changetype<usize>(k), k.byteLength, v, valueLen, ttlMs);
  }
  del(key: string): void {
    const k = enc(key);
    must("kv.del", host.kv_del(this.scope, k, encLen));
  }
  /** Holds back what this call sends until the store has acknowledged its writes. */
  sync(): void {
    must("kv.sync", host.kv_sync());
  }
  private read(key: string): i32 {
    const k = enc(key);
    return settle(host.kv_get(this.scope, k, encLen, OUT, OUT_CAP));
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

/** What db.list found. */
export class Entries {
  entries: Entry[] = [];
  /** More keys follow: list again, after the last key. */
  more: bool = false;
  get length(): i32 {
    return this.entries.length;
  }
  @operator("[]") private at(i: i32): Entry {
    return this.entries[i];
  }
}

/** The room's own durable storage: what the handler sends leaves when its writes are stored. */
export class DB {
  get(key: string): string | null {
    return text("db.get", this.read(key));
  }
  getBytes(key: string): Uint8Array | null {
    return bytes("db.get", this.read(key));
  }
  tryGet(key: string): Result {
    return result(this.read(key));
  }
  set<T>(key: string, value: T): void {
    const k = bytesOf(key);
    const v = valueOf<T>(value);
    must("db.set", host.db_set(changetype<usize>(k), k.byteLength, v, valueLen));
  }
  del(key: string): void {
    const k = enc(key);
    must("db.del", host.db_del(k, encLen));
  }
  /** Up to `limit` entries whose keys begin with the prefix and follow `after`, in the order of keys. */
  list(prefix: string = "", limit: i32 = 100, after: string = ""): Entries {
    const a = bytesOf(after);
    const p = enc(prefix);
    const n = settle(host.db_list(p, encLen, changetype<usize>(a), a.byteLength, <u32>limit, OUT, OUT_CAP));
    must("db.list", n);
    return entriesOf(takeBytes(n));
  }
  private read(key: string): i32 {
    const k = enc(key);
    return settle(host.db_get(k, encLen, OUT, OUT_CAP));
  }
}
export const db: DB = new DB();

/** u32 count | u32 more | per entry u32 kn | key | u32 vn | value */
function entriesOf(b: Uint8Array): Entries {
  const r = new Entries();
  let p = b.dataStart;
  const count = load<u32>(p);
  r.more = load<u32>(p, 4) != 0;
  p += 8;
  for (let i: u32 = 0; i < count; i++) {
    const kn = load<u32>(p);
    const key = decode(p + 4, kn);
    p += 4 + kn;
    const vn = load<u32>(p);
    const value = new Uint8Array(vn);
    memory.copy(value.dataStart, p + 4, vn);
    p += 4 + vn;
    r.entries.push(new Entry(key, value));
  }
  return r;
}
