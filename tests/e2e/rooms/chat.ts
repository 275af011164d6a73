// SPDX-License-Identifier: Apache-2.0
import { room, Connection, Message } from "ramp-sdk";

export function onJoin(conn: Connection): void {
  conn.send("you are " + conn.id);
  room.broadcast("+" + conn.id);
}
export function onMessage(conn: Connection, msg: Message): void {
  if (msg.isBinary) room.broadcast(msg);
  else if (msg.text == "who") conn.send(room.connections().length.toString());
  else if (msg.text == "ids") {
    const all = room.connections(), ids: string[] = [];
    for (let i = 0; i < all.length; i++) ids.push(all[i].id);
    conn.send(ids.join(","));
  } else room.broadcast(msg);
}
export function onLeave(conn: Connection): void {
  room.broadcast("-" + conn.id);
}
