// SPDX-License-Identifier: Apache-2.0
// A room that does with its storage what it is told: one JSON-free line per message, its answer to the sender.
import { room, service, kv, db, alarm, setTimer, Connection, Message, OpenReason, Saved, CallError } from "ramp-sdk";

let count: i32 = 0;
let opened: string = "";

export function onOpen(reason: OpenReason, saved: Saved | null): void {
  opened = (<i32>reason).toString() + " " + (saved === null ? "none" : saved.text + (saved.isStale ? " stale" : ""));
  if (saved !== null) count = I32.parseInt(saved.text);
}
export function onSave(): string {
  return count.toString();
}
function text(value: string | null): string {
  return value === null ? "null" : value;
}
export function onMessage(conn: Connection, msg: Message): void {
  const words = msg.text.split(" ");
  const verb = words[0];
  const key = words.length > 1 ? words[1] : "";
  const value = words.length > 2 ? words[2] : "";
  if (verb == "count") conn.send((++count).toString());
  else if (verb == "opened") conn.send(opened);
  else if (verb == "set") { db.set(key, value); conn.send("stored " + key); }
  else if (verb == "get") conn.send(text(db.get(key)));
  else if (verb == "del") { db.del(key); conn.send("deleted " + key); }
  else if (verb == "list") {
    const found = db.list(key, 1000);
    let line = "";
    for (let i = 0; i < found.length; i++) line += found[i].key + "=" + found[i].text + ";";
    conn.send(line + (found.more ? " more" : ""));
  }
  else if (verb == "kvset") { kv.set(key, value); conn.send("kept " + key); }
  else if (verb == "kvsync") { kv.set(key, value); kv.sync(); conn.send("synced " + key); }
  else if (verb == "kvget") conn.send(text(kv.get(key)));
  else if (verb == "shareset") { service.kv.set(key, value); service.kv.sync(); conn.send("shared " + key); }
  else if (verb == "shareget") conn.send(text(service.kv.get(key)));
  else if (verb == "alarm") { alarm.after(I64.parseInt(key)); conn.send("set"); }
  else if (verb == "settrap") { db.set(key, value); conn.send("never"); unreachable(); }
  else if (verb == "timer") { setTimer(1, I64.parseInt(key)); conn.send("set"); }
  else conn.send("what? " + verb);
}
export function onTimer(id: i32): void {
  room.broadcast("timer");
}
export function onAlarm(): void {
  const before = db.get("alarms");
  const n = before === null ? 1 : I32.parseInt(before) + 1;
  db.set("alarms", n.toString());
  room.broadcast("alarm " + n.toString());
}
export function onError(error: CallError): void {
  room.broadcast("error " + error.handler);
}
