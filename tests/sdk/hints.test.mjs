// SPDX-License-Identifier: Apache-2.0
// What people write who know TypeScript: each mistake gets one plain sentence at its line; what works, works.
import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";
import { roomOf, use } from "./support.mjs";

const { build } = await use("lib/build.mjs");
const HEAD = 'import { room, kv, Connection, Message, Request, Response, setTimer } from "ramp-sdk";\n';
const attempt = text => build(roomOf(text), { mode: "debug", write: false });
/** A handler with this body; its first line is line 3. */
const inHandler = body => `${HEAD}export function onMessage(conn: Connection, msg: Message): void {\n${body}\n}\nclass Player { name: string = "p"; hp: i32 = 1; }\nfunction find(): Player | null { return new Player(); }\n`;

describe("what AssemblyScript lacks", () => {
  const cases = [
    ["closure", "let n = 1;\n[1, 2].forEach((x) => { n += x; });", 4, /function inside a function cannot use the outer one's variables/],
    ["try/catch", "try { room.broadcast('x'); } catch (e) { }", 3, /errors cannot be caught/],
    ["async function", "const x = 1;\n}\nexport async function later(): Promise<void> {", 5, /no async and await/],
    ["await", "const v = await kv.get('a');", 3, /no async and await/],
    ["for..of over an array", "const names: string[] = ['a'];\nfor (const n of names) room.broadcast(n);", 4, /no for\.\.of/],
    ["for..of over a Map", "const m = new Map<string, i32>();\nfor (const [k, v] of m) room.broadcast(k);", 4, /no for\.\.of/],
    ["for..in", "const m = new Map<string, i32>();\nfor (const k in m) room.broadcast(k);", 4, /no for\.\.in/],
    ["array destructuring", "const [a, b] = [1, 2];", 3, /no destructuring/],
    ["object destructuring", "const { name } = new Player();", 3, /no destructuring/],
    ["?.", "const p = find();\nroom.broadcast(p?.name);", 4, /no '\?\.'/],
    ["??", "const s = conn.query('a') ?? 'none';", 3, /no '\?\?'/],
    ["array spread", "const a = [1, 2];\nconst b = [...a, 3];", 4, /no spread/],
    ["call spread", "const a = [1, 2];\nMath.max(...a);", 4, /no spread/],
    ["rest parameter", "const x = 1;\n}\nfunction many(...xs: i32[]): void {", 5, /no spread and no rest/],
    ["regular expression", "if (/a+/.test(msg.text)) room.broadcast('a');", 3, /no regular expressions/],
    ["regular expression in a call", "const s = msg.text.replace(/a/g, 'b');", 3, /no regular expressions/],
    ["union", "let u: string | i32 = 'a';", 3, /only unions are 'T \| null'/],
    ["any", "let u: any = 1;", 3, /no 'any'/],
    ["unknown", "let u: unknown = 1;", 3, /no 'unknown'/],
    ["undefined", "let u: string | undefined = undefined;", 3, /no 'undefined'/],
    ["string enum", "const x = 1;\n}\nenum Color { Red = 'red' }\nfunction f(): void {", 5, /an enum holds whole numbers only/],
    ["optional parameter", "f(1);\n}\nfunction f(a: i32, b?: i32): void {", 5, /needs a default value/],
    ["setTimeout", "setTimeout(() => { room.broadcast('x'); }, 10);", 3, /use setTimer/],
    ["setInterval", "setInterval(() => { room.broadcast('x'); }, 10);", 3, /use setTimer/],
    ["JSON without json-as", "const s = JSON.stringify(new Player());", 3, /npm install json-as/],
    ["missing result type", "f(1);\n}\nfunction f(a: i32) {", 5, /every parameter and every result needs a type/],
    ["missing parameter type", "f(1);\n}\nfunction f(a): void {", 5, /every parameter and every result needs a type/],
    ["dynamic import", "const x = import('./a');", 3, /import \{ x \} from/],
    ["generator", "const x = 1;\n}\nfunction* g(): i32 {", 5, /no generators/],
    ["null into a string", "let s: string = null;", 3, /cannot be null; make the type/],
    ["nullable into a string", "room.broadcast(conn.query('a') + 'x');\nlet s: string = conn.query('a');", 3, /may be null/],
    ["possibly null", "const p = find();\nroom.broadcast(p.name);", 4, /may be null; copy it into a constant/],
    ["float into an integer", "const x: f64 = 1.5;\nlet i: i32 = x;", 4, /f64 does not become .* i32 by itself/],
    ["number as text", "const n = 3;\nroom.broadcast(n);", 4, /only a string, a Message, a Uint8Array or an ArrayBuffer can be sent/],
    ["number for a string", "conn.query(5);", 3, /i32 is not a string; write: value\.toString\(\)/],
    ["unknown name", "foo();", 3, /there is no 'foo' here/],
    ["unknown member", "conn.sendd('x');", 3, /a Connection has no 'sendd'/],
    ["wrong count of arguments", "conn.query();", 3, /takes 1 argument, not 0/],
    ["unknown file", "}\nimport { x } from './nowhere';\nexport function onClose(): void { x();", 4, /no file or package '.*nowhere'/],
    ["unknown export of the SDK", "}\nimport { rooms } from 'ramp-sdk';\nexport function onClose(): void { rooms;", 4, /exports no 'rooms'/],
    ["reserved word", "let of: i32 = 1;", 3, /'of' is a reserved word/],
    ["assigning to a constant", "const a = 1;\na = 2;", 4, /constant/],
  ];
  for (const [name, body, line, sentence] of cases) test(name, async () => {
    const r = await attempt(inHandler(body));
    assert.equal(r.ok, false, "it was built");
    const p = r.problems.find(p => p.line === line);
    assert.ok(p, JSON.stringify(r.problems));
    assert.match(p.text, sentence);
    assert.equal(r.problems.filter(p => p.line === line).length, 1);
    assert.ok(p.col >= 1 && p.file.endsWith(".ts") && p.source.length > 0);
    assert.doesNotMatch(p.text, /~lib\/|TS\d{3}|AS\d{3}|\.$/);
  });
});

describe("what works as in TypeScript", () => {
  const cases = [
    ["classes, getters, inheritance", "class_();", 'class A { get x(): i32 { return 1; } }\nclass B extends A { y: i32 = 2; }\nfunction class_(): i32 { return new B().x + new B().y; }'],
    ["interfaces", "use_(new Dog());", "interface Animal { name(): string }\nclass Dog implements Animal { name(): string { return 'dog'; } }\nfunction use_(a: Animal): string { return a.name(); }"],
    ["generics", "room.broadcast(first<string>(['a']));", "function first<T>(a: T[]): T { return a[0]; }"],
    ["arrow functions without capture", "const doubled = [1, 2].map<i32>((x) => x * 2);\nroom.broadcast(doubled.join());", ""],
    ["arrow functions with globals", "[1, 2].forEach((x) => { total += x; });", "let total = 0;"],
    ["template literals", "room.broadcast(`${msg.length} bytes from ${conn.id}`);", ""],
    ["Map and Set", "const m = new Map<string, i32>(); m.set('a', 1);\nconst s = new Set<string>(); s.add('b');\nroom.broadcast(m.keys().join() + s.values().join());", ""],
    ["switch on strings", "switch (msg.text) { case 'a': room.broadcast('1'); break; default: room.broadcast('2'); }", ""],
    ["=== and default parameters", "if (f() === 3) room.broadcast('x');", "function f(x: i32 = 3): i32 { return x; }"],
    ["object literals for classes", "const p: P = { x: 1, y: 2 }; room.broadcast(p.x.toString());", "class P { x: i32 = 0; y: i32 = 0; }"],
    ["console, Math, Date", "console.log(Math.floor(Math.random() * 6).toString() + Date.now().toString());", ""],
    ["string methods", "room.broadcast(msg.text.trim().toUpperCase().split(',').reverse().join(' ').padStart(4).replaceAll('a', 'b'));", ""],
    ["sort with a comparison", "const a = [3, 1, 2]; a.sort((x, y) => x - y); room.broadcast(a.join());", ""],
    ["static members and enums", "room.broadcast(Names.all + Kind.B.toString());", "class Names { static all: string = 'x'; }\nenum Kind { A, B = 4 }"],
    ["typed arrays", "const f = new Float32Array(4); f[0] = 1.5; conn.send(Uint8Array.wrap(f.buffer));", ""],
    ["null checks", "const q = conn.query('a');\nif (q !== null) room.broadcast(q);\nif (q) room.broadcast(q);\nroom.broadcast(q ? q : 'none');", ""],
  ];
  for (const [name, body, rest] of cases) test(name, async () => {
    const r = await attempt(`${HEAD}export function onMessage(conn: Connection, msg: Message): void {\n${body}\n}\n${rest}\n`);
    assert.ok(r.ok, JSON.stringify(r.problems));
  });
});

describe("handlers", () => {
  const bad = [
    ["export function onMesage(): void {}", /'onMesage' is not a handler; did you mean 'onMessage'\?/],
    ["export function onmessage(): void {}\nexport function onJion(): void {}", /'onJion' is not a handler; did you mean 'onJoin'\?/],
    ["export function onConnect(): void {}", /'onConnect' is not a handler; handlers are onOpen, onJoin/],
    ["export const onJoin = (): void => {};", /'onJoin' must be a function: export function onJoin\(conn: Connection\): void/],
    ["let x = 1;", /no handler is exported/],
    ["", /no handler is exported/],
    ["export function onJoin(name: string): void {}", /onJoin has no parameter of type string: onJoin\(conn: Connection\): void/],
    ["export function onJoin(conn): void {}", /needs a type/],
    ["export function onClose(x: i32): void {}", /onClose has no parameters: onClose\(\): void/],
    ["export function onTimer(id: i32): string { return ''; }", /onTimer returns void, not string/],
    ["export function onRequest(req: Request): void {}", /onRequest returns Response or string, not void/],
    ["export async function onJoin(conn: Connection): Promise<void> {}", /no async and await/],
    ["export function onMessage(conn: Connection, m: Move): void {}\nclass Move {}", /onMessage has no parameter of type Move: .*@json/],
    ["export function onMessage(conn: Connection, m: Move): void {}\n@json\nclass Move {}", /export the class Move/],
    ["import { Saved } from 'ramp-sdk';\nexport function onOpen(saved: Saved): void {}", /^nothing may have been saved; write: Saved \| null$/],
    ["export function onOpen(saved: string): void {}", /^nothing may have been saved; write: string \| null$/],
    ["export function onOpen(saved: i32[] | null): void {}", /onOpen has no parameter of type i32\[\] \| null: onOpen\(reason: OpenReason, saved: Saved \| null\): void/],
    ["export function onSave(): i32 { return 1; }", /onSave returns string, Uint8Array, ArrayBuffer, void, string \| null or Uint8Array \| null, not i32: onSave\(\): string/],
    ["export function onAlarm(at: i64): void {}", /onAlarm has no parameters: onAlarm\(\): void/],
    ["export function onError(err: Error): void {}", /onError has no parameter of type Error: onError\(err: CallError\): void/],
    ["export function onMessage(a: Connection, b: Connection): void {}", /^'a' is that already; onMessage has each parameter once/],
    ["import { Conection } from 'ramp-sdk';\nexport function onLeave(c: Conection): void {}", /^'ramp-sdk' exports no 'Conection'; did you mean 'Connection'\?$/],
    ["export default function onJoin(conn: Connection): void {}", /^there is no export default; a handler is exported by its name/],
  ];
  for (const [text, sentence] of bad) test(`refused: ${text.split("\n")[0] || "an empty file"}`, async () => {
    const r = await attempt(HEAD + text);
    assert.equal(r.ok, false);
    assert.match(r.problems[0].text, sentence, JSON.stringify(r.problems));
    assert.equal(r.problems.length, 1, JSON.stringify(r.problems));
  });

  const good = [
    ["export function onJoin(): void {}", ["on_join"]],
    ["function f(c: Connection): void {}\nexport { f as onJoin };", ["on_join"]],
    ["export function onLeave(): void {}\nexport function onTimer(): void {}", ["on_timer"]],
    ["export function onMessage(text: string): void {}", ["on_message"]],
    ["export function onMessage(conn: Connection, bytes: ArrayBuffer): void { conn.send(bytes); }", ["on_message"]],
    ["export function onMessage(m: Message, conn: Connection): void { conn.send(m); }", ["on_message"]],
    ["export function onLeave(conn: Connection, code: u16): void {}", []],
    ["export function onOpen(saved: Uint8Array | null): void {}\nexport function onSave(): Uint8Array { return new Uint8Array(1); }", ["on_open", "on_save"]],
    ["export function onSave(): void {}\nexport function onError(message: string): void {}", ["on_save", "on_error"]],
    ["import { OpenReason, Saved } from 'ramp-sdk';\nexport function onOpen(saved: Saved | null, why: OpenReason): void {}\nexport function onSave(): string | null { return null; }", ["on_open", "on_save"]],
    ["import { OpenReason as Why, Saved as Kept, Connection as Person } from 'ramp-sdk';\nexport function onOpen(why: Why, kept: null | Kept): void {}\nexport function onJoin(p: Person): void {}", ["on_join", "on_open"]],
    ["import * as ramp from 'ramp-sdk';\nexport function onMessage(c: ramp.Connection, m: ramp.Message): void { c.send(m); }", ["on_message"]],
    ["export function onOpen(): void {}\nexport function onSave(): Uint8Array | null { return null; }", ["on_open", "on_save"]],
    ["export function onRequest(req: Request): string { return req.text; }", ["on_request"]],
    ["export function onAlarm(): void {}\nexport function onClose(): void {}\nexport function onBackpressure(c: Connection): void {}", ["on_alarm", "on_close", "on_backpressure"]],
  ];
  for (const [text, handlers] of good) test(`built: ${text.split("\n")[0]}`, async () => {
    const r = await attempt(HEAD + text);
    assert.ok(r.ok, JSON.stringify(r.problems));
    const exports = WebAssembly.Module.exports(new WebAssembly.Module(r.wasm)).map(e => e.name);
    for (const h of ["memory", "_initialize", "ramp_abi_v1", ...handlers]) assert.ok(exports.includes(h), h);
    for (const e of exports) assert.ok([...handlers, "memory", "_initialize", "ramp_abi_v1", "on_leave"].includes(e), e);
  });

  test("handlers may live in other files", async () => {
    const other = roomOf(`${HEAD}export function onJoin(conn: Connection): void {}\nfunction tick(id: i32): void {}\nexport { tick as onTimer, tick as helper };\n`);
    const name = "./" + path.basename(other).replace(".ts", "");
    for (const [text, handlers] of [[`export { onJoin, onTimer } from "${name}";`, ["onJoin", "onTimer"]], [`export * from "${name}";`, ["onJoin", "onTimer"]],
      [`import { helper } from "${name}";\nexport { helper as onTimer };`, ["onTimer"]]]) {
      const r = await attempt(text);
      assert.ok(r.ok, text + JSON.stringify(r.problems));
      assert.deepEqual(r.handlers.sort(), handlers);
      assert.equal(r.files.length, 2);
    }
    const lost = await attempt(`export { onLeave } from "${name}";`);
    assert.equal(lost.ok, false);
  });
});
