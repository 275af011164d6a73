// A chat room that remembers its last 50 messages. Clients get lines of text:
//   you ID NAME         who you are
//   members             then one line "ID NAME" for each who was here before you
//   join ID NAME        somebody came
//   say ID TIME NAME    then what was said, from the second line on; TIME in Unix milliseconds
//   said ID TIME NAME   the same, from before you came
//   leave ID NAME       somebody went
import { room, db, Connection, Message } from "ramp-sdk";

const KEPT = 50;
const LONGEST_NAME = 24;
const LONGEST_MESSAGE = 4000;

const history: string[] = []; // what db has under "said/", oldest first
let next: i32 = 0; // number of the next message

class Member {
  constructor(public name: string) {}
}

export function onOpen(): void {
  const said = db.list("said/", KEPT);
  for (let i = 0; i < said.length; i++) history.push(said[i].text);
  if (said.length > 0) next = I32.parseInt(said.last.substring(5)) + 1;
}

export function onJoin(conn: Connection): void {
  conn.data = new Member(nameFor(conn));
  conn.send("you " + label(conn));
  for (let i = 0; i < history.length; i++) conn.send("said " + history[i]);
  const lines = ["members"];
  const all = room.connections();
  for (let i = 0; i < all.length; i++) {
    if (all[i] != conn) lines.push(label(all[i]));
  }
  conn.send(lines.join("\n")); // not += in a loop: each would copy all that came before
  room.broadcast("join " + label(conn), conn);
}

export function onMessage(conn: Connection, msg: Message): void {
  if (msg.isBinary || msg.length == 0) return;
  if (msg.length > LONGEST_MESSAGE) {
    conn.close(4400, "that message is too long");
    return;
  }
  const said = conn.id + " " + Date.now().toString() + " " + name(conn) + "\n" + msg.text;
  room.broadcast("say " + said); // leaves when the next line is stored
  db.set(key(next), said);
  if (next >= KEPT) db.del(key(next - KEPT));
  next++;
  history.push(said);
  if (history.length > KEPT) history.shift();
}

export function onLeave(conn: Connection): void {
  room.broadcast("leave " + label(conn));
}

function key(number: i32): string {
  return "said/" + number.toString().padStart(10, "0"); // keys are listed in bytewise order
}

/** "ID NAME": the id is unique in the room, the name need not be. */
function label(conn: Connection): string {
  return conn.id + " " + name(conn);
}

function name(conn: Connection): string {
  if (conn.data === null) conn.data = new Member(nameFor(conn)); // the room has restarted since it joined
  return (conn.data as Member).name;
}

/** The user of its token, or ?user=, or ?name=, or a guest. */
function nameFor(conn: Connection): string {
  const asked = [conn.user, conn.query("user"), conn.query("name")];
  for (let i = 0; i < asked.length; i++) {
    const name = asked[i];
    if (name === null) continue;
    const clean = name.replaceAll("\n", " ").replaceAll("\r", " ").trim();
    if (clean.length > 0) return clean.substring(0, LONGEST_NAME);
  }
  return "guest " + conn.id.substring(0, 4);
}
