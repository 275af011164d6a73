// SPDX-License-Identifier: Apache-2.0
// broadcast.ts -- for `ramp bench`: sends each message to everybody in the room.
import { room, Connection, Message } from "ramp-sdk";

export function onMessage(conn: Connection, msg: Message): void {
  room.broadcast(msg);
}
