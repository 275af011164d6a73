// SPDX-License-Identifier: Apache-2.0
// One failure for each message; the comment /*>*/ stands before the place that must be named.
import { helperFails } from "./traps-helper";
import { room, kv, Connection, Message } from "ramp-sdk";

class Item { v: i32 = 1; constructor(public name: string) {} }
const items: Item[] = [new Item("a")];
const map = new Map<string, i32>();
let zero = 0;
let nothing: Item | null = null;

function deep(n: i32): i32 {
  return n == 0 ? /*>deep*/items[7].v : deep(n - 1) + 1;
}
class Game {
  hp: i32 = 3;
  tick(n: i32): void {
    this.hp -= n;
    if (this.hp < 0) /*>method*/throw new Error("dead");
  }
}
const game = new Game();

export function onMessage(conn: Connection, msg: Message): void {
  const t = msg.text;
  if (t == "index") {
    room.broadcast("before");
    room.broadcast(/*>index*/items[3].name);
  }
  if (t == "map") room.broadcast(/*>map*/map.get("nope").toString());
  if (t == "div") room.broadcast((/*>div*/10 / zero).toString());
  if (t == "null") {
    const x = /*>null*/nothing!;
    room.broadcast(x.name);
  }
  if (t == "throw") /*>throw*/throw new Error("boom");
  if (t == "deep") deep(5);
  if (t == "method") game.tick(10);
  if (t == "big") /*>big*/room.broadcast("x".repeat(1 << 21));
  if (t == "bigraw") {
    const big = new Uint8Array(2 << 20);
    /*>bigraw*/conn.send(big);
  }
  if (t == "close") /*>close*/conn.close(7);
  if (t == "assert") /*>assert*/assert(zero == 1, "no");
  if (t == "pop") { const a: i32[] = []; /*>pop*/a.pop(); }
  if (t == "cb") items.forEach((it) => { if (it.v == 1) /*>cb*/throw new Error("in callback"); });
  if (t == "unreach") /*>unreach*/unreachable();
  if (t == "num") { const k = new StaticArray<i32>(2); /*>num*/k[zero + 5] = 1; }
  if (t == "char") room.broadcast("abc".substring(0, 1).charCodeAt(0).toString() + /*>char*/items[zero + 9].name);
  if (t == "cast") { const o: Object = new Game(); room.broadcast((/*>cast*/o as Item).name); }
  if (t == "key") /*>key*/kv.get("");
  if (t == "rec") rec(1);
  if (t == "helper") helperFails(msg.length);
  if (t == "json") room.broadcast(parseInt("7").toString() + /*>json*/map.get("x").toString());
}
function rec(n: i32): i32 { return rec(n + 1) + rec(n + 2); }
