// A chat room. Clients get lines of text:
//   you ID NAME         who you are
//   members             then one line "ID NAME" for each who was here before you
//   join ID NAME        somebody came
//   say ID NAME         then what was said, from the second line on
//   leave ID NAME       somebody went
import { room, Connection, Message } from "ramp-sdk";

const LONGEST_NAME = 24;
const LONGEST_MESSAGE = 4000;

class Member {
  constructor(public name: string) {}
}

export function onJoin(conn: Connection): void {
  conn.data = new Member(nameFor(conn));
  conn.send("you " + label(conn));
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
  room.broadcast("say " + label(conn) + "\n" + msg.text);
}

export function onLeave(conn: Connection): void {
  room.broadcast("leave " + label(conn));
}

/** "ID NAME": the id is unique in the room, the name need not be. */
function label(conn: Connection): string {
  if (conn.data === null) conn.data = new Member(nameFor(conn)); // the room has restarted since it joined
  return conn.id + " " + (conn.data as Member).name;
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
