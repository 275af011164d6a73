// SPDX-License-Identifier: Apache-2.0
// calls.ts -- timers, the alarm, saved state, the log, and what onError is told.
import * as host from "./imports";
import { Flag } from "./abi";
import { enc, encLen, log as line, must, payload, payloadBytes, payloadFlags } from "./host";
import { Connection, connOf } from "./room";
import { decode } from "./text";

// ---- time ----------------------------------------------------------------------------------------

/** Calls onTimer(id) after delayMs, then every periodMs (0: once). At least 10 ms. Replaces the timer `id`. */
export function setTimer(id: i32, delayMs: i64, periodMs: i64 = 0): void {
  must("setTimer", host.timer_set(id, delayMs, periodMs), "a delay and a period are at least 10 ms");
}
export function clearTimer(id: i32): void {
  must("clearTimer", host.timer_clear(id), "");
}

/** The room's one alarm. Durable: onAlarm also runs after a restart, and when nobody is connected. */
export namespace alarm {
  /** Calls onAlarm at this time, in Unix milliseconds; replaces the one that was set. */
  export function set(atMs: i64): void {
    must("alarm.set", host.alarm_set(atMs), "a time is in Unix milliseconds, as of Date.now()");
  }
  /** Calls onAlarm in this many milliseconds. */
  export function after(delayMs: i64): void {
    set(host.time_ms() + max<i64>(1, delayMs));
  }
  export function clear(): void {
    must("alarm.clear", host.alarm_set(0), "");
  }
}

/** alarm.set; 0 clears it. */
export function setAlarm(atMs: i64): void {
  alarm.set(atMs);
}

// ---- saved state ---------------------------------------------------------------------------------

/** Saves a string, Uint8Array or ArrayBuffer for onOpen of the room's next instance. The last one wins. */
export function saveState<T>(state: T): void {
  if (isNullable<T>() && state === null) throw new Error("null cannot be saved");
  let e: i32 = 0;
  if (isString<T>()) {
    const p = enc(changetype<string>(state));
    e = host.state_save(p, encLen);
  } else if (state instanceof Uint8Array) {
    e = host.state_save(state.dataStart, state.length);
  } else if (state instanceof ArrayBuffer) {
    e = host.state_save(changetype<usize>(state), state.byteLength);
  } else {
    ERROR("only a string, a Uint8Array or an ArrayBuffer can be saved; a number: value.toString()");
  }
  must("saveState", e, "a state has at most 1 MiB");
}

/** What the room saved last; onOpen has null instead if that was nothing. */
export class Saved {
  /** As it was saved. */
  readonly bytes: Uint8Array = payloadBytes();
  /** Handlers ran, or may have run, since it was saved: it is older than what people saw. */
  readonly isStale: bool = (payloadFlags & Flag.STALE) != 0;

  get text(): string {
    return decode(this.bytes.dataStart, this.bytes.length);
  }
  toString(): string {
    return this.text;
  }
}

// ---- the log -------------------------------------------------------------------------------------

/** Writes a line to the service's log. */
export function log(message: string): void {
  line(1, message);
}
export function debug(message: string): void {
  line(0, message);
}
export function warn(message: string): void {
  line(2, message);
}
export function error(message: string): void {
  line(3, message);
}

function handlerName(kind: u32): string {
  switch (kind) {
    case 0: return "onOpen";
    case 1: return "onJoin";
    case 2: return "onMessage";
    case 3: return "onLeave";
    case 4: return "onTimer";
    case 5: return "onAlarm";
    case 6: return "onRequest";
    case 7: return "onSave";
    case 8: return "onError";
    case 9: return "onClose";
    case 10: return "onBackpressure";
  }
  return "";
}

/** What onError is told: a call before this one failed and its events were dropped. */
export class CallError {
  /** The handler that failed. */
  readonly handler: string;
  /** The connection it was about, if it is still here. */
  readonly connection: Connection | null;
  /** 13: it threw; 12: it trapped; 14: out of time; 10: out of memory; 7: a kv.sync was not acknowledged. */
  readonly code: i32;
  readonly message: string;

  /** Reads the payload: u32 call kind, u32 connection, u32 code, u32 n, message. */
  constructor() {
    const p = payload();
    const kind = load<u32>(p), handle = load<u32>(p, 4);
    this.handler = handlerName(kind);
    this.connection = handle ? connOf(handle) : null;
    this.code = load<i32>(p, 8);
    this.message = decode(p + 16, load<u32>(p, 12));
  }
  toString(): string {
    return this.handler + ": " + this.message;
  }
}
