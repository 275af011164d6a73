// SPDX-License-Identifier: Apache-2.0
// Installed to a prefix, moved elsewhere, the clone gone, as a user who is not root: from `ramp init` to a
// changed message. The clone is hidden by an empty file system over it, in a mount namespace of its own.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { build, Client, root, slow, until } from "./support.mjs";

const isRoot = process.getuid() === 0;
const NOBODY = 65534;
let top, prefix, home;

/** What hides the clone (and the build folder), and then is nobody. Who is not root already is so, and is
 *  root only in a namespace of its own. */
function alone(command) {
  const hidden = [...new Set([fs.realpathSync(root), fs.realpathSync(build)])];
  const hide = hidden.map(dir => `{ ! test -e '${dir}' || mount -t tmpfs none '${dir}'; }`).join(" && ");
  const become = isRoot ? `exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups --no-new-privs "$@"` : `exec "$@"`;
  return ["unshare", [isRoot ? "-m" : "-Urm", "sh", "-c", `${hide} && ${become}`, "sh", ...command]];
}

const environment = (more = {}) => ({ PATH: `${prefix}/bin:${path.dirname(process.execPath)}:/usr/bin:/bin`, HOME: home, LANG: "C.UTF-8", ...more });

function run(command, { cwd = home, env = {} } = {}) {
  const done = spawnSync(...alone(command), { cwd, env: environment(env), encoding: "utf8", timeout: 120000 * slow });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

before(() => {
  top = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-install-"));
  fs.chmodSync(top, 0o755);
  const first = path.join(top, "first");
  const done = spawnSync("cmake", ["--install", build, "--prefix", first], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  prefix = path.join(top, "prefix");
  fs.renameSync(first, prefix); // it knows its place by itself
  home = path.join(top, "home");
  fs.mkdirSync(home);
  if (isRoot) fs.chownSync(home, NOBODY, NOBODY);
  // A Node that lies in the clone is hidden, too: then it must have come along.
  if (process.execPath.startsWith(fs.realpathSync(root))) assert.ok(fs.existsSync(path.join(prefix, "lib/ramp/node")));
});
after(() => fs.rmSync(top, { recursive: true, force: true }));

test("the clone is out of reach, and the user is not root", () => {
  const { out } = run(["sh", "-c", `ls -A '${root}'; id -u; touch '${prefix}/bin/x' 2>&1`]);
  const lines = out.trim().split("\n");
  if (isRoot) {
    assert.equal(lines[0], String(NOBODY), out);
    assert.match(lines[1], /Permission denied/);
  } else assert.equal(lines[0], "0", out);
});

test("init, dev, a page, a room, a change; then its own test", async t => {
  const made = run(["ramp", "init", "x"]);
  assert.equal(made.code, 0, made.err);
  assert.match(made.out, /created x from the template chat[\s\S]*next:\n {2}cd x\n {2}ramp dev .*\n {2}node --test test\/ /);
  const dir = path.join(home, "x");
  for (const file of ["src/room.ts", "test/room.test.mjs", "web/index.html", "tsconfig.json", "package.json", "node_modules/ramp-sdk/tsconfig.json"])
    assert.ok(fs.existsSync(path.join(dir, file)), file);
  assert.equal(fs.realpathSync(path.join(dir, "node_modules/ramp-sdk")), path.join(fs.realpathSync(prefix), "share/ramp/sdk"));

  const child = spawn(...alone(["ramp", "dev", "--listen", "127.0.0.1:0", "--json"]), { cwd: dir, env: environment() });
  t.after(() => child.kill("SIGKILL"));
  const exited = new Promise(done => child.on("exit", (code, signal) => done({ code, signal })));
  let out = "", err = "";
  child.stdout.on("data", text => (out += text));
  child.stderr.on("data", text => (err += text));
  const next = event => until(`${event}: ${out}${err}`, () => {
    const line = out.split("\n").find(one => one.includes(`"event": "${event}"`) || one.includes(`"event":"${event}"`));
    if (!line) return null;
    out = out.slice(out.indexOf(line) + line.length);
    return JSON.parse(line);
  }, 60000);
  const { url } = await next("ready");
  assert.equal((await next("built")).file, "src/room.ts");
  assert.match(await (await fetch(url + "/")).text(), /<html/i);
  assert.match(await (await fetch(url + "/_ramp/")).text(), /Ramp playground/);
  const client = await Client.open(`${url.replace("http", "ws")}/x/lobby?user=ann`);
  client.send("hello");
  await until("a message", () => client.got.some(text => text.toString().includes("hello")));

  // In whatever way the room says something: every line of it now begins otherwise.
  const file = path.join(dir, "src/room.ts"), source = fs.readFileSync(file, "utf8");
  fs.writeFileSync(file, source.replace(/^export function onMessage\((\w+): .*$/m, `$&\n  $1.send("changed by me");`));
  assert.equal((await next("built")).changed, "src/room.ts");
  await until("the change", () => {
    client.send("again");
    return client.got.some(text => text.toString() === "changed by me");
  });
  child.kill("SIGINT");
  assert.deepEqual(await exited, { code: 0, signal: null }, err);
  fs.writeFileSync(file, source);

  const tested = run([fs.existsSync(path.join(prefix, "lib/ramp/node")) ? path.join(prefix, "lib/ramp/node") : "node", "--test", "test/"], { cwd: dir });
  assert.equal(tested.code, 0, tested.out + tested.err);
});

test("every template builds, and doctor finds the prefix's parts", () => {
  const { code, out, err } = run(["ramp", "init", "--json"]);
  assert.equal(code, 0, err);
  const names = JSON.parse(out).map(one => one.name);
  assert.ok(names.length >= 3 && names.includes("chat"), out);
  for (const name of names) {
    assert.equal(run(["ramp", "init", name, "--template", name]).code, 0, name);
    const built = run(["ramp", "build", name, "--debug"]);
    assert.equal(built.code, 0, `${name}: ${built.err}`);
  }
  const { findings } = JSON.parse(run(["ramp", "doctor", "--json"]).out);
  const state = check => findings.find(one => one.check === check);
  assert.deepEqual([state("SDK").state, state("Node").state, state("writing").state], ["ok", "ok", "ok"], JSON.stringify(findings));
  assert.ok(state("SDK").text.includes(path.join(prefix, "share/ramp/sdk")), state("SDK").text);
});

test("a Node that came along is used; without any there is one sentence", () => {
  run(["ramp", "init", "y", "--template", "cursors"]);
  const bare = ["env", `PATH=${prefix}/bin`]; // neither a Node nor anything else
  const own = path.join(prefix, "lib/ramp/node"), aside = own + ".aside", had = fs.existsSync(own);
  fs.mkdirSync(path.dirname(own), { recursive: true });
  if (had) fs.renameSync(own, aside);
  const ramp = path.join(prefix, "bin/ramp");
  const none = run([...bare, ramp, "build", "y"]);
  assert.deepEqual([none.code, none.err], [1, "ramp build: there is no Node, which the compiler needs; install Node 20 or newer, or name one with RAMP_NODE\n"]);
  fs.copyFileSync(had ? aside : process.execPath, own);
  fs.chmodSync(own, 0o755);
  const built = run([...bare, ramp, "build", "y", "--debug"]);
  assert.equal(built.code, 0, built.err);
});
