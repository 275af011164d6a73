// SPDX-License-Identifier: Apache-2.0
// State in a global, timers, requests, every event that works so far.
import { room, Connection, Message, Request, Response, setTimer, clearTimer } from "ramp-sdk";

let count: i32 = 0;
export function onMessage(conn: Connection, msg: Message): void {
  if (msg.text == "tick") { setTimer(1, 50); return; }
  if (msg.text == "beat") { setTimer(2, 20, 20); return; }
  if (msg.text == "quiet") { clearTimer(2); return; }
  if (msg.text == "everything") {
    room.broadcast("to all");
    room.broadcast("to others", conn);
    conn.send("to you");
    const bytes = new Uint8Array(3);
    bytes[0] = 0; bytes[1] = 255; bytes[2] = 7;
    conn.send(bytes);
    setTimer(7, 60000, 1000);
    clearTimer(7);
    conn.close(4001, "bye");
    return;
  }
  count++;
  conn.send(count.toString());
}
export function onTimer(id: i32): void {
  room.broadcast("timer " + id.toString());
}
export function onRequest(request: Request): Response {
  if (request.path == "/throw") throw new Error("no answer");
  return new Response(request.method + " " + request.url + " " + request.text);
}
