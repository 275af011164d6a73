// SPDX-License-Identifier: Apache-2.0
// What an editor sees: tsc, with the tsconfig that the SDK ships, over rooms and over their tests.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { here, project } from "./support.mjs";

/** Checks these files in a folder of their own. The errors, as "file:line code". */
function check(name, files, config) {
  const folder = path.join(project, `types-${name}-${process.pid}`);
  fs.mkdirSync(path.join(folder, "src"), { recursive: true });
  try {
    for (const [file, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, "src", file), text);
    fs.writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ include: ["src"], ...config }));
    const r = spawnSync(process.execPath, [path.join(project, "node_modules/typescript/bin/tsc"), "-p", folder], { cwd: folder, encoding: "utf8" });
    return { said: r.stdout, errors: [...r.stdout.matchAll(/^src\/([\w.]+)\((\d+),\d+\): error (TS\d+)/gm)].map(m => `${m[1]}:${m[2]} ${m[3]}`) };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
const ROOM = { extends: "ramp-sdk/tsconfig.json" };
const room = name => fs.readFileSync(path.join(here, "rooms", name), "utf8");

test("rooms that use the whole API have no error", () => {
  const r = check("rooms", Object.fromEntries(["everything.ts", "state.ts", "traps.ts", "traps-helper.ts"].map(n => [n, room(n)])), ROOM);
  assert.deepEqual(r.errors, [], r.said);
});

test("what is wrong is red before it is built", () => {
  const r = check("wrong", { "room.ts": `import { alarm, db, kv, service, Connection, Saved } from "ramp-sdk";
export function onMessage(conn: Connection, text: string): void {
  conn.sendd(text);
  const best: string = kv.get("best");
  service.kv.get(5);
  alarm.in(5);
  const page = db.list("a");
  conn.send(page[0].txt);
}
export function onOpen(saved: Saved | null): void {
  saved.text;
}
` }, ROOM);
  assert.deepEqual(r.errors, ["room.ts:3 TS2551", "room.ts:4 TS2322", "room.ts:5 TS2345", "room.ts:6 TS2339", "room.ts:8 TS2551", "room.ts:11 TS18047"], r.said);
});

test("a test of a room knows ramp-sdk/test", () => {
  const config = { compilerOptions: { noEmit: true, strict: true, checkJs: true, allowJs: true, module: "nodenext", moduleResolution: "nodenext", target: "es2022", lib: ["es2022", "dom"], types: [], skipLibCheck: false } };
  const good = `import { openRoom, HandlerError, Store } from "ramp-sdk/test";
const shared = new Store({ top: "ann" });
const room = await openRoom("src/room.ts", { id: "lobby", serviceKv: shared, db: { "score/ann": "7" }, saved: "state", now: 5, fetch: q => ({ status: 200, body: q.url, delay_ms: 5 }) });
const ann = room.join({ id: "ann", query: { name: "Ann" } });
ann.send("hello");
room.holdCommits();
const answer = room.request("POST", "/", { body: "x" });
room.releaseCommits();
room.db.failing = "timeout";
room.kv.delayMs = 50;
room.offline = true;
await room.reload();
if (room.evict() && answer.text.length > room.alarm) room.crash();
try { room.advance(1000); } catch (e) { if (e instanceof HandlerError) e.where.split(":"); }
room.db.texts()["score/ann"].trim();
`;
  const r = check("test", { "good.mjs": good, "bad.mjs": 'import { openRoom } from "ramp-sdk/test";\nconst room = await openRoom("x", { kvs: {} });\nroom.joins();\nroom.db.failing = "broken";\n' }, config);
  assert.deepEqual(r.errors, ["bad.mjs:2 TS2353", "bad.mjs:3 TS2551", "bad.mjs:4 TS2322"], r.said);
});
