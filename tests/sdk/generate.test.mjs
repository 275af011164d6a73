// SPDX-License-Identifier: Apache-2.0
// What is made from hostcalls.def and limits.h, and what the reader refuses.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { root, sdk } from "./support.mjs";
import { headerText, hostcallsText, importsText, limitsText, readHostcalls, readLimits } from "../../tools/generate.mjs";

const temporary = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-generate-"));
after(() => fs.rmSync(temporary, { recursive: true }));
const tool = (...args) => spawnSync(process.execPath, [path.join(root, "tools/generate.mjs"), ...args], { encoding: "utf8" });
const def = fs.readFileSync(path.join(root, "src/core/hostcalls.def"), "utf8");

test("every line of hostcalls.def is in all four", () => {
  const table = readHostcalls(def), names = [...def.matchAll(/^HOSTCALL\((\w+)/gm)].map(m => m[1]);
  assert.deepEqual(table.hostcalls.map(h => h.name), names);
  assert.ok(names.length >= 28 && table.handlers.length >= 11);
  const imports = importsText(table), header = headerText(table), page = hostcallsText(table);
  for (const name of names) {
    assert.ok(imports.includes(`@external("ramp_v1", "${name}")\nexport declare function ${name}(`), name);
    assert.ok(header.includes(`RAMP_IMPORT(${name})\n`) && header.includes(`ramp_${name}(`), name);
    assert.ok(page.includes(`| \`${name}\` |`), name);
  }
  for (const h of table.handlers) assert.ok(page.includes(`| \`${h.name}\` |`));
  assert.match(imports, /function kv_set\(scope: u32, k: usize, kn: i32, v: usize, vn: i32, ttl_ms: i64\): i32;/);
  assert.match(header, /^int64_t ramp_time_ms\(void\);$/m);
  assert.match(header, /^void ramp_random\(void \*p, uint32_t n\);$/m);
});

test("--out writes them; what is as it should be is not touched", () => {
  const a = tool("--out", temporary);
  assert.equal(a.status, 0, a.stderr);
  const files = ["assembly/imports.ts", "ramp_hostcalls.h", "hostcalls.md", "limits.md"].map(f => path.join(temporary, f));
  const past = new Date(1e12);
  for (const f of files) fs.utimesSync(f, past, past);
  assert.equal(tool("--out", temporary).status, 0);
  for (const f of files) assert.equal(+fs.statSync(f).mtime, +past, f);
  assert.equal(fs.readFileSync(files[0], "utf8"), fs.readFileSync(path.join(sdk, "assembly/imports.ts"), "utf8"), "the package has another imports.ts");
});

test("the committed pages are what their sources say", () => {
  const r = tool("--docs", "--check");
  assert.equal(r.status, 0, r.stderr);
});

test("limits: values are computed, units and reasons are kept", () => {
  const sections = readLimits("/* ---- first things ---- */\n#define LIMIT_A (4u << 20) /* bytes: a reason | with a bar */\n#define LIMIT_B 20u /* things without more */\n");
  assert.deepEqual(sections, [{ title: "first things", rows: [{ name: "LIMIT_A", value: 4 << 20, unit: "bytes", reason: "a reason | with a bar" }, { name: "LIMIT_B", value: 20, unit: "", reason: "things without more" }] }]);
  assert.match(limitsText(sections), /## First things\n\n[^]*\| `LIMIT_A` \| 4,194,304 \(4 MiB\) \| bytes \| a reason \\\| with a bar \|/);
  assert.throws(() => readLimits("#define LIMIT_A 4\n"), /a limit without 'unit: reason'/);
});

test("a wrong line is refused with its name; wrong use is exit 2", () => {
  for (const [line, sentence] of [['HOSTCALL(a, NOW, "pn", \'i\', "p", "x")', /'a' has 2 parameters and 1 names/], ['HOSTCALL(b, NOW, "z", \'i\', "p", "x")', /'b' has an unknown letter 'z'/], ["HOSTCALL(c, NOW)", /'c'/]])
    assert.throws(() => readHostcalls(line + "\n"), sentence);
  assert.equal(tool().status, 2);
  assert.equal(tool("--out").status, 2);
});
