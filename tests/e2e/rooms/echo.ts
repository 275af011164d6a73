// SPDX-License-Identifier: Apache-2.0
import { Connection, Message } from "ramp-sdk";

export function onMessage(conn: Connection, msg: Message): void {
  conn.send(msg);
}
