// SPDX-License-Identifier: Apache-2.0
// Does what it is told, and what it is told is bad.
import { room, Connection, Message } from "ramp-sdk";

let kept: ArrayBuffer[] = [];
function recurse(n: i32): i32 {
  return n == -1 ? 0 : recurse(n + 1) + 1;
}
export function onMessage(conn: Connection, msg: Message): void {
  const what = msg.text;
  if (what == "throw") throw new Error("thrown on purpose");
  if (what == "loop") for (let i: u64 = 0; ; i++) if (i == u64.MAX_VALUE) break;
  if (what == "recurse") conn.send(recurse(0).toString());
  if (what == "grow") for (;;) kept.push(new ArrayBuffer(1 << 20));
  if (what == "emit") for (let i = 0; i < 10000; i++) room.broadcast("event " + i.toString());
  if (what == "index") {
    const a: i32[] = [1];
    conn.send(a[msg.length + 5].toString());
  }
  if (what == "unreachable") unreachable();
  conn.send("fine: " + what);
}
