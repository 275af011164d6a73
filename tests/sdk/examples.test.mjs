// SPDX-License-Identifier: Apache-2.0
// The examples as a user has them: copied, their own tests run, their types checked, their pages self-contained.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { project, root } from "./support.mjs";

const examples = ["chat", "cursors", "countdown"];
const folder = path.join(project, "examples");
for (const name of examples) {
  fs.rmSync(path.join(folder, name), { recursive: true, force: true });
  fs.cpSync(path.join(root, "examples", name), path.join(folder, name), { recursive: true, filter: f => !/node_modules|\/build(\/|$)/.test(f) });
}
// The environment of the runner that runs us would make a child report to it.
const env = { ...process.env, NODE_TEST_CONTEXT: undefined };

test("their tests pass, and npm run build builds", () => {
  const r = spawnSync(process.execPath, ["--test", ...examples.map(n => path.join(folder, n, "test/room.test.mjs"))], { cwd: project, encoding: "utf8", env });
  assert.equal(r.status, 0, r.stdout + r.stderr);
  const b = spawnSync("npm", ["run", "--silent", "build"], { cwd: path.join(folder, "chat"), encoding: "utf8", env: { ...env, PATH: `${path.dirname(process.execPath)}:${process.env.PATH}` } });
  assert.equal(b.status, 0, b.stdout + b.stderr);
  assert.ok(fs.existsSync(path.join(folder, "chat/build/room.wasm")));
});

test("an editor sees types: tsc finds no error in them, nor in the SDK's own API", () => {
  const tsc = path.join(project, "node_modules/typescript/bin/tsc");
  for (const name of examples) {
    const r = spawnSync(process.execPath, [tsc, "-p", path.join(folder, name)], { encoding: "utf8" });
    assert.equal(r.status, 0, r.stdout);
  }
});

for (const name of examples) test(`${name}: what a template needs, and nothing from elsewhere`, () => {
  const dir = path.join(root, "examples", name), read = f => fs.readFileSync(path.join(dir, f), "utf8");
  const pkg = JSON.parse(read("package.json"));
  assert.equal(pkg.devDependencies["ramp-sdk"], "^0.1.0");
  assert.equal(JSON.parse(read("ramp.json")).name, name);
  const page = read("web/index.html"), script = page.match(/src="([\w.]+\.mjs)"/)[1], style = page.match(/href="([\w.]+\.css)"/)[1];
  for (const text of [page, read(`web/${script}`), read(`web/${style}`)]) assert.doesNotMatch(text.replace("http://www.w3.org/2000/svg", ""), /(?:src|href|url\(|from|import)\s*[=("']+(?:https?:)?\/\//);
  assert.match(read(`web/${script}`), /get\("service"\) \?\? "/);
  assert.ok(read("README.md").split("\n").length < 25);
});
