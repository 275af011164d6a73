// SPDX-License-Identifier: Apache-2.0
// room.ts -- the room, its connections and the messages that come and go.
import * as host from "./imports";
import { Err, Flag, Kind, OUT, OUT_CAP } from "./abi";
import {
  beginCall, callSeq, enc, encLen, must, payload, payloadBytes, payloadFlags, payloadLen,
  payloadText, reached, takeText,
} from "./host";
import { KV, SERVICE } from "./storage";
import { clearTimer, saveState, setAlarm, setTimer } from "./calls";

// ---- messages ------------------------------------------------------------------------------------

/** The string that was decoded from the running call's text payload: sent again, it needs no encoding. */
let textOfCall: string | null = null;
let textSeq: u32 = 0;

/** What a connection sent. Valid while its handler runs; keep `text` or `bytes` for later. */
export class Message {
  private seq: u32 = callSeq;
  private decoded: string | null = null;

  /** True for a binary message, false for text. */
  get isBinary(): bool {
    this.check();
    return (payloadFlags & Flag.BINARY) != 0;
  }
  /** Its size in bytes. */
  get length(): i32 {
    this.check();
    return payloadLen;
  }
  /** As text; decoded on first use. What is not UTF-8 in a binary message becomes U+FFFD. */
  get text(): string {
    let s = this.decoded;
    if (s === null) {
      this.check();
      s = payloadText();
      this.decoded = s;
      if (!(payloadFlags & Flag.BINARY)) {
        textOfCall = s;
        textSeq = callSeq;
      }
    }
    return s;
  }
  /** A copy of its bytes. */
  get bytes(): Uint8Array {
    this.check();
    return payloadBytes();
  }
  /** A copy of its bytes. */
  get buffer(): ArrayBuffer {
    return this.bytes.buffer;
  }
  /** Where its bytes lie, for load<T>(); only while its handler runs. */
  get address(): usize {
    this.check();
    return payload();
  }
  toString(): string {
    return this.text;
  }
  private check(): void {
    if (this.seq != callSeq)
      throw new Error("this message's handler has returned; keep msg.text or msg.bytes instead of the message");
  }
}

// @ts-ignore: decorator
@inline const MESSAGE: string = "a message has at most 1 MiB";
// @ts-ignore: decorator
@inline const CLOSING: string = "a code is 1000, 1001, 1003, 1007 to 1014 or 3000 to 4999, a reason has at most 123 bytes";

let bodyLen: i32 = 0;
let bodyKind: u32 = 0;

/** The bytes of what a room sends; sets bodyLen and bodyKind. */
function body<T>(value: T): usize {
  if (isNullable<T>() && value === null) throw new Error("null cannot be sent");
  if (isString<T>()) {
    const s = changetype<string>(value);
    bodyKind = Kind.TEXT;
    if (textSeq == callSeq && changetype<usize>(s) == changetype<usize>(textOfCall)) {
      bodyLen = payloadLen;
      return payload();
    }
    const p = enc(s);
    bodyLen = encLen;
    return p;
  } else if (value instanceof Message) {
    const p = value.address;
    bodyLen = payloadLen;
    bodyKind = payloadFlags & Flag.BINARY;
    return p;
  } else if (value instanceof Uint8Array) {
    bodyLen = value.length;
    bodyKind = Kind.BINARY;
    return value.dataStart;
  } else if (value instanceof ArrayBuffer) {
    bodyLen = value.byteLength;
    bodyKind = Kind.BINARY;
    return changetype<usize>(value);
  } else {
    ERROR("only a string, a Message, a Uint8Array or an ArrayBuffer can be sent; a number: value.toString()");
    return 0;
  }
}

// ---- connections -----------------------------------------------------------------------------------

const SLOT: u32 = 0xfffff; // handle = generation << 20 | slot

namespace Field {
  export const ID: u32 = 0;
  export const QUERY: u32 = 1;
  export const HEADER: u32 = 2;
  export const USER: u32 = 3;
  export const IP: u32 = 4;
  export const CLAIM: u32 = 5;
}

/** A field of a connection, or of the requester (handle 0, in onRequest); null if there is none. */
export function connField(handle: u32, field: u32, name: string): string | null {
  const p = name.length ? enc(name) : 0;
  const n = host.conn_info(handle, field, p, name.length ? encLen : 0, OUT, OUT_CAP);
  return n >= 0 ? takeText(n) : null;
}

function textOr(s: string | null, other: string): string {
  return s === null ? other : s;
}

/** One client in this room. */
export class Connection {
  private cachedId: string | null = null;
  private cachedUser: string | null = null;
  /** False once it has left. */
  open: bool = true;
  /** Yours: any object, kept until the connection has left. Read it back with `conn.data as YourClass`. */
  data: Object | null = null;

  constructor(readonly handle: u32) {}

  /** Its id, unique in this room. */
  get id(): string {
    let s = this.cachedId;
    if (s === null) {
      s = textOr(connField(this.handle, Field.ID, ""), "");
      if (s.length) this.cachedId = s;
    }
    return s;
  }
  /** The subject of its token; "" if it came without one. */
  get user(): string {
    let s = this.cachedUser;
    if (s === null) {
      s = textOr(connField(this.handle, Field.USER, ""), "");
      if (s.length) this.cachedUser = s;
    }
    return s;
  }
  /** Its network address. */
  get ip(): string {
    return textOr(connField(this.handle, Field.IP, ""), "");
  }
  /** A parameter of the URL it joined with; null if absent. */
  query(name: string): string | null {
    return connField(this.handle, Field.QUERY, name);
  }
  /** A header of the request it joined with; null if absent. */
  header(name: string): string | null {
    return connField(this.handle, Field.HEADER, name);
  }
  /** A claim of its token; null if absent. */
  claim(name: string): string | null {
    return connField(this.handle, Field.CLAIM, name);
  }
  /** Sends a string, Message, Uint8Array or ArrayBuffer. False if the connection is gone. */
  send<T>(message: T): bool {
    if (!this.open) return false;
    const p = body<T>(message);
    return reached("send", host.conn_send(this.handle, p, bodyLen, bodyKind), MESSAGE);
  }
  /** Closes it once the handler has returned. False if the connection is gone. */
  close(code: i32 = 1000, reason: string = ""): bool {
    if (!this.open) return false;
    const p = enc(reason);
    return reached("close", host.conn_close(this.handle, <u32>code, p, encLen), CLOSING);
  }
  toString(): string {
    return this.id;
  }
}

/** The objects of the connections that this room has seen, by slot. Who is a member, the host says. */
const seen: (Connection | null)[] = [];

/** The object of a handle; the same one for as long as the connection lives. */
export function connOf(handle: u32): Connection {
  const slot = <i32>(handle & SLOT);
  while (seen.length <= slot) seen.push(null);
  let c = unchecked(seen[slot]);
  if (c === null || c.handle != handle) {
    if (c !== null) c.open = false;
    c = new Connection(handle);
    unchecked((seen[slot] = c));
  }
  return c;
}

/** The object of a connection that is about to be told that it has left. */
export function leavingConn(handle: u32): Connection {
  const slot = <i32>(handle & SLOT);
  const c = connOf(handle);
  c.open = false;
  unchecked((seen[slot] = null));
  return c;
}

// ---- the room ----------------------------------------------------------------------------------------

/** Why onOpen runs. */
export enum OpenReason {
  /** A new room, or one that ended and begins again. */
  Fresh = 0,
  /** A new version of the program. */
  NewVersion = 1,
  /** Moved, evicted or restarted. */
  Moved = 2,
  /** After a trap that threw the instance away. */
  AfterTrap = 3,
  /** After a commit that was lost. */
  LostCommit = 4,
}

function roomField(field: u32): string {
  const n = host.room_info(field, OUT, OUT_CAP);
  return n >= 0 ? takeText(n) : "";
}

// @ts-ignore: decorator
@lazy const EXCEPT: usize = memory.data(4, 4);
let handles: ArrayBuffer = new ArrayBuffer(0);

export class Room {
  private cachedId: string | null = null;

  /** Its id: what follows the service's name in the URL. */
  get id(): string {
    let s = this.cachedId;
    if (s === null) {
      s = roomField(0);
      this.cachedId = s;
    }
    return s;
  }
  /** The name of its service. */
  get service(): string {
    return roomField(1);
  }
  /** The SHA-256 of its program. */
  get version(): string {
    return roomField(2);
  }
  /** How many connections it has. */
  get size(): i32 {
    return max(0, host.room_conns(OUT, 0));
  }
  /** Sends a string, Message, Uint8Array or ArrayBuffer to all its connections but one. */
  broadcast<T>(message: T, except: Connection | null = null): void {
    const p = body<T>(message);
    let count: u32 = 0;
    if (except !== null && except.open) {
      store<u32>(EXCEPT, except.handle);
      count = 1;
    }
    must("broadcast", host.room_broadcast(p, bodyLen, bodyKind, count ? EXCEPT : 0, count), MESSAGE);
  }
  /** Its connections, in the order of their slots. */
  connections(): Connection[] {
    let n = host.room_conns(changetype<usize>(handles), handles.byteLength);
    if (n < 0) n = 0;
    if (n << 2 > handles.byteLength) {
      handles = new ArrayBuffer(max(64, n << 3));
      host.result_read(0, changetype<usize>(handles), n << 2);
    }
    const list = new Array<Connection>(n);
    const p = changetype<usize>(handles);
    for (let i = 0; i < n; i++) unchecked((list[i] = connOf(load<u32>(p + (<usize>i << 2)))));
    return list;
  }
  /** The connection with this id; null if there is none. */
  connection(id: string): Connection | null {
    const all = this.connections();
    for (let i = 0, n = all.length; i < n; i++) {
      const c = unchecked(all[i]);
      if (c.id == id) return c;
    }
    return null;
  }
  setTimer(id: i32, delayMs: i64, periodMs: i64 = 0): void {
    setTimer(id, delayMs, periodMs);
  }
  clearTimer(id: i32): void {
    clearTimer(id);
  }
  setAlarm(atMs: i64): void {
    setAlarm(atMs);
  }
  save<T>(state: T): void {
    saveState<T>(state);
  }
}
export const room: Room = new Room();

// ---- the service ---------------------------------------------------------------------------------------

/** What the rooms of this service share. */
export class Service {
  /** Keys that all rooms of the service see. */
  readonly kv: KV = new KV(SERVICE);
  get name(): string {
    return roomField(1);
  }
}
export const service: Service = new Service();

/** The service's environment: settings and secrets that are not in the program. */
export class Env {
  /** Null if the name is not set. */
  get(name: string): string | null {
    const p = enc(name);
    const n = host.env_get(p, encLen, OUT, OUT_CAP);
    if (n == Err.NOT_FOUND) return null;
    must("env.get", n, "");
    return takeText(n);
  }
}
export const env: Env = new Env();
