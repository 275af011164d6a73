// SPDX-License-Identifier: Apache-2.0
// index.ts -- what a room imports: import { room, Connection, Message } from "ramp-sdk".
export { Connection, Message, Room, Service, Env, OpenReason, room, service, env } from "./assembly/room";
export { KV, DB, Entry, Entries, Result, kv, db } from "./assembly/storage";
export { FetchInit, Request, Response, fetch, fetchAll } from "./assembly/http";
export { CallError, Saved, alarm, setTimer, clearTimer, setAlarm, saveState, log, debug, warn, error } from "./assembly/calls";
