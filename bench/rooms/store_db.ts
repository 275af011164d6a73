// SPDX-License-Identifier: Apache-2.0
// store_db.ts -- for `ramp bench`: writes each message to the db; it goes back when it is stored.
import { db, Connection, Message } from "ramp-sdk";

export function onMessage(conn: Connection, msg: Message): void {
  db.set("last", msg.text);
  conn.send(msg);
}
