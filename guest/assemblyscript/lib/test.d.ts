// SPDX-License-Identifier: Apache-2.0
// What ramp-sdk/test exports, for editors.

export interface ConnectionInfo {
  id?: string;
  user?: string;
  ip?: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  claims?: Record<string, string>;
}
/** What a kv or db holds: a Map from keys to bytes, and the faults that a test may ask of it. */
export class Store extends Map<string, Uint8Array> {
  constructor(content?: Content);
  set(key: string, value: string | Uint8Array | ArrayBuffer): this;
  /** How every access fails. A db that fails also fails commits; null ends it. */
  failing: "unavailable" | "timeout" | null;
  /** Milliseconds of the room's clock that a read takes; above 0 the handler waits. */
  delayMs: number;
  /** The value as text; null if there is none. */
  text(key: string): string | null;
  /** All of it as text, in the order of keys. */
  texts(): Record<string, string>;
}
export type Content = Store | Map<string, string | Uint8Array> | Record<string, string | Uint8Array>;

export interface RoomOptions {
  mode?: "debug" | "release";
  wasm?: Uint8Array;
  id?: string;
  service?: string;
  version?: string;
  /** Unix milliseconds at the start. */
  now?: number;
  env?: Record<string, string>;
  /** What is stored at the start. The Store of another room, handed on as it is, is shared with it. */
  kv?: Content;
  serviceKv?: Content;
  db?: Content;
  /** What the room saved in an earlier life. */
  saved?: string | Uint8Array | null;
  /** Why onOpen runs first; 0 Fresh. */
  reason?: number;
  /** kv, db and fetch cannot be reached. */
  offline?: boolean;
  /** Reads answer through wait, as if nothing were at hand. */
  cold?: boolean;
  random?: (bytes: number) => Uint8Array;
  fetch?: (request: FetchRequest) => FetchAnswer | number;
}
export interface FetchRequest { method: string; url: string; headers: string; body: Uint8Array; text: string; timeout_ms: number }
/** delay_ms: time of the room's clock that the answer takes. */
export interface FetchAnswer { status: number; headers?: string; body?: string | Uint8Array; delay_ms?: number }
export interface Place { name: string; file: string; line: number; col: number }
/** Status 0: the answer still waits for a commit; it is filled in when that is done. */
export interface Answer { status: number; headers: string; readonly text: string; bytes: Uint8Array }
export interface RoomEvent { type: string; connection?: number; payload?: string | Uint8Array; [field: string]: unknown }

/** What a failed handler threw. */
export class HandlerError extends Error {
  reason: string;
  call: string;
  /** "file:line:col" of the room's source. */
  where: string;
  places: Place[];
  trap: boolean;
}
export class TestConnection {
  readonly id: string;
  readonly handle: number;
  readonly got: (string | Uint8Array)[];
  readonly last: string | Uint8Array | undefined;
  readonly closed: { code: number; reason: string } | null;
  send(message: string | Uint8Array | ArrayBuffer): void;
  take(): (string | Uint8Array)[];
  leave(code?: number): void;
}
export class TestRoom {
  readonly now: number;
  /** Everything that was carried out, in order. */
  readonly events: RoomEvent[];
  readonly logs: { level: string; text: string }[];
  /** Failed handlers, newest last. */
  readonly failures: HandlerError[];
  /** How many calls were lost with their commit. */
  readonly lost: number;
  readonly kv: Store;
  readonly serviceKv: Store;
  readonly db: Store;
  /** What was saved last, as text; null if nothing was. */
  readonly saved: string | null;
  /** When the alarm is due, in Unix milliseconds; 0 if it is not set. */
  readonly alarm: number;
  readonly memory: WebAssembly.Memory;
  /** What answers the room's fetch(); a number is an error of the host, as -6 for no answer in time. */
  fetch: (request: FetchRequest) => FetchAnswer | number;
  /** kv, db and fetch cannot be reached. */
  offline: boolean;
  join(info?: string | ConnectionInfo): TestConnection;
  connection(id: string): TestConnection | undefined;
  leave(conn: TestConnection, code?: number): void;
  request(method: string, url?: string, options?: ConnectionInfo & { body?: string | Uint8Array }): Answer;
  backpressure(conn: TestConnection): void;
  /** Moves the clock; timers and the alarm that become due run in their order. */
  advance(ms: number): void;

  /** A new version: onSave, then onOpen(NewVersion). Connections stay. If onOpen fails, the old one stays, too. */
  reload(target?: string | null, options?: { reason?: number; mode?: "debug" | "release" }): Promise<void>;
  /** Evicted or moved: onSave; the next call opens it (Moved). Connections stay. False: a room with timers, or without an onSave, is left alone. */
  evict(): boolean;
  /** The server stops and starts again: onSave, connections close with 1012; the next call opens it (Moved). */
  stop(): void;
  /** The server is killed: no handler runs, connections are gone, saved state is stale. */
  crash(): void;
  /** The end of a room that nobody is in: onSave, onClose; its next life begins Fresh. */
  end(): void;
  /** A new instance, as after a trap. */
  restart(reason?: number, flags?: number): void;
  close(): void;

  /** From now on commits stay open, and what depends on them waits. */
  holdCommits(): void;
  /** The held commits succeed; what waited leaves. */
  releaseCommits(): void;
  /** The held commits fail; if none is held, the next one does. */
  failCommits(): void;
}
/** Builds the room in this file or folder and opens it in a host in JavaScript. */
export function openRoom(target: string, options?: RoomOptions): Promise<TestRoom>;
