// Five seconds: stop a clock that you cannot see. Who comes nearest leads the room's board, and the best
// of all rooms is told in every room. The room measures, so there is nothing to cheat with.
//   to the room     start            the clock runs
//                   stop             how near to five seconds was that?
//   from the room   you NAME         who you are; it is ?name=, or the user of your token
//                   go               the clock runs
//                   off MS SIGNED    how far off you were; early is below zero
//                   top              then a line "MS NAME" for each of the ten best
//                   record MS        then the name, then the room: the best of all rooms
import { room, service, db, Connection, clearTimer, setTimer } from "ramp-sdk";

const GOAL_MS = 5000;
const LONGEST_MS = 60000;
const LONGEST_NAME = 24;
const SHOWN = 10;
const KEPT = 100;
const LOOK = 1; // timer: has another room set a record?
const LOOK_EVERY_MS = 1000;

let record = ""; // as it was last told here

class Player {
  started: i64 = 0; // Unix milliseconds; 0: the clock does not run
  constructor(public name: string) {}
}

export function onOpen(): void {
  if (room.size > 0) setTimer(LOOK, LOOK_EVERY_MS, LOOK_EVERY_MS); // a new instance starts without timers
}

export function onJoin(conn: Connection): void {
  conn.send("you " + player(conn).name);
  conn.send(top());
  tellRecord(conn);
  if (room.size == 1) setTimer(LOOK, LOOK_EVERY_MS, LOOK_EVERY_MS);
}

export function onLeave(conn: Connection): void {
  if (room.size == 0) clearTimer(LOOK); // an empty room with a timer would never end
}

/** Two rooms may set a record in the same second, and the last one to write wins: the better one writes again. */
export function onTimer(id: i32): void {
  const latest = service.kv.get("record");
  if (latest === null || latest == record) return;
  if (record != "" && msOf(record) < msOf(latest)) {
    service.kv.set("record", record);
    return;
  }
  record = latest;
  room.broadcast("record " + latest);
}

export function onMessage(conn: Connection, text: string): void {
  const me = player(conn);
  if (text == "start") {
    me.started = now();
    conn.send("go");
  } else if (text == "stop" && me.started > 0) {
    const off = now() - me.started - GOAL_MS;
    me.started = 0;
    if (off > LONGEST_MS) return;
    conn.send("off " + off.toString());
    enter(me.name, off < 0 ? -off : off);
  }
}

/**
 * db has "rank/<ms>/<name>", so that listing it gives the best first, and "player/<name>" with the
 * player's best, to find the other key by. What this call writes it also reads: top() has it already.
 */
function enter(name: string, ms: i64): void {
  const before = db.get("player/" + name);
  if (before !== null && I64.parseInt(before) <= ms) return;
  if (before !== null) db.del(rank(I64.parseInt(before), name));
  db.set(rank(ms, name), name);
  db.set("player/" + name, ms.toString());
  forgetLast();
  room.broadcast(top());

  const best = service.kv.get("record");
  if (best !== null && msOf(best) <= ms) return;
  record = ms.toString() + "\n" + name + "\n" + room.id;
  service.kv.set("record", record); // the other rooms look once a second
  room.broadcast("record " + record);
}

/** Of a room's players the best 100 are kept. */
function forgetLast(): void {
  const all = db.list("rank/", KEPT + 1);
  if (all.length <= KEPT) return;
  const last = all[KEPT];
  db.del(last.key);
  db.del("player/" + last.text);
}

function top(): string {
  const lines = ["top"];
  const best = db.list("rank/", SHOWN);
  for (let i = 0; i < best.length; i++) {
    lines.push(I32.parseInt(best[i].key.substring(5, 10)).toString() + " " + best[i].text);
  }
  return lines.join("\n");
}

/** The number that a record begins with. */
function msOf(record: string): i64 {
  return I64.parseInt(record);
}

function rank(ms: i64, name: string): string {
  return "rank/" + ms.toString().padStart(5, "0") + "/" + name;
}

function tellRecord(conn: Connection): void {
  const latest = service.kv.get("record");
  if (latest !== null) conn.send("record " + latest);
}

function player(conn: Connection): Player {
  if (conn.data === null) conn.data = new Player(nameFor(conn));
  return conn.data as Player;
}

function nameFor(conn: Connection): string {
  const given = conn.query("name");
  const raw = conn.user.length > 0 ? conn.user : given === null ? "" : given;
  let name = "";
  for (let i = 0; i < raw.length; i++) {
    if (raw.charCodeAt(i) >= 32) name += raw.charAt(i); // it becomes part of a line, and of a key
  }
  name = name.trim();
  return name.length > 0 ? name.substring(0, LONGEST_NAME) : "guest " + conn.id.substring(0, 4);
}

function now(): i64 {
  return Date.now() as i64;
}
