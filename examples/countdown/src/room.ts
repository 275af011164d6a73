// A clock that everybody watches and anybody may start. Messages: "start SECONDS", "pause",
// "resume", "reset". The room sends its state as JSON: {"left":9,"of":10,"running":true}
// GET /countdown/<room> answers with the same state; POST /countdown/<room>/start?seconds=10 starts it.
import { room, Connection, Request, Response, clearTimer, setTimer } from "ramp-sdk";

const TICK = 1;
const LONGEST = 24 * 60 * 60;

let left: i32 = 0;
let total: i32 = 0;
let running: bool = false;

export function onJoin(conn: Connection): void {
  conn.send(state());
}

export function onMessage(conn: Connection, text: string): void {
  const words = text.trim().split(" ");
  if (words[0] == "start") {
    if (words.length < 2 || !start(words[1])) {
      conn.send('{"error":"start takes 1 to ' + LONGEST.toString() + ' seconds"}');
      return;
    }
  } else if (words[0] == "pause") {
    run(false);
  } else if (words[0] == "resume") {
    run(left > 0);
  } else if (words[0] == "reset") {
    left = total;
    run(false);
  } else {
    conn.send('{"error":"say start SECONDS, pause, resume or reset"}');
    return;
  }
  room.broadcast(state());
}

export function onTimer(id: i32): void {
  left--;
  if (left <= 0) run(false);
  room.broadcast(state());
}

export function onRequest(req: Request): Response {
  if (req.method == "GET") return Response.json(state());
  if (req.method == "POST" && req.path == "/start") {
    const seconds = req.query("seconds");
    if (seconds === null || !start(seconds)) return new Response("which number of seconds?", 400);
    room.broadcast(state());
    return Response.json(state());
  }
  return new Response("GET, or POST /start?seconds=10", 404);
}

function start(seconds: string): bool {
  const n = I32.parseInt(seconds); // 0 if it is no number
  if (n < 1 || n > LONGEST) return false;
  total = n;
  left = n;
  run(true);
  return true;
}

/** Starts the tick anew, or ends it. */
function run(on: bool): void {
  running = on;
  if (on) setTimer(TICK, 1000, 1000);
  else clearTimer(TICK);
}

function state(): string {
  return `{"left":${left},"of":${total},"running":${running}}`;
}
