// SPDX-License-Identifier: Apache-2.0
// echo.ts -- for `ramp bench`: sends each message back to whom it came from.
import { Connection, Message } from "ramp-sdk";

export function onMessage(conn: Connection, msg: Message): void {
  conn.send(msg);
}
