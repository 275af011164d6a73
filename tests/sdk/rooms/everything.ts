// SPDX-License-Identifier: Apache-2.0
// Does one thing of the API for each message "COMMAND ARGUMENT".
import {
  room, service, env, kv, db, fetch, fetchAll, log, debug, warn, error, setTimer, clearTimer, setAlarm, saveState,
  CallError, Connection, FetchInit, Message, OpenReason, Request, Response,
} from "ramp-sdk";

class Player {
  score: i32 = 0;
  constructor(public name: string) {}
}
let opened = "not yet";
let kept: Message | null = null;
let left: Connection | null = null;
let lastError = "none";
const store = new Map<string, string[]>();
const early = Date.now();
log("top level runs");

export function onOpen(saved: string | null, reason: OpenReason): void {
  opened = reason.toString() + ":" + (saved === null ? "nothing" : saved);
}
export function onJoin(conn: Connection): void {
  conn.data = new Player(conn.id);
  room.broadcast(conn.id + " joined");
  room.broadcast("others only", conn);
}
export function onLeave(conn: Connection, code: i32): void {
  left = conn;
  const sent = conn.send("x"), closed = conn.close();
  room.broadcast(`${conn.id} left ${code} ${conn.query("name")} ${sent} ${closed} ${conn.open} ${room.connections().length} ${(conn.data as Player).name}`);
}
export function onTimer(id: i32): void {
  room.broadcast("timer " + id.toString());
}
export function onAlarm(): void {
  room.broadcast("alarm");
}
export function onSave(): string {
  return "state of " + store.size.toString();
}
export function onClose(): void {
  log("closing");
}
export function onError(err: CallError): void {
  lastError = `${err.handler}|${err.message}|${err.connection ? err.connection!.id : "-"}`;
}
export function onBackpressure(conn: Connection): void {
  log("slow: " + conn.id);
}
export function onRequest(req: Request): Response {
  if (req.path == "/throw") throw new Error("no answer");
  if (req.path == "/bytes") return Response.bytes(req.bytes, "image/png", 201).setHeader("X-A", "1");
  if (req.path == "/bad") return new Response("x", 99);
  if (req.path == "/big") return new Response("x".repeat(2 << 20));
  const q = req.query("q");
  return Response.json(`${req.method} ${req.path} ${req.url} ${q === null ? "-" : q!} ${req.header("x-b")} ${req.user} ${req.ip} ${req.text}`);
}

function text(s: string | null): string {
  return s === null ? "null" : s;
}

export function onMessage(conn: Connection, msg: Message): void {
  if (msg.isBinary) {
    const bytes = msg.bytes;
    if (bytes.length > 0 && bytes[0] == 1) conn.send(bytes);
    else if (bytes.length > 0 && bytes[0] == 2) conn.send(msg.buffer);
    else if (bytes.length > 0 && bytes[0] == 3) conn.send(msg.text);
    else room.broadcast(msg);
    return;
  }
  const t = msg.text, i = t.indexOf(" ");
  const cmd = i < 0 ? t : t.substring(0, i), arg = i < 0 ? "" : t.substring(i + 1);
  if (cmd == "echo") room.broadcast(arg);
  else if (cmd == "raw") room.broadcast(msg);
  else if (cmd == "same") room.broadcast(msg.text);
  else if (cmd == "reply") conn.send(msg);
  else if (cmd == "len") conn.send(msg.length.toString() + " " + arg.length.toString());
  else if (cmd == "lone") conn.send("<" + String.fromCharCode(0xd800) + "a" + String.fromCharCode(0xdc00) + String.fromCharCode(0xd83d) + ">");
  else if (cmd == "units") {
    let s = "";
    for (let j = 0; j < arg.length; j += 4) s += String.fromCharCode(<i32>parseInt(arg.substring(j, j + 4), 16));
    conn.send(s);
  }
  else if (cmd == "except") {
    const c = room.connection(arg);
    room.broadcast("not " + arg, c);
  }
  else if (cmd == "exceptleft") room.broadcast("all", left);
  else if (cmd == "who") {
    const all = room.connections();
    let ids = all.length.toString() + "/" + room.size.toString() + ":";
    for (let j = 0; j < all.length; j++) ids += " " + all[j].id;
    conn.send(ids);
  }
  else if (cmd == "count") conn.send(room.connections().length.toString());
  else if (cmd == "info") conn.send(`${room.id} ${room.service} ${room.version} ${service.name}`);
  else if (cmd == "conn") conn.send(`${conn.id} ${conn.user} ${conn.ip} ${text(conn.query("name"))} ${text(conn.query("none"))} ${text(conn.header("User-Agent"))} ${text(conn.claim("role"))} ${conn}`);
  else if (cmd == "env") conn.send(text(env.get(arg)));
  else if (cmd == "score") {
    const p = conn.data as Player;
    p.score += 5;
    conn.send(p.name + " " + p.score.toString());
  }
  else if (cmd == "sendto") {
    const c = room.connection(arg);
    conn.send(c === null ? "nobody" : c!.send("for you").toString());
  }
  else if (cmd == "sendleft") conn.send(left!.send("x").toString() + left!.close(4000, "x").toString());
  else if (cmd == "close") conn.close(4001, arg);
  else if (cmd == "timer") setTimer(<i32>parseInt(arg), 50);
  else if (cmd == "every") room.setTimer(<i32>parseInt(arg), 20, 30);
  else if (cmd == "clear") clearTimer(<i32>parseInt(arg));
  else if (cmd == "soon") setTimer(1, 3);
  else if (cmd == "alarm") setAlarm(<i64>Date.now() + 500);
  else if (cmd == "save") saveState(arg);
  else if (cmd == "opened") conn.send(opened);
  else if (cmd == "error") conn.send(lastError);
  else if (cmd == "log") { debug("d"); log("i"); warn("w"); error("e"); console.log("c"); console.warn("cw"); console.error("ce"); console.debug("cd"); }
  else if (cmd == "time") conn.send((Date.now() == early).toString() + " " + Date.now().toString() + " " + new Date(<i64>Date.now()).getUTCFullYear().toString());
  else if (cmd == "random") { const a = Math.random(), b = Math.random(); conn.send((a >= 0 && a < 1 && a != b).toString()); }
  else if (cmd == "throw") { room.broadcast("never sent"); throw new Error("boom " + arg); }
  else if (cmd == "long") throw new Error(arg.repeat(2000));
  else if (cmd == "many") { for (let j = 0; j < 5000; j++) room.broadcast("x"); }
  else if (cmd == "keep") kept = msg;
  else if (cmd == "usekept") log(kept!.text + kept!.bytes.length.toString());
  else if (cmd == "put") {
    const eq = arg.indexOf("="), k = arg.substring(0, eq);
    if (!store.has(k)) store.set(k, []);
    const list = store.get(k);
    list.push(arg.substring(eq + 1));
    if (list.length > 5) list.shift();
  }
  else if (cmd == "dump") conn.send(store.has(arg) ? store.get(arg).join(",") : "-");
  // ---- storage
  else if (cmd == "kvset") { kv.set("k:" + arg, arg + "!", 1000); conn.send(text(kv.get("k:" + arg))); }
  else if (cmd == "kvget") conn.send(text(kv.get(arg)));
  else if (cmd == "kvtry") { const r = kv.tryGet(arg); conn.send(`${r.ok} ${r.found} ${r.error} ${text(r.text)}`); }
  else if (cmd == "kvdel") { kv.del(arg); conn.send(text(kv.get(arg))); }
  else if (cmd == "kvsync") kv.sync();
  else if (cmd == "kvbytes") {
    const b = new Uint8Array(3);
    b[0] = 0; b[1] = 255; b[2] = 7;
    kv.set("bytes", b);
    kv.set("buffer", b.buffer);
    conn.send(kv.getBytes("bytes")!);
    conn.send(kv.getBytes("buffer")!);
  }
  else if (cmd == "svcset") { service.kv.set("s", arg); conn.send(text(service.kv.get("s")) + text(kv.get("s"))); }
  else if (cmd == "dbset") { db.set(arg, "v" + arg); conn.send(text(db.get(arg))); }
  else if (cmd == "dbdel") { db.del(arg); conn.send(text(db.get(arg))); }
  else if (cmd == "dblist") {
    const words = arg.split(" ");
    const r = db.list(words[0], <i32>parseInt(words[1]), words.length > 2 ? words[2] : "");
    let s = `${r.length} ${r.more}`;
    for (let j = 0; j < r.length; j++) s += " " + r.entries[j].key + "=" + r[j].text;
    conn.send(s);
  }
  else if (cmd == "fetch") { const r = fetch(arg); conn.send(`${r.status} ${r.ok} ${r.text} ${text(r.header("X-T"))} ${r.error}`); }
  else if (cmd == "post") {
    const init = new FetchInit();
    init.method = "POST";
    init.headers = "x-a: b\n";
    init.body = "héllo";
    conn.send(fetch(arg, init).text);
  }
  else if (cmd == "fetchall") {
    const r = fetchAll(arg.split(","));
    let s = "";
    for (let j = 0; j < r.length; j++) s += `${r[j].status}${r[j].text};`;
    conn.send(s);
  }
}
