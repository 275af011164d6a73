// SPDX-License-Identifier: Apache-2.0
// sys.ts -- what the standard library would import from a JavaScript host, by way of Ramp's.
//
// The build points abort, Math.random's seed, Date and console here. No state of its own: abort is
// compiled before any other global exists.
import * as host from "./imports";
import { PAYLOAD, TMP } from "./abi";
import { encodeTo, sizeBound } from "./text";
import { log as line } from "./host";

/** Of the message and of the path, so that the place always fits into what the host takes (1 KiB). */
const MESSAGE_CAP: i32 = 768;
const FILE_CAP: i32 = 192;

/** Ends the handler; the host gets "message\nfile:line:col". Allocates nothing: the inbox is free now. */
export function rampAbort(message: string | null, file: string | null, row: u32, column: u32): void {
  let p = put(PAYLOAD, message, MESSAGE_CAP);
  store<u8>(p, 10);
  p = put(p + 1, file, FILE_CAP);
  store<u8>(p, 58);
  p = digits(p + 1, row);
  store<u8>(p, 58);
  p = digits(p + 1, column);
  host.panic(PAYLOAD, <i32>(p - PAYLOAD));
  unreachable();
}

/** As much of s as surely fits into cap bytes. */
function put(p: usize, s: string | null, cap: i32): usize {
  if (s === null) return p;
  const n = s.length;
  return p + encodeTo(s, n <= cap && sizeBound(s) <= cap ? n : min(n, cap / 3), p);
}

function digits(p: usize, v: u32): usize {
  if (v >= 10) p = digits(p, v / 10);
  store<u8>(p, 48 + v % 10);
  return p + 1;
}

export function rampSeed(): f64 {
  host.random(TMP, 8);
  return reinterpret<f64>(load<u64>(TMP) >> 12 | 0x3ff0000000000000) - 1.0;
}

/** Date.now() and new Date(): the standard library's date.ts asks here. */
export namespace Date {
  export function now(): f64 {
    return <f64>host.time_ms();
  }
}

export namespace console {
  export function assert<T>(condition: T, message: string = ""): void {
    if (!condition) line(3, "Assertion failed: " + message);
  }
  export function log(message: string = ""): void {
    line(1, message);
  }
  export function info(message: string = ""): void {
    line(1, message);
  }
  export function debug(message: string = ""): void {
    line(0, message);
  }
  export function warn(message: string = ""): void {
    line(2, message);
  }
  export function error(message: string = ""): void {
    line(3, message);
  }
}
