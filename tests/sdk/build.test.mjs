// SPDX-License-Identifier: Apache-2.0
// The build: its command, its server, and what a module looks like.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { after, test } from "node:test";
import { project, rampBuild, roomFile, roomOf, sdk, use } from "./support.mjs";

const { build } = await use("lib/build.mjs");
const { readModule } = await use("lib/lines.mjs");
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-build-"));
after(() => fs.rmSync(temporary, { recursive: true }));
const out = name => path.join(temporary, name);
const imports = wasm => WebAssembly.Module.imports(new WebAssembly.Module(wasm)).map(i => `${i.module}.${i.name}`).sort();
const ECHO = 'import { room, Connection, Message } from "ramp-sdk";\nexport function onMessage(conn: Connection, msg: Message): void {\n  room.broadcast(msg);\n}\n';

test("one file, one line of report, the default place, exit 0", () => {
  const dir = out("chat");
  fs.mkdirSync(path.join(dir, "src"), { recursive: true });
  fs.writeFileSync(path.join(dir, "src/room.ts"), ECHO);
  const a = rampBuild(dir);
  assert.equal(a.status, 0, a.stderr);
  assert.match(a.stdout, /room\.wasm  \d+\.\d KB  onMessage  \d+ ms\n$/);
  assert.deepEqual(fs.readdirSync(path.join(dir, "build")), ["room.wasm"]);
  fs.mkdirSync(path.join(dir, "other"));
  fs.renameSync(path.join(dir, "src/room.ts"), path.join(dir, "other/game.ts"));
  fs.writeFileSync(path.join(dir, "ramp.json"), '{ /* comments may stand here */ "main": "other/game.ts", "env": { "A": ",}", }, } // and here\n');
  const b = rampBuild(dir, "-o", out("named.wasm"), "--json");
  assert.equal(b.status, 0, b.stderr);
  const r = JSON.parse(b.stdout);
  assert.deepEqual([r.ok, r.out, r.bytes, r.handlers, r.files], [true, out("named.wasm"), fs.statSync(out("named.wasm")).size, ["onMessage"], ["other/game.ts"]]);
  assert.ok(WebAssembly.validate(fs.readFileSync(r.out)));
});

test("a room with problems: sentences at their lines, exit 1, nothing written", () => {
  const file = roomOf(ECHO.replace("room.broadcast(msg)", "room.broadcst(msg)"));
  const a = rampBuild(file, "-o", out("bad.wasm"));
  assert.equal(a.status, 1);
  assert.match(a.stderr, /^rooms\/room-[\d-]+\.ts:3:8  a Room has no 'broadcst'; did you mean 'broadcast'\?\n +3 \|   room\.broadcst\(msg\);\nbuild failed \(\d+ ms\)\n$/);
  const b = rampBuild(file, "-o", out("bad.wasm"), "--json");
  assert.equal(b.status, 1);
  const r = JSON.parse(b.stdout);
  assert.deepEqual(r.problems.map(p => ({ ...p, file: "" })), [{ file: "", line: 3, col: 8, text: "a Room has no 'broadcst'; did you mean 'broadcast'?", source: "  room.broadcst(msg);" }]);
  assert.ok(!fs.existsSync(out("bad.wasm")));
});

test("wrong use is one sentence and exit 2", () => {
  for (const [args, sentence] of [[["--what"], /unknown option --what/], [["-o"], /-o needs a path/], [["a", "b"], /one room at a time/], [["nowhere.ts"], /nowhere\.ts: there is no such file or folder/],
    [[temporary], /there is no src\/room\.ts/], [["package.json"], /a room is a \.ts file/]]) {
    const r = rampBuild(...args);
    assert.equal(r.status, 2, args.join(" ") + r.stderr);
    assert.match(r.stderr, sentence);
    assert.equal(r.stdout, "");
  }
  fs.mkdirSync(out("broken"));
  fs.writeFileSync(out("broken/ramp.json"), "{");
  assert.match(rampBuild(out("broken")).stderr, /broken\/ramp\.json: /);
  fs.writeFileSync(out("broken/ramp.json"), "[]");
  assert.match(rampBuild(out("broken")).stderr, /broken\/ramp\.json: not a JSON object/);
  assert.equal(rampBuild("--help").status, 0);
});

test("an output that cannot be written is one sentence", () => {
  fs.writeFileSync(out("a-file"), "");
  const r = rampBuild(roomOf(ECHO), "-o", out("a-file/room.wasm"));
  assert.equal(r.status, 1);
  assert.match(r.stderr, /^\/[^\n]*a-file\/room\.wasm: [^\n]+\nbuild failed/);
  assert.doesNotMatch(r.stderr, /\n +at /);
});

test("the server answers each line in order, goes on after failures, and ends with its input", async () => {
  const good = roomOf(ECHO), bad = roomOf("export function onMesage(): void {}");
  const server = spawn(process.execPath, [path.join(sdk, "bin/ramp-build.mjs"), "--server"], { cwd: project, stdio: ["pipe", "pipe", "inherit"] });
  const lines = readline.createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const ask = async q => { server.stdin.write((typeof q === "string" ? q : JSON.stringify(q)) + "\n"); return JSON.parse((await lines.next()).value); };
  const a = await ask({ id: 1, file: good, out: out("s1.wasm"), mode: "debug" });
  assert.deepEqual([a.id, a.ok, a.out, a.handlers], [1, true, out("s1.wasm"), ["onMessage"]]);
  const b = await ask({ id: 2, file: bad, out: out("s2.wasm") });
  assert.deepEqual([b.id, b.ok, b.problems.length], [2, false, 1]);
  assert.match(b.problems[0].text, /did you mean 'onMessage'/);
  const c = await ask({ id: "three", file: path.relative(project, good), out: out("s3.wasm"), mode: "release" });
  assert.deepEqual([c.id, c.ok], ["three", true]);
  assert.ok(fs.statSync(out("s3.wasm")).size < fs.statSync(out("s1.wasm")).size);
  for (const q of ["{", "[]", '{"id":4}', '{"id":4,"file":"x","mode":"fast"}']) {
    const r = await ask(q);
    assert.match(r.problems[0].text, /^not a request: /);
  }
  assert.match((await ask({ id: 5, file: "nowhere.ts" })).problems[0].text, /there is no such file/);
  fs.writeFileSync(good, ECHO.replace("(msg)", "(msg.text)"));
  const again = await ask({ id: 6, file: good, out: out("s3.wasm"), mode: "release" });
  assert.ok(again.ok && again.bytes !== c.bytes, "it built the old text");
  server.stdin.end();
  assert.equal(await new Promise(r => server.on("exit", r)), 0);
});

test("a room that never reads kv, db or fetch imports no wait; one that does, does", async () => {
  const plain = await build(roomOf(ECHO), { write: false });
  assert.deepEqual(imports(plain.wasm), ["event_read", "log", "panic", "room_broadcast"].map(n => "ramp_v1." + n));
  for (const [use, waits] of [["kv.set('a', msg.text); db.set('a', 'b'); setTimer(1, 50); saveState('x');", false], ["kv.get('a');", true], ["db.list('a');", true], ["fetch('http://x');", true]]) {
    const r = await build(roomOf(`import { kv, db, fetch, setTimer, saveState, Connection, Message } from "ramp-sdk";\nexport function onMessage(conn: Connection, msg: Message): void { ${use} }\n`), { mode: "debug", write: false });
    assert.ok(r.ok, JSON.stringify(r.problems));
    assert.equal(imports(r.wasm).includes("ramp_v1.wait"), waits, use);
  }
});

for (const mode of ["release", "debug"]) test(`a module has only what a deploy accepts, ${mode}`, async () => {
  const { wasm } = await build(roomFile("everything.ts"), { mode, write: false });
  const { sections } = readModule(wasm), ids = sections.map(s => s.id);
  assert.ok(!ids.includes(8), "a start section");
  assert.deepEqual(sections.filter(s => s.id === 0).map(s => s.name), ["ramp.lines"]);
  for (const i of imports(wasm)) assert.match(i, /^ramp_v1\./);
  const exports = WebAssembly.Module.exports(new WebAssembly.Module(wasm));
  assert.ok(exports.every(e => /^(memory|_initialize|ramp_abi_v1|on_[a-z]+)$/.test(e.name)), exports.map(e => e.name).join());
  const data = sections.find(s => s.id === 11);
  let p = data.body;
  while (wasm[p++] & 128); // the count
  assert.equal(wasm[p], 0, "a passive segment");
});

test("the same source gives the same bytes, and they hold no path of this machine", async () => {
  const file = roomFile("traps-helper.ts"), text = fs.readFileSync(file, "utf8");
  fs.writeFileSync(file.replace("traps-helper", "same"), text + "export function onClose(): void { helperFails(1); }\n");
  const room = file.replace("traps-helper", "same"), a = await build(room, { write: false }), b = await build(room, { write: false });
  assert.equal(Buffer.compare(a.wasm, b.wasm), 0);
  const elsewhere = out("elsewhere");
  fs.mkdirSync(path.join(elsewhere, "rooms"), { recursive: true });
  fs.copyFileSync(path.join(project, "package.json"), path.join(elsewhere, "package.json"));
  fs.copyFileSync(room, path.join(elsewhere, "rooms/same.ts"));
  const c = await build(path.join(elsewhere, "rooms/same.ts"), { write: false });
  assert.equal(Buffer.compare(a.wasm, c.wasm), 0);
  for (const encoding of ["latin1", "utf16le"]) for (const text of [a.wasm.toString(encoding), a.wasm.subarray(1).toString(encoding)]) assert.ok(!text.includes(project) && !text.includes(os.homedir() + "/"));
});

test("recursion neither hangs the build nor is lost", async () => {
  const r = await build(roomOf(`import { Connection, Message } from "ramp-sdk";
class Tree { kids: Tree[] = []; count(): i32 { let n = 1; for (let i = 0; i < this.kids.length; i++) n += this.kids[i].count(); return n; } }
function fib(n: i32): i32 { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
function even(n: i32): bool { return n == 0 ? true : odd(n - 1); }
function odd(n: i32): bool { return n == 0 ? false : even(n - 1); }
export function onMessage(conn: Connection, msg: Message): void {
  const t = new Tree();
  t.kids.push(new Tree());
  t.kids[0].kids.push(new Tree());
  conn.send(fib(20).toString() + " " + even(10).toString() + " " + t.count().toString());
}`), { write: false });
  assert.ok(r.ok && r.ms < 60000);
  const { openRoom } = await use("lib/test.mjs"), conn = (await openRoom(null, { wasm: r.wasm })).join("a");
  conn.send("x");
  assert.equal(conn.last, "6765 true 3");
});

test("an asconfig.json of the project is not ours to read", async () => {
  const dir = out("configured");
  fs.mkdirSync(path.join(dir, "src"), { recursive: true });
  fs.writeFileSync(path.join(dir, "src/room.ts"), ECHO);
  fs.writeFileSync(path.join(dir, "asconfig.json"), '{"options":{"runtime":"stub","importMemory":true}}');
  const r = await build(dir, { write: false });
  assert.ok(r.ok);
  assert.equal(imports(r.wasm).length, 4);
});

test("what would be imported from elsewhere is refused", async () => {
  const r = await build(roomOf(`import { Connection } from "ramp-sdk";
// @ts-ignore: decorator
@external("env", "steal") declare function steal(): void;
export function onJoin(conn: Connection): void { steal(); }
`), { write: false });
  assert.equal(r.ok, false);
  assert.match(r.problems[0].text, /'env\.steal' is imported, which no Ramp room can do/);
});
