// SPDX-License-Identifier: Apache-2.0
// What people write who know TypeScript and AssemblyScript does not have, or takes otherwise: one plain
// sentence for each mistake, at its line and column, and nothing that only follows from it.
//
// In the code a ▶ stands before each place that is named, in the order of the sentences.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { project, roomOf, use } from "./support.mjs";

const { build } = await use("lib/build.mjs");
const HEAD = 'import { room, kv, db, Connection, Message } from "ramp-sdk";\n';
const file = code => HEAD + code + (/[▶\n]$/.test(code) ? "" : "\n");
/** The body of onMessage; what else the file holds may follow its closing bracket. */
const handler = code => file(`export function onMessage(conn: Connection, msg: Message): void {\n${code}${/\n\}(\n|$)/.test(code) ? "" : "\n}"}`);

const CASES = [
  ["a closure that changes a local", handler(`  let total = 0;
  const list = [1, 2, 3];
  list.forEach((n) => {
    ▶total += n;
  });
  conn.send(total.toString());`), "a function inside a function cannot use the outer one's variables; make the variable global, or write a loop"],
  ["a closure over a parameter", handler(`  const names = ["a", "b"];
  names.forEach((name: string) => ▶conn.send(name));`), "a function inside a function cannot use the outer one's variables; make the variable global, or write a loop"],
  ["a closure in filter", handler(`  const wanted = msg.text;
  const names = ["a", "b"];
  const found = names.filter((n) => n == ▶wanted);
  conn.send(found.join());`), "a function inside a function cannot use the outer one's variables; make the variable global, or write a loop"],
  ["try and catch", handler(`  ▶try {
    room.broadcast(msg.text);
  } catch (e) {
    conn.send("failed");
  }`), "errors cannot be caught; a throw ends this handler and what it sent is dropped, the room goes on (see onError); kv.tryGet and db.tryGet return their error"],
  ["try and finally", handler(`  ▶try {
    room.broadcast(msg.text);
  } finally {
    conn.send("done");
  }`), "errors cannot be caught; a throw ends this handler and what it sent is dropped, the room goes on (see onError); kv.tryGet and db.tryGet return their error"],
  ["async handler", file(`export ▶async function onMessage(conn: Connection, msg: Message): Promise<void> {
  const best = await kv.get("best");
  conn.send(best!);
}`), "there is no async and await, and no need for them: kv, db and fetch wait by themselves, and the room waits with them"],
  ["await", handler(`  const best = ▶await kv.get("best");
  conn.send(best!);`), "there is no async and await, and no need for them: kv, db and fetch wait by themselves, and the room waits with them"],
  ["then", handler(`  kv.get("best").▶then((v) => conn.send(v));`), "there is no async and await, and no need for them: kv, db and fetch wait by themselves, and the room waits with them"],
  ["for of array", handler(`  const names = ["a", "b"];
  ▶for (const name of names) {
    conn.send(name);
  }`), "there is no for..of; write: for (let i = 0; i < list.length; i++), for a Map: over map.keys()"],
  ["for of conns", handler(`  ▶for (const c of room.connections()) c.send(msg.text);`), "there is no for..of; write: for (let i = 0; i < list.length; i++), for a Map: over map.keys()"],
  ["for of map", handler(`  const m = new Map<string, i32>();
  ▶for (const [k, v] of m) {
    conn.send(k + v.toString());
  }`), "there is no for..of; write: for (let i = 0; i < list.length; i++), for a Map: over map.keys()"],
  ["for of keys", handler(`  const m = new Map<string, i32>();
  ▶for (let k of m.keys()) conn.send(k);`), "there is no for..of; write: for (let i = 0; i < list.length; i++), for a Map: over map.keys()"],
  ["for in", handler(`  const m = new Map<string, i32>();
  ▶for (const k in m) {
    conn.send(k);
  }`), "there is no for..in; use a Map and loop over map.keys()"],
  ["array destructuring", handler(`  ▶const [cmd, arg] = msg.text.split(" ");
  conn.send(cmd + arg);`), "there is no destructuring; take the values one by one: const a = list[0]"],
  ["object destructuring", handler(`  ▶const { id, user } = conn;
  conn.send(id + user);`), "there is no destructuring; take the values one by one: const a = list[0]"],
  ["destructuring of a parameter", handler(`  move({ x: 1, y: 2 });
}
class P { x: i32 = 0; y: i32 = 0; }
function move(▶{ x, y }: P): void {
  room.broadcast(x.toString());
}`), "there is no destructuring; take the values one by one: const a = list[0]"],
  ["destructuring to swap", handler(`  let a = 1, b = 2;
  ▶[a, b] = [b, a];
  conn.send(a.toString());`), "there is no destructuring; take the values one by one: const a = list[0]"],
  ["optional chaining", handler(`  const other = room.connection("bob");
  other▶?.send(msg.text);`), "there is no '?.'; write: if (x !== null) x.y"],
  ["optional chaining prop", handler(`  const id = room.connection("bob")▶?.id;
  conn.send(id);`), "there is no '?.'; write: if (x !== null) x.y"],
  ["nullish", handler(`  const name = conn.query("name") ▶?? "guest";
  conn.send(name);`), "there is no '??'; write: x !== null ? x : other"],
  ["nullish assign", handler(`  let name = conn.query("name");
  name ▶??= "guest";
  conn.send(name);`), "there is no '??'; write: x !== null ? x : other"],
  ["array spread", handler(`  const a = ["x"];
  const b = [▶...a, "y"];
  conn.send(b.join());`), "there is no spread and no rest parameter; use list.concat(other), push in a loop, or an array parameter"],
  ["call spread", handler(`  const a = [1.0, 2.0];
  conn.send(Math.max(▶...a).toString());`), "there is no spread and no rest parameter; use list.concat(other), push in a loop, or an array parameter"],
  ["object spread", handler(`  const p: P = { ▶...base, x: 2 };
  conn.send(p.x.toString());
}
class P { x: i32 = 0; y: i32 = 0; }
const base = new P();`), "there is no spread and no rest parameter; use list.concat(other), push in a loop, or an array parameter"],
  ["rest param", handler(`  sum(1, 2, 3);
}
function sum(▶...ns: i32[]): i32 {
  return ns.length;
}`), "there is no spread and no rest parameter; use list.concat(other), push in a loop, or an array parameter"],
  ["regex", handler(`  if (▶/^[a-z]+$/.test(msg.text)) conn.send("ok");`), "there are no regular expressions; use indexOf, split, startsWith and the like"],
  ["regex replace", handler(`  conn.send(msg.text.replace(▶/\\s+/g, " "));`), "there are no regular expressions; use indexOf, split, startsWith and the like"],
  ["union", handler(`  let v: string | ▶i32 = msg.text;
  conn.send(v);`), "the only unions are 'T | null', for classes and strings"],
  ["literal union", handler(`  setMode("fast");
}
type Mode = "fast" | ▶"slow";
function setMode(m: Mode): void {}`), "the only unions are 'T | null', for classes and strings"],
  ["union param", handler(`  show(1);
}
function show(v: string | ▶number): void {
  room.broadcast("x");
}`), "the only unions are 'T | null', for classes and strings"],
  ["any", handler(`  let data: ▶any = msg.text;
  conn.send(data);`), "there is no 'any'; write the real type, or make the function generic"],
  ["any param", handler(`  show(1);
}
function show(v: ▶any): void {
  room.broadcast("x");
}`), "there is no 'any'; write the real type, or make the function generic"],
  ["unknown", handler(`  let data: ▶unknown = msg.text;`), "there is no 'unknown' or 'object'; write the real type"],
  ["string enum", handler(`  conn.send(Color.Red);
}
enum Color {
  Red = ▶"red",
  Blue = "blue",
}`), "an enum holds whole numbers only; use constants for text: const RED = \"red\""],
  ["optional param", handler(`  greet("a");
}
function greet(name: string, ▶times?: i32): void {
  room.broadcast(name);
}`), "an optional parameter needs a default value instead of '?': x: i32 = 0"],
  ["optional property", handler(`  conn.send(new P().name);
}
class P {
  name: string = "x";
  ▶nick?: string;
}`), "a field cannot be optional; give it a first value: nick: string = \"\", or a type that may be null: nick: string | null = null"],
  ["optional property interface", handler(`  conn.send("x");
}
interface P {
  name: string;
  ▶nick?: string;
}`), "a field cannot be optional; give it a first value: nick: string = \"\", or a type that may be null: nick: string | null = null"],
  ["setTimeout", handler(`  ▶setTimeout(() => {
    room.broadcast("late");
  }, 1000);`), "use setTimer(id, delayMs, periodMs) and export function onTimer(id: i32): void"],
  ["setInterval", handler(`  const id = ▶setInterval(() => room.broadcast("tick"), 1000);
  clearInterval(id);`), "use setTimer(id, delayMs, periodMs) and export function onTimer(id: i32): void"],
  ["JSON.parse", handler(`  const m = ▶JSON.parse(msg.text);
  conn.send(m.name);`), "JSON comes from a package: npm install json-as, then import { JSON } from \"json-as\" and write @json before the class"],
  ["JSON.stringify", handler(`  conn.send(▶JSON.stringify({ a: 1 }));`), "JSON comes from a package: npm install json-as, then import { JSON } from \"json-as\" and write @json before the class"],
  ["no return type", handler(`  conn.send(twice(2).toString());
}
function twice(n: i32)▶ {
  return n * 2;
}`), "every parameter and every result needs a type; 'void' if a function returns nothing"],
  ["no param type", handler(`  conn.send(twice(2).toString());
}
function twice(n▶): i32 {
  return n * 2;
}`), "every parameter and every result needs a type; 'void' if a function returns nothing"],
  ["no method return type", handler(`  new P().go();
}
class P {
  x: i32 = 0;
  go()▶ {
    this.x++;
  }
}`), "every parameter and every result needs a type; 'void' if a function returns nothing"],
  ["handler no return type", file(`export function onMessage(conn: Connection, msg: Message)▶ {
  conn.send(msg.text);
}`), "every parameter and every result needs a type; 'void' if a function returns nothing"],
  ["undefined", handler(`  let last: string | ▶undefined = undefined;
  last = msg.text;`), "there is no 'undefined'; use null, with a type like 'Player | null', and map.has(key) before map.get(key)"],
  ["map.get undefined", handler(`  const m = new Map<string, i32>();
  if (m.get("a") === ▶undefined) conn.send("none");`), "there is no 'undefined'; use null, with a type like 'Player | null', and map.has(key) before map.get(key)"],
  ["object literal", handler(`  const p = ▶{ x: 1, y: 2 };
  conn.send(p.x.toString());`), "an object needs a class: class P { x: i32 = 0; } and then const p: P = { x: 1 }"],
  ["type literal", handler(`  const p: P = { x: 1 };
  conn.send(p.x.toString());
}
▶type P = { x: i32 };`), "a type is not written as the shape of an object; write a class: class P { x: i32 = 0; y: i32 = 0; }"],
  ["interface literal", handler(`  const p: P = ▶{ x: 1 };
  conn.send(p.x.toString());
}
interface P { x: i32 }`), "an object literal makes an instance of a class; write a class instead of the interface"],
  ["Record", handler(`  const scores: ▶Record<string, i32> = {};
  scores[conn.id] = 1;`), "there is no 'Record' here; use a Map: new Map<string, i32>()"],
  ["index signature", handler(`  const scores: ▶{ [id: string]: i32 } = {};
  scores[conn.id] = 1;`), "there are no objects with free keys; use a Map: new Map<string, i32>()"],
  ["tuple", handler(`  const p: ▶[string, i32] = ["a", 1];
  conn.send(p[0]);`), "there are no tuples; write a class with a field for each value"],
  ["delete", handler(`  const p = new P();
  ▶delete p.x;
}
class P { x: i32 = 0; }`), "there is no delete; use map.delete(key), or set the field to null"],
  ["in", handler(`  if (▶"x" in new P()) conn.send("x");
}
class P { x: i32 = 0; }`), "there is no 'in'; use map.has(key)"],
  ["generator", handler(`  conn.send("x");
}
▶function* ids(): i32 {
  yield 1;
}`), "there are no generators; build a list and return it"],
  ["dynamic import", handler(`  const x = ▶import("./a");`), "there is no import(); use import { x } from \"./file\""],
  ["require", handler(`  const fs = ▶require("fs");`), "use import { x } from \"./file\""],
  ["parseInt", handler(`  const n: i32 = ▶parseInt(msg.text);
  conn.send(n.toString());`), "parseInt gives an f64; write I32.parseInt(text)"],
  ["number index", handler(`  const list = ["a", "b"];
  const i: number = 1;
  conn.send(list[▶i]);`), "an f64 does not become an i32 by itself; write: <i32>value, or use i32 for whole numbers ('number' is f64)"],
  ["string + number", handler(`  conn.send("you are number " + ▶room.size);`), "an i32 is not a string; write: value.toString()"],
  ["number + string", handler(`  conn.send(▶room.size + " people");`), "'+' takes two strings here; write: value.toString()"],
  ["const reassign", handler(`  const n = 1;
  n = ▶2;`), "'n' is a constant; declare it with let if it changes"],
  ["null string", handler(`  let name: string = ▶null;
  conn.send(name);`), "a string cannot be null; make the type 'string | null'"],
  ["nullable concat", handler(`  conn.send("hi " + ▶conn.query("name"));`), "this may be null; copy it into a constant and check that one: const x = …; if (x !== null) x.y; or write x! if you are sure"],
  ["null field", handler(`  if (game.turn !== null) ▶game.turn.send("x");
}
class Game { turn: Connection | null = null; }
const game = new Game();`), "this may be null; copy it into a constant and check that one: const x = …; if (x !== null) x.y; or write x! if you are sure"],
  ["null global", handler(`  if (turn !== null) ▶turn.send("x");
}
let turn: Connection | null = null;`), "this may be null; copy it into a constant and check that one: const x = …; if (x !== null) x.y; or write x! if you are sure"],
  ["private #", handler(`  new P().inc();
}
class P {
  ▶#n: i32 = 0;
  inc(): void { this.▶#n++; }
}`), "there are no #private fields; write: private name", "there are no #private fields; write: private name"],
  ["label", handler(`  ▶outer: for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      if (j == 1) continue outer;
    }
  }`), "there are no labels; put the inner loop into a function and return from it"],
  ["let without type", handler(`  ▶let x;
  x = 1;`), "a variable needs a type or a first value: let n: i32 = 0"],
  ["bigint", handler(`  const n = ▶10n;
  conn.send(n.toString());`), "there are no BigInts; i64 and u64 hold whole numbers of 64 bits"],
  ["Array.from", handler(`  const a = ▶Array.from(room.connections());`), "there is no Array.from; map.keys(), set.values() and list.slice() are arrays already"],
  ["Object.keys", handler(`  const a = ▶Object.keys(room);`), "objects have fields that the class names, and no list of them; use a Map and map.keys()"],
  ["new Array fill", handler(`  const a = ▶new Array(3).fill(0);
  conn.send(a.join());`), "say of what: new Array<i32>(3)"],
  ["String()", handler(`  conn.send(▶String(room.size));`), "write: value.toString(), or `${value}`"],
  ["Number()", handler(`  const n = ▶Number(msg.text);
  conn.send(n.toString());`), "write: I32.parseInt(text), or F64.parseFloat(text)"],
  ["toFixed", handler(`  conn.send((1.5).▶toFixed(2));`), "an f64 has no 'toFixed'; write: (Math.round(x * 100) / 100).toString()"],
  ["find", handler(`  const c = room.connections().▶find((c) => c.id == "a");`), "an Array<Connection> has no 'find'; use findIndex(), or a loop"],
  ["match", handler(`  const m = msg.text.▶match("a");`), "a string has no 'match'; use indexOf, includes or split"],
  ["export default", file(`▶export default function onMessage(conn: Connection, msg: Message): void {
  conn.send("x");
}`), "there is no export default; a handler is exported by its name: export function onMessage(conn: Connection, msg: Message): void { }"],
  ["import default", handler(`  conn.send("x");
}
import ▶ramp from "ramp-sdk";`), "'ramp-sdk' has no default export; write: import { … } from \"ramp-sdk\""],
  ["import type", handler(`  conn.send("x");
}
▶import type { Service } from "ramp-sdk";`), "write import { X } from …, without the word type"],
  ["throw text", handler(`  throw ▶"no";`), "what is thrown is an Error, made where it is thrown: throw new Error(text)"],
  ["as const", handler(`  const a = "x" ▶as const;
  conn.send(a);`), "'as const' means nothing here; leave it out"],
  ["keyof", handler(`  conn.send("x");
}
class P { x: i32 = 0; }
type K = ▶keyof P;`), "types cannot be computed from others; write the type out"],
  ["class expr", handler(`  const P = ▶class { x: i32 = 0; };`), "a class stands at the top level of its file; move it out of the function"],
  ["new Date", handler(`  const d = ▶new Date();
  conn.send(d.toISOString());`), "write: new Date(Date.now())"],
  ["window", handler(`  ▶window.alert("x");`), "there is no 'window': a room runs on the server, without a browser's or Node's objects"],
  ["process.env", handler(`  conn.send(▶process.env.KEY);`), "settings come from env.get(\"NAME\")"],
  ["fetch then", handler(`  ▶fetch("https://example.com").then((r) => r.json());`), "import it: import { fetch } from \"ramp-sdk\""],
  ["crypto", handler(`  conn.send(▶crypto.randomUUID());`), "Math.random() is the host's good source of chance"],
  ["arguments", handler(`  conn.send(▶arguments.length.toString());`), "there is no 'arguments'; name the parameters"],
  ["wrong arity", handler(`  ▶room.broadcast();`), "this takes 2 arguments, not 0"],
  ["wrong member", handler(`  conn.▶emit("x", 1);`), "a Connection has no 'emit'; use send(message), or room.broadcast(message)"],
  ["broadcast number", handler(`  room.broadcast(▶room.size);`), "only a string, a Message, a Uint8Array or an ArrayBuffer can be sent; a number: value.toString()"],
  ["kv set number", handler(`  kv.set("n", ▶1);`), "only a string, a Uint8Array or an ArrayBuffer can be stored; a number: value.toString()"],
  ["unknown name twice", handler(`  ▶total += 1;
  conn.send(total.toString());`), "there is no 'total' here; is it spelt right, declared before, or imported?"],
  ["missing paren", handler(`  conn.send(▶"x";
  conn.send("y");`), "a ')' is missing"],
  ["two errors", handler(`  foo();
  const x = kv.get("a") ▶?? "b";
  conn.send(x);
  bar();`), "there is no '??'; write: x !== null ? x : other"],
  ["overload", handler(`  f(1);
}
function f(a: i32): void▶;
function f(a: string): void;
function f(a: i32): void {}`), "a function has one signature; give the others names of their own, or make one that is generic"],
  ["a nullable without a check", handler(`  const c = room.connection("a");
  ▶c.send("x");`), "this may be null; copy it into a constant and check that one: const x = …; if (x !== null) x.y; or write x! if you are sure"],
  ["a way without return", handler(`  f(1);
}
function f(a: i32): ▶i32 {
  if (a > 1) return 2;
}`), "not every way through this function returns a value"],
  ["satisfies", handler(`  const a = 1 ▶satisfies number;`), "there is no 'satisfies'; leave it out"],
  ["a number cast to a string", handler(`  const a = <string>▶1;`), "an i32 is not a string; write: value.toString()"],
  ["a member by its name as text", handler(`  ▶conn["send"]("x");`), "a Connection has no [ ]; a field is reached by its name: x.name"],
  ["ternary diff", handler(`  const x = msg.length > 1 ? "a" : ▶1;`), "an i32 is not a string; write: value.toString()"],
  ["== null undefined", handler(`  if (conn.query("a") == ▶undefined) conn.send("x");`), "there is no 'undefined'; use null, with a type like 'Player | null', and map.has(key) before map.get(key)"],
  ["void 0", handler(`  const x = ▶void 0;`), "there is no 'undefined'; use null, with a type like 'Player | null', and map.has(key) before map.get(key)"],
  ["field no init", handler(`  conn.send(new P().name);
}
class P {
  ▶name: string;
}`), "the field 'name' needs a first value, here or in the constructor"],
  ["this in arrow", handler(`  new P().go();
}
class P {
  x: i32 = 0;
  go(): void {
    [1, 2].forEach((n) => { this.▶x += n; });
  }
}`), "a function inside a method has no 'this' of that method; write a loop"],
  ["arrow untyped", handler(`  const f = (x▶) => x;
  f(1);`), "every parameter and every result needs a type; 'void' if a function returns nothing"],
  ["method as callback", handler(`  ["a"].forEach(▶show);
}
function show(s: string, i: i32): void { room.broadcast(s); }`), "this function has another signature than the one that is wanted: (string, i32, Array<string>) => void; an arrow may leave parameters out: (x) => f(x)"],
  ["cast string", handler(`  const n = ▶msg.text as i32;
  conn.send(n.toString());`), "a string is not a number; write: I32.parseInt(text)"],
  ["data access", handler(`  conn.send(conn.data.▶name);`), "an Object has no 'name'; say which class it is: (x as Player).name"],
  ["map init", handler(`  const m = ▶new Map<string, i32>([["a", 1]]);`), "a Map and a Set begin empty; add the values one by one: map.set(key, value)"],
  ["set init", handler(`  const m = ▶new Set<i32>([1, 2]);`), "a Map and a Set begin empty; add the values one by one: map.set(key, value)"],
  ["Math.max 3", handler(`  conn.send(▶Math.max(1, 2, 3).toString());`), "Math.max and Math.min take two numbers"],
  ["id == 5", handler(`  if (conn.id == ▶5) conn.send("x");`), "an i32 is not a string; write: value.toString()"],
  ["import fs", handler(`  conn.send("x");
}
import fs from ▶"fs";`), "there is no 'fs' in a room: it has no files and no network of its own, but db, kv and fetch"],
  ["import named npm", handler(`  conn.send("x");
}
import { z } from ▶"zod";`), "there is no file or package 'zod'"],
  ["import sdk type typo", handler(`  conn.send("x");
}
import { ▶Conection } from "ramp-sdk";
export function onJoin(conn: Conection): void {}`), "'ramp-sdk' exports no 'Conection'; did you mean 'Connection'?"],
  ["two ?.", handler(`  const a = room.connection("a")▶?.id;
  conn.send("x");
}
function g(): void {
  const b = room.connection("a")▶?.id;
}`), "there is no '?.'; write: if (x !== null) x.y", "there is no '?.'; write: if (x !== null) x.y"],
  ["i32 = 1.5", handler(`  let n: i32 = ▶1.5;`), "an f64 does not become an i32 by itself; write: <i32>value, or use i32 for whole numbers ('number' is f64)"],
  ["i32 = x/2", handler(`  const half: i32 = ▶Math.floor(msg.length / 2);
  conn.send(half.toString());`), "Math works with f64; write: <i32>Math.floor(x)"],
  ["array of objects literal", handler(`  const list = ▶[{ a: 1 }, { a: 2 }];
  conn.send(list.length.toString());`), "an object needs a class: class P { x: i32 = 0; } and then const list: P[] = [{ x: 1 }]"],
  ["not assignable class", handler(`  const p: P = ▶new Q();
}
class P {}
class Q {}`), "a Q is not a P"],
  ["missing import", file(`export function onJoin(conn: Connection): void {
  ▶setTimer(1, 1000);
  ▶service.kv.set("a", "b");
}`), "import it: import { setTimer } from \"ramp-sdk\"", "import it: import { service } from \"ramp-sdk\""],
  ["string method typo", handler(`  conn.send(msg.text.▶toUppercase());`), "a string has no 'toUppercase'; did you mean 'toUpperCase'?"],
  ["length()", handler(`  conn.send(▶msg.text.length().toString());`), "this is not a function; leave the () out if it is a field"],
  ["missing return stmt", handler(`  f();
}
function f(): ▶string {
}`), "not every way through this function returns a value"],
  ["bool arg", handler(`  conn.send(▶msg.isBinary);`), "only a string, a Message, a Uint8Array or an ArrayBuffer can be sent; a number: value.toString()"],
  ["class missing super", handler(`  new B();
}
class A { constructor(x: i32) {} }
class B extends A { ▶constructor() { } }`), "the constructor must begin with super(…), as the class extends another"],
  ["duplicate", handler(`  const a = 1;
  ▶const a = 2;`), "'a' is taken already; choose another name"],
  ["duplicate function", handler(`  f();
}
function f(): void {}
function ▶f(): void {}`), "'f' is taken already; choose another name"],
  ["implements missing", handler(`  new D();
}
interface A { name(): string }
class ▶D implements A { }`), "D has no 'name', which A asks for"],
  ["unused generic", handler(`  id(1);
}
function id<T>(x: T): T { return ▶y; }`), "there is no 'y' here; is it spelt right, declared before, or imported?"],
  ["extra brace", handler(`  conn.send("x");
}
▶}`), "there is one closing bracket too many, or an opening one is missing"],
  ["unterminated string", handler(`  conn.send(▶"x);`), "this text is not closed; the quote is missing"],
  ["unterminated template", handler(`  conn.send(▶\`x);`), "this text is not closed; the quote is missing"],
  ["unterminated comment", file(`export function onJoin(): void {
  /* conn.send();
}
▶`), "a '*/' is missing"],
  ["obj arg unknown key", handler(`  move({ ▶z: 1 });
}
class P { x: i32 = 0; }
function move(p: P): void {}`), "a P has no 'z'"],
  ["return object", handler(`  conn.send("x"); f();
}
function f(): ▶{ x: i32 } {
  return { x: 1 };
}`), "a type is not written as the shape of an object; write a class: class P { x: i32 = 0; y: i32 = 0; }"],
  ["getter on kv", handler(`  const best = kv.▶best;`), "a KV has no 'best'"],
  ["nested ternary bad", handler(`  const x = conn.query("x") ? conn.query("x") : "y";
  take(▶x);
}
function take(s: string): void {}`), "this may be null; copy it into a constant and check that one: const x = …; if (x !== null) x.y; or write x! if you are sure"],
  ["inc string", handler(`  let s = "";
  ▶s++;`), "'++' does not go with a string"],
  ["compare str num", handler(`  if (msg.text > ▶3) conn.send("x");`), "an i32 is not a string; write: value.toString()"],
  ["negate string", handler(`  const n = ▶-msg.text;`), "'-' does not go with a string"],
  ["call non function", handler(`  ▶conn.id();`), "this is not a function; leave the () out if it is a field"],
  ["u8 narrowing", handler(`  const b: u8 = ▶msg.length;
  conn.send(b.toString());`), "an i32 does not become a u8 by itself; write: <u8>value"],
  ["number[] from i32[]", handler(`  const a: number[] = [1, 2];
  const b: i32[] = ▶a;`), "an Array<f64> is not an Array<i32>"],
  ["weakmap", handler(`  const w = new ▶WeakMap<P, i32>();
}
class P {}`), "there is no 'WeakMap' here; use a Map, and delete what is over"],
  ["proxy", handler(`  const w = new ▶Proxy(conn, {});`), "there is no 'Proxy': a room runs on the server, without a browser's or Node's objects"],
  ["interface data", handler(`  const p: P = new ▶P();
}
interface P { x: i32 }`), "only a class can be made with new; an interface cannot"],
  ["declare", handler(`  g();
}
// @ts-ignore: decorator
@external("room", "steal") ▶declare function g(): void;`), "'room.steal' is imported, which no Ramp room can do; only the SDK's functions reach outside"],
  ["set entries", handler(`  const m = new Map<string, i32>();
  m.▶forEach((v, k) => { room.broadcast(k); });`), "a Map<string,i32> has no 'forEach'; loop over map.keys(), or set.values()"],
  ["map entries", handler(`  const m = new Map<string, i32>();
  const e = m.▶entries();`), "there is no entries(); loop over map.keys() and ask map.get(key)"],
  ["object freeze", handler(`  ▶Object.freeze(conn);`), "objects have fields that the class names, and no list of them; use a Map and map.keys()"],
  ["string raw cmp", handler(`  if (▶msg == "start") conn.send("x");`), "a Message is not a string; write: msg.text"],
  ["msg plus", handler(`  room.broadcast("got " + ▶msg);`), "a Message is not a string; write: msg.text"],
  ["send conn", handler(`  room.broadcast(▶conn);`), "only a string, a Message, a Uint8Array or an ArrayBuffer can be sent; a number: value.toString()"],
  ["a bracket that is not closed", file(`export function onMessage(conn: Connection, msg: Message): void {
  if (msg.length > 3) {
    conn.send("x");
}▶
`), "the file ends too early; a '}' or ')' is missing"],
  ["the same without a newline at its end", file(`export function onMessage(conn: Connection, msg: Message): void {
  if (msg.length > 3) {
    conn.send("x");
  }▶`).replace(/ {2}\}▶$/, "▶}"), "the file ends too early; a '}' or ')' is missing"],
  ["a second mistake that has nothing to do with the first", handler(`  const n: i32 = ▶parseInt(msg.text);
  conn.send(n.toString());
}
export function onJoin(conn: Connection): void {
  conn.▶snd("hello");
}`), "parseInt gives an f64; write I32.parseInt(text)", "a Connection has no 'snd'; did you mean 'send'?"],
  ["what follows from a global", handler(`  if (best.length > 3) conn.send(best.toUpperCase());
}
const best = ▶Bests.first();`), "there is no 'Bests' here; did you mean 'best'?"],
];

/** { text without its ▶, places: ["line:col", …] } */
function unmarked(code) {
  const places = [];
  let text = "";
  for (const [i, line] of code.split("\n").entries()) {
    const parts = line.split("▶");
    for (let at = 0, k = 0; k < parts.length - 1; k++) places.push(`${i + 1}:${(at += parts[k].length) + 1}`);
    text += (i ? "\n" : "") + parts.join("");
  }
  return { text, places };
}

for (const [name, code, ...sentences] of CASES) test(name, async () => {
  const { text, places } = unmarked(code);
  assert.equal(places.length, sentences.length);
  const r = await build(roomOf(text), { mode: "debug", write: false });
  assert.equal(r.ok, false, "it was built");
  assert.deepEqual(r.problems.map(p => [`${p.line}:${p.col}`, p.text]), places.map((at, i) => [at, sentences[i]]));
  const lines = text.split("\n");
  for (const p of r.problems) {
    assert.equal(p.source, lines[p.line - 1].trimEnd());
    assert.doesNotMatch(p.text, /~lib\/|TS\d{3}|AS\d{3}|\.$/);
  }
});

test("release builds say the same", async () => {
  for (const [name, code, ...sentences] of CASES.filter((_, i) => i % 12 === 0)) {
    const r = await build(roomOf(unmarked(code).text), { mode: "release", write: false });
    assert.deepEqual(r.problems.map(p => p.text), sentences, name);
  }
});

test("a mistake in another file is named there, and not again where it is imported", async () => {
  const helper = path.join(project, "rooms", `helper-${process.pid}.ts`);
  fs.writeFileSync(helper, 'export class Game {\n  turn: string;\n  next(): string { return this.turn ?? "x"; }\n}\n');
  try {
    const main = text => roomOf(`import { Game } from "./${path.basename(helper, ".ts")}";\nimport { room } from "ramp-sdk";\nconst game = new Game();\n${text}`);
    const first = await build(main("export function onJoin(): void { room.broadcast(game.next()); }\n"), { mode: "debug", write: false });
    assert.deepEqual(first.problems.map(p => [path.basename(p.file), p.line, p.text]), [[path.basename(helper), 3, "there is no '??'; write: x !== null ? x : other"]]);
    fs.writeFileSync(helper, "export class Game {\n  turn: string;\n  next(): string { return this.turn; }\n}\n");
    const then = await build(main("export function onJoin(): void { room.broadcast(game.next()); }\n"), { mode: "debug", write: false });
    assert.deepEqual(then.problems.map(p => [path.basename(p.file), p.line, p.text]), [[path.basename(helper), 2, "the field 'turn' needs a first value, here or in the constructor"]]);
  } finally {
    fs.rmSync(helper);
  }
});
