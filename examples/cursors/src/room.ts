// Everybody's cursor on everybody's screen. All messages are binary, numbers little-endian.
//   from a client   u16 x, u16 y                      where its cursor is, 0 … 65535 of the page
//   to a client     u8 1, u32 id                      who you are
//                   u8 2, { u32 id, u16 x, u16 y } …  cursors that moved
//                   u8 3, u32 id                      a cursor that has gone
// Moves are gathered: at most one message in 30 ms, whatever the number of cursors.
import { room, Connection, setTimer } from "ramp-sdk";

const FLUSH = 1;
const EVERY_MS = 30;

class Cursor {
  x: u16 = 0;
  y: u16 = 0;
  placed: bool = false;
  moved: bool = false;
}

let flushing = false;

export function onJoin(conn: Connection): void {
  conn.send(note(1, conn.handle));
  const others = positions(false);
  if (others.length > 1) conn.send(others);
}

export function onMessage(conn: Connection, bytes: Uint8Array): void {
  if (bytes.length != 4) return;
  const cursor = cursorOf(conn);
  cursor.x = load<u16>(bytes.dataStart);
  cursor.y = load<u16>(bytes.dataStart, 2);
  cursor.placed = true;
  cursor.moved = true;
  if (!flushing) {
    flushing = true;
    setTimer(FLUSH, EVERY_MS);
  }
}

export function onTimer(id: i32): void {
  flushing = false;
  const moved = positions(true);
  if (moved.length > 1) room.broadcast(moved);
}

export function onLeave(conn: Connection): void {
  room.broadcast(note(3, conn.handle));
}

function cursorOf(conn: Connection): Cursor {
  if (conn.data === null) conn.data = new Cursor();
  return conn.data as Cursor;
}

/** A message of a kind and an id. */
function note(kind: u8, id: u32): Uint8Array {
  const m = new Uint8Array(5);
  m[0] = kind;
  store<u32>(m.dataStart, id, 1);
  return m;
}

/** Where the cursors are: all that have a place, or only those that moved since the last time. */
function positions(movedOnly: bool): Uint8Array {
  const all = room.connections();
  const m = new Uint8Array(1 + all.length * 8);
  m[0] = 2;
  let at = 1;
  for (let i = 0; i < all.length; i++) {
    const cursor = cursorOf(all[i]);
    if (movedOnly ? !cursor.moved : !cursor.placed) continue;
    if (movedOnly) cursor.moved = false;
    store<u32>(m.dataStart + at, all[i].handle);
    store<u16>(m.dataStart + at, cursor.x, 4);
    store<u16>(m.dataStart + at, cursor.y, 6);
    at += 8;
  }
  return m.slice(0, at);
}
