// SPDX-License-Identifier: Apache-2.0
// Says what it still has. The rows of docs/state.md's first table: tests/e2e/kept.test.mjs.
import { room, alarm, db, kv, Connection, OpenReason, Saved, setTimer } from "ramp-sdk";

let value = "";
let opened = "";

export function onOpen(reason: OpenReason, saved: Saved | null): void {
  opened = (reason as i32).toString() + " " + (saved === null ? "nothing" : saved.text + (saved.isStale ? " stale" : ""));
  if (saved !== null) value = saved.text;
}
export function onSave(): string {
  return value;
}
export function onTimer(id: i32): void {
  room.broadcast("tick " + id.toString());
}
export function onAlarm(): void {
  room.broadcast("alarm");
  db.set("alarm", "has been");
}
function orDash(text: string | null): string {
  return text === null ? "-" : text;
}
function keep(text: string, timer: i32): void {
  value = text;
  db.set("key", text);
  kv.set("key", text);
  setTimer(timer, 50, 50);
}
/** keep V · alarm MS · throw V · trap V · fill N · what */
export function onMessage(conn: Connection, text: string): void {
  const words = text.split(" ");
  if (words[0] == "keep") {
    keep(words[1], 1);
    conn.send("kept " + words[1]);
  } else if (words[0] == "alarm") {
    alarm.after(I64.parseInt(words[1]));
    conn.send("alarm is set");
  } else if (words[0] == "fill") {
    value = words[1];
    kv.set("key", words[1]);
    db.set("key", words[1]);
    db.set("much " + words[1], "x".repeat(100000));
    conn.send("filled " + words[1]);
  } else if (words[0] == "throw") {
    conn.send("never seen");
    alarm.clear();
    keep(words[1], 2);
    throw new Error("on purpose");
  } else if (words[0] == "trap") {
    keep(words[1], 2);
    unreachable();
  } else {
    const quick = orDash(kv.get("key")), durable = orDash(db.get("key")), rung = orDash(db.get("alarm"));
    conn.send(`global ${value}, kv ${quick}, db ${durable}, opened ${opened}, alarm ${rung}`);
  }
}
