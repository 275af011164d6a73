// Tic-tac-toe for two, and any number who watch. Who loses the connection, or reloads the page, gets the
// seat back: it is kept for 30 s, and belongs to a key that the page makes up and nobody else sees
// (?key=), or to the user of a token.
//   to the room     play N           puts a mark on field N, 0 to 8
//                   again            a new game, when this one is over
//   from the room   you X            your seat: X, O, or - to watch
//                   game BOARD TURN  nine of X, O and . and whose turn it is; - when it is over
//                                    then a line "STATE NAME" for X and one for O; STATE is here, away
//                                    or free; then the number of those who watch
import { room, Connection, clearTimer, saveState, setTimer } from "ramp-sdk";

const SEAT_KEPT_MS = 30000;
const LONGEST_NAME = 24;
const MARKS = ["X", "O"];
const LINES: i32[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 3, 6, 1, 4, 7, 2, 5, 8, 0, 4, 8, 2, 4, 6];

/** A seat is free (key ""), taken by somebody who is here, or kept for somebody who is away. */
class Seat {
  key: string = "";
  name: string = "";
  conn: Connection | null = null;
}

const seats: Seat[] = [new Seat(), new Seat()];
let board: string[] = new Array<string>(9).fill(".");
let turn: i32 = 0; // whose turn, 0 or 1; -1: the game is over
let first: i32 = 0; // who began
let kept = ""; // state() as it was saved last

/** Also after a new version, an eviction or a restart of the server; sockets may have stayed open. */
export function onOpen(saved: string | null): void {
  if (saved !== null) {
    const lines = saved.split("\n");
    board = lines[0].split("");
    turn = I32.parseInt(lines[1]);
    first = I32.parseInt(lines[2]);
    for (let s = 0; s < 2; s++) {
      seats[s].key = lines[3 + 2 * s];
      seats[s].name = lines[4 + 2 * s];
    }
  }
  const all = room.connections();
  for (let i = 0; i < all.length; i++) sit(all[i]);
  for (let s = 0; s < 2; s++) {
    if (seats[s].key != "" && seats[s].conn === null) setTimer(s, SEAT_KEPT_MS);
  }
}

/** With it the room may be evicted while sockets are open; it opens again when somebody speaks. */
export function onSave(): string {
  return state();
}

export function onJoin(conn: Connection): void {
  sit(conn);
  changed();
}

export function onLeave(conn: Connection): void {
  const s = seatOf(conn);
  if (s >= 0) {
    seats[s].conn = null;
    setTimer(s, SEAT_KEPT_MS);
  }
  changed();
}

/** A seat was kept long enough: the first who watches gets it, and a new game. */
export function onTimer(s: i32): void {
  if (seats[s].conn !== null) return;
  seats[s] = new Seat();
  first = 0;
  newGame();
  const all = room.connections();
  for (let i = 0; i < all.length && seats[s].conn === null; i++) {
    if (seatOf(all[i]) < 0) sit(all[i]);
  }
  changed();
}

export function onMessage(conn: Connection, text: string): void {
  const s = seatOf(conn);
  if (s < 0) return;
  if (text == "again" && turn < 0) {
    first = 1 - first;
    newGame();
  } else if (text.startsWith("play ") && s == turn && seats[1 - s].key != "") {
    const field = text.charCodeAt(5) - 48;
    if (text.length != 6 || field < 0 || field > 8 || board[field] != ".") return;
    board[field] = MARKS[s];
    turn = isOver() ? -1 : 1 - s;
  } else {
    return;
  }
  changed();
}

/** Gives a connection its seat back, or a free one, or none. */
function sit(conn: Connection): void {
  const key = keyOf(conn);
  for (let s = 0; s < 2; s++) {
    if (seats[s].key == key) return take(s, conn, key);
  }
  for (let s = 0; s < 2; s++) {
    if (seats[s].key == "") return take(s, conn, key);
  }
  conn.send("you -");
}

function take(s: i32, conn: Connection, key: string): void {
  const old = seats[s].conn;
  if (old !== null && old != conn) old.close(4409, "you play in another window now");
  seats[s].key = key;
  seats[s].name = nameFor(conn);
  seats[s].conn = conn;
  clearTimer(s);
  conn.send("you " + MARKS[s]);
}

function seatOf(conn: Connection): i32 {
  return seats[0].conn == conn ? 0 : seats[1].conn == conn ? 1 : -1;
}

function newGame(): void {
  board.fill(".");
  turn = first;
}

function isOver(): bool {
  for (let i = 0; i < LINES.length; i += 3) {
    const mark = board[LINES[i]];
    if (mark != "." && mark == board[LINES[i + 1]] && mark == board[LINES[i + 2]]) return true;
  }
  return board.indexOf(".") < 0;
}

/** After every change: everybody sees it, and the game is kept. What is sent leaves when it is. */
function changed(): void {
  const lines = ["game " + board.join("") + " " + (turn < 0 ? "-" : MARKS[turn])];
  let players = 0;
  for (let s = 0; s < 2; s++) {
    const seat = seats[s];
    lines.push((seat.key == "" ? "free" : seat.conn === null ? "away" : "here") + " " + seat.name);
    if (seat.conn !== null) players++;
  }
  lines.push((room.size - players).toString());
  room.broadcast(lines.join("\n"));
  const now = state();
  if (now == kept) return; // somebody came or went who only watches
  saveState(now);
  kept = now;
}

function state(): string {
  const lines = [board.join(""), turn.toString(), first.toString()];
  for (let s = 0; s < 2; s++) {
    lines.push(seats[s].key);
    lines.push(seats[s].name);
  }
  return lines.join("\n");
}

function keyOf(conn: Connection): string {
  const key = conn.query("key");
  return oneLine(conn.user.length > 0 ? "user " + conn.user : key !== null && key.length > 0 ? "key " + key : "id " + conn.id);
}

function nameFor(conn: Connection): string {
  const given = conn.query("name");
  const name = oneLine(conn.user.length > 0 ? conn.user : given === null ? "" : given).trim();
  return name.length > 0 ? name.substring(0, LONGEST_NAME) : "guest " + conn.id.substring(0, 4);
}

function oneLine(s: string): string {
  return s.replaceAll("\n", " ").replaceAll("\r", " ");
}
