// SPDX-License-Identifier: Apache-2.0
// The room in README.md is one that the SDK builds.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

test("the room in README.md builds and has its three handlers", t => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-readme-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const text = fs.readFileSync(path.join(root, "README.md"), "utf8");
  const rooms = [...text.matchAll(/```ts\n(.*?)```/gs)].map(match => match[1]);
  assert.equal(rooms.length, 1);
  assert.ok(rooms[0].trimEnd().split("\n").length <= 12, "at most 12 lines");
  fs.writeFileSync(path.join(folder, "room.ts"), rooms[0]);
  const out = path.join(folder, "room.wasm");
  const run = spawnSync(process.execPath,
    [path.join(root, "guest/assemblyscript/bin/ramp-build.mjs"), path.join(folder, "room.ts"), "-o", out],
    { encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr + run.stdout);
  const names = WebAssembly.Module.exports(new WebAssembly.Module(fs.readFileSync(out))).map(e => e.name);
  for (const handler of ["on_join", "on_message", "on_leave", "ramp_abi_v1"])
    assert.ok(names.includes(handler), handler);
});
