// SPDX-License-Identifier: Apache-2.0
// calls.ts -- timers, the alarm, saved state, the log, and what onError is told.
import * as host from "./imports";
import { enc, encLen, log as line, must, payload } from "./host";
import { Connection, connOf } from "./room";
import { decode } from "./text";

/** Calls onTimer(id) after delayMs, then every periodMs (0: once). At least 10 ms. Replaces the timer `id`. */
export function setTimer(id: i32, delayMs: i64, periodMs: i64 = 0): void {
  must("setTimer", host.timer_set(id, delayMs, periodMs));
}
export function clearTimer(id: i32): void {
  must("clearTimer", host.timer_clear(id));
}

/** Calls onAlarm at this time (Unix milliseconds), also after a restart; 0 clears. One per room. */
export function setAlarm(atMs: i64): void {
  must("setAlarm", host.alarm_set(atMs));
}

/** Saves a string, Uint8Array or ArrayBuffer for onOpen of the room's next instance. The last one wins. */
export function saveState<T>(state: T): void {
  if (isString<T>()) {
    const p = enc(changetype<string>(state));
    must("saveState", host.state_save(p, encLen));
  } else if (state instanceof Uint8Array) {
    must("saveState", host.state_save(state.dataStart, state.length));
  } else if (state instanceof ArrayBuffer) {
    must("saveState", host.state_save(changetype<usize>(state), state.byteLength));
  } else {
    ERROR("only a string, a Uint8Array or an ArrayBuffer can be saved");
  }
}

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
