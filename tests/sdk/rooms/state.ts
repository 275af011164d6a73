// SPDX-License-Identifier: Apache-2.0
// A room that keeps things in every place there is. Message "COMMAND ARGUMENT"; what it hears of itself goes to all.
import {
  alarm, clearTimer, db, fetch, kv, log, room, saveState, service, setTimer,
  CallError, Connection, OpenReason, Request, Saved,
} from "ramp-sdk";

let opened = "";
let count = 0;
let failAlarms = false;

export function onOpen(reason: OpenReason, saved: Saved | null): void {
  opened = `${reason} ${saved === null ? "nothing" : saved.text} ${saved !== null && saved.isStale ? "stale" : "fresh"} ${room.size}`;
  if (saved !== null) count = I32.parseInt(saved.text);
  log("opened " + opened);
  if (db.get("open") == "throw") throw new Error("cannot open");
  if (db.get("open") == "write") db.set("opened", "yes");
}
export function onJoin(conn: Connection): void {
  room.broadcast("joined " + conn.id);
}
export function onLeave(conn: Connection, code: i32): void {
  log(`left ${conn.id} ${code}`);
  room.broadcast("left " + conn.id);
}
export function onSave(): string | null {
  if (count == 13) throw new Error("13 is not saved");
  return count < 0 ? null : count.toString();
}
export function onAlarm(): void {
  log("alarm");
  if (failAlarms) throw new Error("no alarm");
  room.broadcast("alarm " + count.toString());
}
export function onTimer(id: i32): void {
  room.broadcast("timer " + id.toString());
}
export function onError(err: CallError): void {
  log(`onError ${err.handler} ${err.code} ${err.message}`);
}
export function onClose(): void {
  log("closed");
}
export function onRequest(req: Request): string {
  db.set("request", req.text);
  if (req.path == "/sync") {
    kv.set("request", req.text);
    kv.sync();
  }
  return "stored";
}

function shown(s: string | null): string {
  return s === null ? "null" : s;
}

export function onMessage(conn: Connection, text: string): void {
  const at = text.indexOf(" "), command = at < 0 ? text : text.substring(0, at), arg = at < 0 ? "" : text.substring(at + 1);
  if (command == "count") { count++; conn.send(count.toString()); }
  else if (command == "is") count = I32.parseInt(arg);
  else if (command == "opened") conn.send(opened);
  else if (command == "save") { saveState(arg); conn.send("saved"); }
  else if (command == "db") { db.set(arg, "v"); conn.send("stored " + arg); }
  else if (command == "del") { db.del(arg); conn.send("deleted " + arg); }
  else if (command == "get") conn.send(shown(db.get(arg)));
  else if (command == "list") {
    const page = db.tryList(arg, 10);
    let keys = page.ok ? "" : "error " + page.error;
    for (let i = 0; i < page.length; i++) keys += page[i].key + " ";
    conn.send(`${keys}${page.last}`);
  }
  else if (command == "big") {
    const r = db.trySet("k".repeat(600), "v"), s = db.trySet("big", new Uint8Array((512 << 10) + 1)), t = kv.trySet("", "v"), u = db.trySet("fits", "v");
    conn.send(`${r.ok} ${r.error}, ${s.error}, ${t.error}, ${u.ok}${u.found}${u.error}`);
  }
  else if (command == "kv") { kv.set(arg, "v", 1000); service.kv.set(arg, "s"); conn.send("kept"); }
  else if (command == "kvget") conn.send(`${shown(kv.get(arg))} ${shown(service.kv.get(arg))}`);
  else if (command == "sync") { kv.set(arg, "v"); kv.sync(); conn.send("synced"); }
  else if (command == "alarm") { alarm.after(I32.parseInt(arg)); conn.send("set"); }
  else if (command == "noalarm") { alarm.clear(); conn.send("cleared"); }
  else if (command == "failalarms") failAlarms = true;
  else if (command == "timer") setTimer(1, I32.parseInt(arg), 10);
  else if (command == "untimer") clearTimer(1);
  else if (command == "plain") conn.send("plain");
  else if (command == "time") {
    const before = Date.now();
    const r = kv.tryGet("x"), s = db.tryGet("x");
    conn.send(`${r.ok ? "ok" : r.error}, ${s.ok ? "ok" : s.error}, ${Date.now() - before}`);
  }
  else if (command == "fetch") { const r = fetch("http://x/"); conn.send(r.status.toString() + " " + r.error); }
  else if (command == "throw") { db.set("thrown", "v"); conn.send("never"); throw new Error("thrown"); }
  else if (command == "trap") { db.set("trapped", "v"); unreachable(); }
  else if (command == "bye") { conn.send("bye"); conn.close(4400, "asked"); }
}
