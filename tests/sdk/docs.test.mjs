// SPDX-License-Identifier: Apache-2.0
// What docs/rooms.md, errors.md and testing.md show is true: their rooms build, their tests pass, the
// build says what the tables say.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { project, roomOf, root, use } from "./support.mjs";

const { build } = await use("lib/build.mjs");
const { openRoom } = await use("lib/test.mjs");
const page = name => fs.readFileSync(path.join(root, "docs", name), "utf8");
const blocks = (name, language) => [...page(name).matchAll(new RegExp("^```" + language + "\\n([^]*?)^```$", "gm"))].map(m => m[1]);
const SDK = 'import { room, service, env, kv, db, alarm, setTimer, clearTimer, Connection, Message } from "ramp-sdk";\n';
/** A block without a handler stands for the inside of one. */
const whole = block => /^export function on/m.test(block) ? block : `${SDK}export function onMessage(conn: Connection, msg: Message): void {\n${block}}\n`;
const attempt = text => build(roomOf(text), { mode: "debug", write: false });

for (const name of ["rooms.md", "errors.md"]) test(`${name}: every block builds`, async () => {
  const all = blocks(name, "ts");
  assert.ok(all.length >= 1);
  for (const block of all) {
    const r = await attempt(whole(block));
    assert.ok(r.ok, block + JSON.stringify(r.problems));
  }
});

test("rooms.md: the handlers of its table are those that there are, as they are written", async () => {
  const { HANDLERS } = await use("lib/entry.mjs");
  const rows = [...page("rooms.md").matchAll(/^\| (`on[A-Z].*?) \|(?= [a-z])/gm)].flatMap(m => [...m[1].matchAll(/`(on\w+)(\([^`]*)`/g)]);
  assert.deepEqual(rows.map(m => m[1]).sort(), Object.keys(HANDLERS).sort());
  const text = rows.map(m => `export function ${m[1]}${m[2].replaceAll("\\|", "|")} { ${/: (Response|string)$/.exec(m[2])?.[1] === "Response" ? 'return new Response("");' : m[2].endsWith("string") ? 'return "";' : ""} }`);
  const r = await attempt(`import { Connection, Message, Request, Response, OpenReason, Saved, CallError } from "ramp-sdk";\n${text.join("\n")}\n`);
  assert.ok(r.ok, JSON.stringify(r.problems));
});

test("errors.md: the build says what the tables say", async () => {
  const rows = [...page("errors.md").matchAll(/^\| `(.+?)` \| (.+) \|$/gm)].map(m => [m[1], m[2]].map(s => s.replaceAll("\\|", "|")));
  const build = rows.slice(0, rows.findIndex(([code]) => code.startsWith("kv.get(\"best\"): ")));
  assert.ok(build.length >= 30);
  for (const [code, says] of build) {
    const r = await attempt(`import { room, kv, db, Connection, Message } from "ramp-sdk";\nexport function onMessage(conn: Connection, msg: Message): void {\n  ${code}\n}\n`);
    assert.deepEqual(r.problems?.map(p => [p.line, p.text]), [[3, says]], code);
  }
});

test("errors.md: what host functions say", async () => {
  const says = [...page("errors.md").matchAll(/^\| `((?:kv|db|send|close|setTimer|this|null)[^`]*)` \| /gm)].map(m => m[1]).filter(s => /: |handler has|cannot be/.test(s) && !/[;{}]$/.test(s));
  const file = roomOf(`import { kv, db, setTimer, Connection, Message } from "ramp-sdk";
let kept: Message | null = null;
export function onMessage(conn: Connection, msg: Message): void {
  const t = msg.text;
  if (t == "kv") kv.get("best");
  else if (t == "db") db.get("best");
  else if (t == "big") db.set("x", new Uint8Array(600000));
  else if (t == "many") for (let i = 0; i < 500; i++) db.set("x", "y");
  else if (t == "send") conn.send("x".repeat(2000000));
  else if (t == "close") conn.close(5);
  else if (t == "timer") setTimer(1, 5);
  else if (t == "keep") kept = msg;
  else if (t == "kept") kept!.bytes;
  else if (t == "null") conn.send(conn.query("none"));
}
`);
  const room = await openRoom(file), ann = room.join("ann"), heard = [];
  room.kv.failing = "unavailable";
  room.db.failing = "timeout";
  for (const t of ["kv", "db", "big", "many", "send", "close", "timer", "keep", "kept", "null"]) try { ann.send(t); } catch (e) { heard.push(e.reason); }
  await assert.rejects(openRoom(roomOf('import { kv } from "ramp-sdk";\nkv.get("best");\nexport function onClose(): void {}\n')), e => heard.push(e.reason) > 0);
  const shown = s => s.replace(/\("…"\)/, '("x")');
  assert.deepEqual(says.map(s => shown(s).replace('kv.get("x")', 'kv.get("best")')).sort(), heard.sort());
});

test("testing.md: its room's test passes", () => {
  const folder = path.join(project, `testing-${process.pid}`);
  const [room, ...more] = blocks("testing.md", "ts"), tests = blocks("testing.md", "js");
  assert.equal(more.length, 0);
  fs.mkdirSync(path.join(folder, "src"), { recursive: true });
  fs.mkdirSync(path.join(folder, "test"));
  try {
    fs.writeFileSync(path.join(folder, "package.json"), "{}");
    fs.writeFileSync(path.join(folder, "src/room.ts"), room);
    fs.writeFileSync(path.join(folder, "test/room.test.mjs"), tests.join("\n"));
    const r = spawnSync(process.execPath, ["--test", "test/room.test.mjs"], { cwd: folder, encoding: "utf8", env: { ...process.env, NODE_TEST_CONTEXT: undefined } });
    assert.equal(r.status, 0, r.stdout + r.stderr);
    assert.match(r.stdout, /^# pass 9$/m);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
