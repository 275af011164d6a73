// A number that everybody in the room may change. Send "+", "-" or "0"; the room sends the number.
//
// It is an ordinary variable. onSave hands it to the next instance of the room: when a new version is
// deployed, when the room is evicted from memory, ends, or the server restarts.
import { room, Connection } from "ramp-sdk";

let count: i64 = 0;

export function onOpen(saved: string | null): void {
  if (saved !== null) count = I64.parseInt(saved);
}

export function onSave(): string {
  return count.toString();
}

export function onJoin(conn: Connection): void {
  conn.send(count.toString());
}

export function onMessage(conn: Connection, text: string): void {
  if (text == "+") count++;
  else if (text == "-") count--;
  else if (text == "0") count = 0;
  else return;
  room.broadcast(count.toString());
}
