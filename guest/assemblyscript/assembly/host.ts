// SPDX-License-Identifier: Apache-2.0
// host.ts -- arguments to host functions, their results, and the payload of the running call.
import * as host from "./imports";
import { Err, Flag, OUT, OUT_CAP, PAYLOAD, PENDING, TMP, TMP_CAP } from "./abi";
import { decode, encodeTo, sizeBound } from "./text";

/** A buffer that grew beyond this is given back when its call ends. */
const KEEP: i32 = 65536;

// ---- arguments -----------------------------------------------------------------------------------

let encBuf: ArrayBuffer = new ArrayBuffer(0);
/** Bytes of the last enc(). */
export let encLen: i32 = 0;

/** Encodes s as UTF-8; the bytes stay until the next enc(). Sets encLen. */
export function enc(s: string): usize {
  const n = s.length;
  let p = TMP;
  if (n > TMP_CAP / 3) {
    const size = sizeBound(s);
    if (size > TMP_CAP) {
      if (encBuf.byteLength < size) encBuf = new ArrayBuffer(size);
      p = changetype<usize>(encBuf);
    }
  }
  encLen = encodeTo(s, n, p);
  return p;
}

/** Encodes a second argument beside the one of enc(). */
export function bytesOf(s: string): ArrayBuffer {
  const b = new ArrayBuffer(sizeBound(s));
  const n = encodeTo(s, s.length, changetype<usize>(b));
  return n == b.byteLength ? b : b.slice(0, n);
}

// ---- results -------------------------------------------------------------------------------------

/** The text of a result of n bytes that was written to OUT. */
export function takeText(n: i32): string {
  if (n <= OUT_CAP) return decode(OUT, n);
  const b = new ArrayBuffer(n);
  host.result_read(0, changetype<usize>(b), n);
  return decode(changetype<usize>(b), n);
}

export function takeBytes(n: i32): Uint8Array {
  const b = new Uint8Array(n);
  if (n <= OUT_CAP) memory.copy(b.dataStart, OUT, n);
  else host.result_read(0, b.dataStart, n);
  return b;
}

/** The result of a START function: at once, or after a wait. */
// @ts-ignore: decorator
@inline export function settle(n: i32): i32 {
  return n == PENDING ? host.wait(OUT, OUT_CAP) : n;
}

export function reason(e: i32): string {
  switch (e) {
    case Err.NOT_FOUND: return "not found";
    case Err.GONE: return "the connection is gone";
    case Err.ARGS: return "an argument is not valid";
    case Err.TOO_BIG: return "too big";
    case Err.LIMIT: return "a limit of this call or room is reached";
    case Err.TIMEOUT: return "no answer in time";
    case Err.UNAVAILABLE: return "not available now";
    case Err.DENIED: return "not allowed here; top-level code runs before there is a room, so use a handler";
  }
  return "an error that this SDK does not know";
}

/** `rule` says what is allowed: it follows where an argument is not valid or too big. */
export function fail(what: string, e: i32, rule: string): void {
  const ruled = rule.length > 0 && (e == Err.ARGS || e == Err.TOO_BIG);
  throw new Error(what + ": " + reason(e) + (ruled ? "; " + rule : ""));
}

/** Throws when e is an error. */
// @ts-ignore: decorator
@inline export function must(what: string, e: i32, rule: string): void {
  if (e < 0) fail(what, e, rule);
}

/** True, or false if the connection is gone; throws on every other error. */
// @ts-ignore: decorator
@inline export function reached(what: string, e: i32, rule: string): bool {
  if (e < 0 && e != Err.GONE) fail(what, e, rule);
  return e >= 0;
}

// ---- the payload of the running call ---------------------------------------------------------------

/** Counts calls; a Message knows its own. */
export let callSeq: u32 = 0;
export let payloadLen: i32 = 0;
export let payloadFlags: u32 = 0;

let pullBuf: ArrayBuffer = new ArrayBuffer(0);
let pullSeq: u32 = 0;
let open: bool = false;

export function beginCall(n: i32, flags: u32): void {
  if (open) collect(); // the call before this one threw
  open = true;
  callSeq++;
  payloadLen = n;
  payloadFlags = flags;
}

export function endCall(): void {
  open = false;
  if (pullBuf.byteLength > KEEP) pullBuf = new ArrayBuffer(0);
  if (encBuf.byteLength > KEEP) encBuf = new ArrayBuffer(0);
  collect();
}

/** Some steps of the collector, if it is time: no handler runs, so the stack holds nothing. */
// @ts-ignore: decorator
@inline function collect(): void {
  // @ts-ignore: made by the build
  __ramp_collect();
}

/** Where the payload lies; one that is larger than the inbox is fetched first, once. */
export function payload(): usize {
  return payloadFlags & Flag.PULL ? pulled() : PAYLOAD;
}

function pulled(): usize {
  if (pullSeq != callSeq) {
    if (pullBuf.byteLength < payloadLen) pullBuf = new ArrayBuffer(payloadLen);
    host.event_read(0, changetype<usize>(pullBuf), payloadLen);
    pullSeq = callSeq;
  }
  return changetype<usize>(pullBuf);
}

export function payloadText(): string {
  return decode(payload(), payloadLen);
}

export function payloadBytes(): Uint8Array {
  const b = new Uint8Array(payloadLen);
  memory.copy(b.dataStart, payload(), payloadLen);
  return b;
}

// ---- the log ---------------------------------------------------------------------------------------

export function log(level: u32, message: string): void {
  const p = enc(message);
  host.log(level, p, encLen);
}
