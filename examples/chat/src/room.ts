import { room, Connection, Message } from "ramp-sdk";

export function onJoin(conn: Connection): void {
  room.broadcast(conn.id + " joined");
}
export function onMessage(conn: Connection, msg: Message): void {
  room.broadcast(msg);
}
export function onLeave(conn: Connection): void {
  room.broadcast(conn.id + " left");
}
