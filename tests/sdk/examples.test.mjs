// SPDX-License-Identifier: Apache-2.0
// The examples as a user has them: copied, their own tests run, their types checked, their pages self-contained.
// And docs/state.md: its blocks are rooms that build.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { project, rampBuild, roomOf, root } from "./support.mjs";

const examples = ["chat", "cursors", "counter", "countdown", "poll", "leaderboard", "tic-tac-toe"];
const folder = path.join(project, "examples");
for (const name of [...examples, "counter-c"]) {
  fs.rmSync(path.join(folder, name), { recursive: true, force: true });
  fs.cpSync(path.join(root, "examples", name), path.join(folder, name), { recursive: true, filter: f => !/node_modules|\/build(\/|$)/.test(f) });
}
// The environment of the runner that runs us would make a child report to it.
const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
const runTests = (names, more = {}) => spawnSync(process.execPath, ["--test", ...names.map(n => path.join(folder, n, "test/room.test.mjs"))], { cwd: project, encoding: "utf8", env: { ...env, ...more } });

test("all of them are here", () => {
  const found = fs.readdirSync(path.join(root, "examples")).filter(n => fs.existsSync(path.join(root, "examples", n, "src/room.ts")));
  assert.deepEqual(found.sort(), [...examples].sort());
});

test("their tests pass, and npm run build builds", () => {
  const r = runTests(examples);
  assert.equal(r.status, 0, r.stdout + r.stderr);
  const b = spawnSync("npm", ["run", "--silent", "build"], { cwd: path.join(folder, "chat"), encoding: "utf8", env: { ...env, PATH: `${path.dirname(process.execPath)}:${process.env.PATH}` } });
  assert.equal(b.status, 0, b.stdout + b.stderr);
  assert.ok(fs.existsSync(path.join(folder, "chat/build/room.wasm")));
});

const runs = name => spawnSync(name, ["--version"]).status === 0;
const clang = process.env.RAMP_CLANG ?? ["clang", "clang-19", "clang-16", "clang-14"].find(runs);
const links = clang && runs(spawnSync(clang, ["--print-prog-name=wasm-ld"], { encoding: "utf8" }).stdout.trim());

test("the counter in C builds with the line in its README, and passes its test", { skip: links ? false : "no clang with wasm-ld here" }, () => {
  const made = path.join(folder, "counter-c/build"), wasm = path.join(made, "counter.wasm");
  fs.mkdirSync(made, { recursive: true });
  execFileSync(process.execPath, [path.join(root, "tools/generate.mjs"), "--header", path.join(made, "ramp_hostcalls.h")]);
  const line = fs.readFileSync(path.join(root, "examples/counter-c/README.md"), "utf8").match(/clang (.*?) \\\n +(.*)\n/).slice(1).join(" ").split(" ");
  const args = line.map(a => a === "counter.wasm" ? wasm : a === "build" ? made : a);
  execFileSync(clang, ["-std=c17", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", ...args], { cwd: root });
  const r = runTests(["counter-c"], { COUNTER_WASM: wasm });
  assert.equal(r.status, 0, r.stdout + r.stderr);
});

test("an editor sees types: tsc finds no error in them, nor in the SDK's own API", () => {
  const tsc = path.join(project, "node_modules/typescript/bin/tsc");
  for (const name of examples) {
    const r = spawnSync(process.execPath, [tsc, "-p", path.join(folder, name)], { encoding: "utf8" });
    assert.equal(r.status, 0, `${name}: ${r.stdout}`);
  }
});

for (const name of examples) test(`${name}: what a template needs, and nothing from elsewhere`, () => {
  const dir = path.join(root, "examples", name), read = f => fs.readFileSync(path.join(dir, f), "utf8");
  const pkg = JSON.parse(read("package.json"));
  assert.equal(pkg.name, name);
  assert.equal(pkg.devDependencies["ramp-sdk"], "^0.1.0");
  assert.equal(JSON.parse(read("ramp.json")).name, name);
  const page = read("web/index.html"), used = [...page.matchAll(/(?:src|href)="([\w.-]+\.(?:mjs|css))"/g)].map(m => m[1]);
  assert.deepEqual([...used, "room.mjs"].sort(), fs.readdirSync(path.join(dir, "web")).filter(f => f !== "index.html").sort());
  for (const text of [page, ...used.map(f => read(`web/${f}`))]) assert.doesNotMatch(text, /(?:src|href|url\(|from|import)\s*[=("']+(?:https?:)?\/\//);
  assert.doesNotMatch(page, /<script(?! type="module" src=)|<style|\sstyle=|\son\w+=/, "nothing that a content security policy forbids");
  assert.match(page, new RegExp(`<html lang="en" data-service="${name}">`)); // room.mjs takes the service from there
  for (const shared of ["look.css", "room.mjs"]) assert.equal(read(`web/${shared}`), fs.readFileSync(path.join(root, "examples/chat/web", shared), "utf8"), `${shared} is the same in all`);
  assert.ok(read("README.md").split("\n").length < 25);
});

test("docs/state.md: every block of AssemblyScript is a room that builds", () => {
  const blocks = [...fs.readFileSync(path.join(root, "docs/state.md"), "utf8").matchAll(/```ts\n(.*?)```/gs)].map(m => m[1]);
  assert.ok(blocks.length > 5);
  for (const text of blocks) {
    const r = rampBuild(roomOf(text), "--debug", "-o", path.join(folder, "state.wasm"));
    assert.equal(r.status, 0, `${text}\n${r.stdout}${r.stderr}`);
  }
});
