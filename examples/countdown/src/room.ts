// A clock that everybody watches and anybody may start. Messages: "start SECONDS", "pause",
// "resume", "reset". The room sends its state as JSON: {"left":9,"of":10,"running":true}
// GET /countdown/<room> answers with the same state; POST /countdown/<room>/start?seconds=10 starts it.
//
// The end is an alarm, which is durable: it goes off when nobody is here and after a restart of the
// server. The ticks in between are a timer, which lives with the room, and runs while somebody looks.
import { room, alarm, Connection, Request, Response, clearTimer, saveState, setTimer } from "ramp-sdk";

const TICK = 1;
const LONGEST = 24 * 60 * 60;

let total: i64 = 0; // milliseconds
let left: i64 = 0; // milliseconds, while it does not run
let end: i64 = 0; // when it is over, Unix milliseconds; 0: it does not run

export function onOpen(saved: string | null): void {
  if (saved === null) return;
  const numbers = saved.split(" ");
  total = I64.parseInt(numbers[0]);
  left = I64.parseInt(numbers[1]);
  end = I64.parseInt(numbers[2]);
  tick();
}

export function onJoin(conn: Connection): void {
  conn.send(state());
  tick();
}

export function onLeave(conn: Connection): void {
  tick();
}

export function onMessage(conn: Connection, text: string): void {
  const words = text.trim().split(" ");
  if (words[0] == "start") {
    if (words.length < 2 || !start(words[1])) {
      conn.send('{"error":"start takes 1 to ' + LONGEST.toString() + ' seconds"}');
      return;
    }
  } else if (words[0] == "pause") {
    if (end > 0) stop(max(end - now(), 0));
  } else if (words[0] == "resume") {
    if (end == 0 && left > 0) run(left);
  } else if (words[0] == "reset") {
    stop(total);
  } else {
    conn.send('{"error":"say start SECONDS, pause, resume or reset"}');
    return;
  }
  room.broadcast(state());
}

export function onTimer(id: i32): void {
  if (end > now()) room.broadcast(state()); // at the end itself onAlarm speaks
}

export function onAlarm(): void {
  if (end > now()) return; // set anew since
  stop(0);
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

function now(): i64 {
  return Date.now() as i64;
}

function start(seconds: string): bool {
  const n = I32.parseInt(seconds); // 0 if it is no number
  if (n < 1 || n > LONGEST) return false;
  total = (n as i64) * 1000;
  run(total);
  return true;
}

function run(time: i64): void {
  left = 0;
  end = now() + time;
  alarm.set(end);
  keep();
}

function stop(time: i64): void {
  left = time;
  end = 0;
  alarm.clear();
  keep();
}

function keep(): void {
  tick();
  saveState(`${total} ${left} ${end}`);
}

/** Ticks at each full second of the time left, while it runs and somebody is here. */
function tick(): void {
  if (end <= now() || room.size == 0) {
    clearTimer(TICK);
    return;
  }
  const rest = (end - now()) % 1000;
  setTimer(TICK, rest < 10 ? rest + 1000 : rest, 1000);
}

function state(): string {
  const time = end > 0 ? max(end - now(), 0) : left;
  return `{"left":${(time + 999) / 1000},"of":${total / 1000},"running":${end > 0}}`;
}
