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
export interface RoomOptions {
  mode?: "debug" | "release";
  wasm?: Uint8Array;
  id?: string;
  service?: string;
  version?: string;
  /** Unix milliseconds at the start. */
  now?: number;
  env?: Record<string, string>;
  kv?: Map<string, Uint8Array>;
  serviceKv?: Map<string, Uint8Array>;
  db?: Map<string, Uint8Array>;
  saved?: Uint8Array | null;
  /** kv, db and fetch answer UNAVAILABLE. */
  offline?: boolean;
  /** Reads answer through wait, as if nothing were at hand. */
  cold?: boolean;
  random?: (bytes: number) => Uint8Array;
  fetch?: (request: FetchRequest) => FetchAnswer | number;
}
export interface FetchRequest { method: string; url: string; headers: string; body: Uint8Array; text: string; timeout_ms: number }
export interface FetchAnswer { status: number; headers?: string; body?: string | Uint8Array }
export interface Place { name: string; file: string; line: number; col: number }
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
  readonly events: RoomEvent[];
  readonly logs: { level: string; text: string }[];
  readonly failures: HandlerError[];
  readonly kv: Map<string, Uint8Array>;
  readonly db: Map<string, Uint8Array>;
  readonly memory: WebAssembly.Memory;
  fetch: (request: FetchRequest) => FetchAnswer | number;
  join(info?: string | ConnectionInfo): TestConnection;
  leave(conn: TestConnection, code?: number): void;
  request(method: string, url?: string, options?: ConnectionInfo & { body?: string | Uint8Array }): { status: number; headers: string; text: string; bytes: Uint8Array };
  advance(ms: number): void;
  reload(target?: string | null, options?: { reason?: number; mode?: "debug" | "release" }): Promise<void>;
  restart(reason?: number, flags?: number): void;
  close(): void;
  backpressure(conn: TestConnection): void;
}
/** Builds the room in this file or folder and opens it in a host in JavaScript. */
export function openRoom(target: string, options?: RoomOptions): Promise<TestRoom>;
