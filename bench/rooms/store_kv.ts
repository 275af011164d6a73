// SPDX-License-Identifier: Apache-2.0
// store_kv.ts -- for `ramp bench`: keeps each message in kv, then sends it back.
import { kv, Connection, Message } from "ramp-sdk";

export function onMessage(conn: Connection, msg: Message): void {
  kv.set("last", msg.text);
  conn.send(msg);
}
