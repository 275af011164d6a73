// SPDX-License-Identifier: Apache-2.0
// The command line as people and scripts use it: exit codes, sentences that name the next thing to do, JSON.
// `ramp dev` has dev.test.mjs, the way from an installed prefix install.test.mjs.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { ramp, root, room, Server, slow, until, variant } from "./support.mjs";

const sdk = path.join(root, "guest/assemblyscript");
const environment = { ...process.env, RAMP_SDK: sdk, RAMP_NODE: process.execPath, RAMP_URL: "", RAMP_TOKEN: "" };

/** Runs a verb to its end. */
function run(args, { cwd = os.tmpdir(), env = {}, input } = {}) {
  const done = spawnSync(ramp, args, { cwd, env: { ...environment, ...env }, encoding: "utf8", input, timeout: 120000 * slow });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

function folder(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-cli-"));
  t.after(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

function project(t, { source = fs.readFileSync(path.join(root, "tests/e2e/rooms/chat.ts"), "utf8"), json } = {}) {
  const made = folder(t);
  fs.mkdirSync(path.join(made, "src"));
  fs.writeFileSync(path.join(made, "src/room.ts"), source);
  if (json !== undefined) fs.writeFileSync(path.join(made, "ramp.json"), json);
  return made;
}

// ---- use ------------------------------------------------------------------------------------------

test("every verb has help and exits with 0", () => {
  const { code, out } = run(["help"]);
  assert.equal(code, 0);
  const verbs = [...out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(match => match[1]);
  for (const verb of ["dev", "serve", "init", "build", "check", "deploy", "versions", "rollback", "call", "logs", "rooms", "modules", "bench", "doctor", "version", "help"])
    assert.ok(verbs.includes(verb), `no ${verb} in ${out}`);
  for (const verb of verbs) {
    const asked = run([verb, "--help"]);
    assert.equal(asked.code, 0, `${verb}: ${asked.err}`);
    assert.match(asked.out, /^usage: ramp/m, verb);
    if (verb !== "help") assert.equal(run(["help", verb]).out, asked.out, verb);
  }
});

test("wrong use is one sentence with a hint, and 2", () => {
  const cases = [
    [["depoly"], "did you mean 'deploy'?"],
    [["serve", "--lisen", "x"], "did you mean --listen?"],
    [["serve", "--workers", "0"], "'0' is no number from 1 to 256"],
    [["serve", "--workers"], "--workers needs a value"],
    [["call", "chat"], "usage: ramp call SERVICE ROOM"],
    [["call", "chat", "r", "jion"], "did you mean join"],
    [["deploy", "/dev/null"], "name the service with --service"],
    [["deploy", "/dev/null", "--service", "No Name"], "is no name"],
    [["check"], "usage: ramp check FILE.wasm"],
    [["init", "x", "--template", "cursor"], "did you mean cursors"],
    [["logs", "--level", "loud"], "debug, info, warning, error"],
    [["version", "now"], "one operand too many"],
    [["versions"], "name the service, or run this in the folder of its project"],
    [["versions", "Bad_Name"], "is no name for a service"],
    [["rollback", "chat", "zz"], "write at least 4 of the digits"],
    [["rollback", "chat", "12"], "`ramp versions chat` shows"],
    [["init", "x", "--name", "No Name"], "is no name; 1 to 63 of a-z"],
    [["logs", "--lines", "1000"], "'1000' is no number from 0 to 500"],
  ];
  for (const [args, part] of cases) {
    const { code, out, err } = run(args);
    assert.equal(code, 2, `${args}: ${err}`);
    assert.ok(err.includes(part), `${args}: ${err}`);
    assert.equal(out, "", args.join(" "));
    assert.ok(err.trim().split("\n").length <= 2, err);
  }
  assert.equal(run([]).code, 2);
});

test("what the documentation types exists: verbs, options, the unit of systemd", t => {
  const help = {};
  for (const file of ["README.md", ...fs.readdirSync(path.join(root, "docs")).filter(name => name.endsWith(".md")).map(name => "docs/" + name)]) {
    const text = fs.readFileSync(path.join(root, file), "utf8");
    const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(match => match[1].split("\n")).map(line => line.replace(/ #.*/, ""));
    const spans = [...text.matchAll(/`(ramp [a-z][^`]*)`/g)].map(match => match[1]);
    for (const line of [...blocks, ...spans]) {
      const match = line.match(/(?:^|[ /])ramp ([a-z]+)(.*)/);
      if (!match || line.includes("systemctl")) continue;
      const [, verb, rest] = match;
      help[verb] ??= run([verb, "--help"]);
      assert.equal(help[verb].code, 0, `${file}: ${line}`);
      for (const [, option] of rest.matchAll(/ (--[a-z][a-z-]*)/g)) assert.ok(help[verb].out.includes(option + " ") || help[verb].out.includes(option + "\n"), `${file}: ${line}: no ${option}`);
    }
  }
  assert.ok(Object.keys(help).length > 8, Object.keys(help).join());
  const unit = fs.readFileSync(path.join(root, "docs/operating.md"), "utf8").match(/```ini\n([\s\S]*?)```/)[1].replace("/usr/local/bin/ramp", ramp).replace("User=ramp", "User=daemon");
  const file = path.join(folder(t), "ramp.service");
  fs.writeFileSync(file, unit);
  const verified = spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
  if (verified.error) t.diagnostic("no systemd-analyze here: the unit was not verified");
  else assert.equal(verified.stderr.split("\n").filter(line => line.includes(file)).join("\n"), "");
});

test("version, as text and as JSON", () => {
  assert.match(run(["version"]).out, /^ramp +\d+\.\d+\.\d+\nengine +wasmtime/);
  assert.equal(run(["--version"]).out, run(["version"]).out);
  const json = JSON.parse(run(["version", "--json"]).out);
  assert.match(json.engine, /^wasmtime \d/);
  assert.deepEqual([json.abi, json.drivers.store.includes("file")], [1, true]);
});

test("no colours into a pipe; output that cannot be written is a failure", () => {
  assert.doesNotMatch(run(["help"], { env: { TERM: "xterm" } }).out, /\x1b/);
  const full = spawnSync("sh", ["-c", `${ramp} version > /dev/full`], { encoding: "utf8", env: environment });
  assert.equal(full.status, 1);
});

// ---- without a server -------------------------------------------------------------------------------

test("check accepts a room, says what it has, and refuses the rest", t => {
  const wasm = path.join(folder(t), "chat.wasm");
  fs.writeFileSync(wasm, room("chat"));
  const { code, out } = run(["check", wasm]);
  assert.equal(code, 0);
  assert.match(out, /accepted[\s\S]*handlers .*on_join.*[\s\S]*imports .*room_broadcast/);
  const json = JSON.parse(run(["check", wasm, "--json"]).out);
  assert.deepEqual([json.ok, json.size, json.handlers.includes("on_message")], [true, fs.statSync(wasm).size, true]);

  fs.writeFileSync(wasm, "hello");
  const bad = run(["check", wasm]);
  assert.deepEqual([bad.code, bad.out], [1, ""]);
  assert.ok(bad.err.startsWith(`ramp check: ${wasm}: `), bad.err);
  const told = JSON.parse(run(["check", wasm, "--json"]).out);
  assert.deepEqual([told.ok, told.code], [false, "REFUSED"]);
  assert.match(run(["check", "/nowhere.wasm"]).err, /\/nowhere\.wasm: No such file/);
});

test("check ends a module that does not end, as a server does", t => {
  const dir = folder(t), source = path.join(dir, "loop.ts"), wasm = path.join(dir, "loop.wasm");
  fs.writeFileSync(source, `import { Connection, Message } from "ramp-sdk";
let x = 0;
while (x >= 0) x = (x + 1) & 0xffff;
export function onMessage(conn: Connection, msg: Message): void { conn.send(x.toString()); }
`);
  assert.equal(run(["build", source, "-o", wasm]).code, 0);
  const { code, err } = run(["check", wasm]);
  assert.equal(code, 1, err);
  assert.match(err, /does not start/);
});

test("init makes a project that builds, and touches nothing that is there", t => {
  const made = folder(t);
  for (const template of JSON.parse(run(["init", "--json"]).out).map(one => one.name)) {
    const dir = path.join(made, `My ${template}`);
    const { code, out, err } = run(["init", dir, "--template", template]);
    assert.equal(code, 0, err);
    // The three things to type next, word for word.
    const next = out.slice(out.indexOf("next:\n")).split("\n").slice(1, 4).map(line => line.trim().split(/ {2,}/)[0]);
    assert.deepEqual(next, [`cd ${dir}`, "ramp dev", "node --test test/"], out);
    for (const file of ["src/room.ts", "web/index.html", "tsconfig.json", "package.json", "node_modules/ramp-sdk/package.json"])
      assert.ok(fs.existsSync(path.join(dir, file)), `${template}: ${file}`);
    assert.ok(fs.readdirSync(path.join(dir, "test")).some(name => name.endsWith(".test.mjs")), template);
    assert.equal(JSON.parse(fs.readFileSync(path.join(dir, "package.json"), "utf8")).name, `my-${template}`);
    assert.equal(JSON.parse(fs.readFileSync(path.join(dir, "ramp.json"), "utf8")).name, `my-${template}`);
    assert.match(fs.readFileSync(path.join(dir, ".gitignore"), "utf8"), /\.ramp/);
    const built = run(["build", dir, "--debug", "-o", path.join(made, `${template}.wasm`)]);
    assert.equal(built.code, 0, built.err + built.out);
    assert.equal(run(["check", path.join(made, `${template}.wasm`)]).code, 0);
  }
  const mine = path.join(made, "mine");
  fs.mkdirSync(mine);
  fs.writeFileSync(path.join(mine, "notes.txt"), "keep");
  const refused = run(["init", mine]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /not empty; nothing was changed: name another folder/);
  assert.deepEqual(fs.readdirSync(mine), ["notes.txt"]);
  const empty = path.join(made, "empty");
  fs.mkdirSync(empty);
  assert.equal(run(["init", ".", "--name", "my-room"], { cwd: empty }).code, 0);
  assert.equal(JSON.parse(fs.readFileSync(path.join(empty, "ramp.json"), "utf8")).name, "my-room");
});

test("build without an SDK or a Node is one sentence with the remedy", t => {
  const dir = project(t);
  const noSdk = run(["build", dir, "--sdk", dir]);
  assert.equal(noSdk.code, 1);
  assert.match(noSdk.err, /--sdk: .* is no ramp-sdk/);
  const noNode = run(["build", dir], { env: { RAMP_NODE: "/nowhere/node" } });
  assert.equal(noNode.code, 1);
  assert.match(noNode.err, /RAMP_NODE: \/nowhere\/node does not run/);
  const old = path.join(dir, "old-node");
  fs.writeFileSync(old, "#!/bin/sh\necho v18.20.4\n", { mode: 0o755 });
  const tooOld = run(["build", dir], { env: { RAMP_NODE: old } });
  assert.equal(tooOld.code, 1);
  assert.match(tooOld.err, /version 18, too old for the compiler; install Node 20 or newer/);
  const nearest = path.join(dir, "node_modules/ramp-sdk/bin");
  fs.mkdirSync(nearest, { recursive: true });
  fs.writeFileSync(path.join(nearest, "ramp-build.mjs"), `console.log("nearest", process.argv.slice(2).join(" "));`);
  const found = run(["build", "--debug"], { cwd: path.join(dir, "src"), env: { RAMP_SDK: "" } });
  assert.deepEqual([found.code, found.out], [0, "nearest . --debug\n"], found.err);
});

test("build tells the compiler's problems at the user's line, and fails", t => {
  const dir = project(t, { source: `import { Connection, room } from "ramp-sdk";\nexport function onMesage(conn: Connection): void {}\n` });
  const { code, out, err } = run(["build", dir]);
  assert.equal(code, 1);
  assert.match(out + err, /onMessage/);
});

// ---- with a server ----------------------------------------------------------------------------------

test("deploy, call, rooms, modules, logs against a server", async t => {
  const server = await Server.start({ args: ["--workers", "2"] });
  t.after(() => server.stop());
  const there = ["--data", server.data, "--to", server.url];
  const made = folder(t);
  const wasm = path.join(made, "chat.wasm");
  fs.writeFileSync(wasm, room("chat"));

  await t.test("deploy says what it did and where, and the same bytes again change nothing", () => {
    const first = run(["deploy", wasm, "--service", "chat", ...there]);
    assert.equal(first.code, 0, first.err);
    assert.match(first.out, /^chat +[0-9a-f]{12} .*deployed {2}no room was live\n/);
    assert.ok(first.out.includes(server.url), first.out);
    const again = JSON.parse(run(["deploy", wasm, "--service", "chat", "--json", ...there]).out);
    assert.deepEqual([again.service, again.unchanged, again.url], ["chat", true, server.url]);
  });

  await t.test("a project is built first, under its own name", t => {
    const dir = project(t, { json: `{ "name": "from-project", /* x */ "env": { "GREETING": "hi" } }` });
    const { code, out, err } = run(["deploy", dir, ...there]);
    assert.equal(code, 0, err);
    assert.match(out, /^from-project /);
    fs.writeFileSync(path.join(dir, "src/room.ts"), "export function onJoin(: void {}");
    const broken = run(["deploy", dir, ...there]);
    assert.equal(broken.code, 1);
    assert.match(broken.err, /the build failed; nothing was deployed/);
    fs.writeFileSync(path.join(dir, "ramp.json"), `{ "nmae": 1 }`);
    assert.match(run(["deploy", dir, ...there]).err, /ramp\.json: there is no field "nmae"; did you mean "name"\?/);
  });

  await t.test("what is no module is refused by name", () => {
    const bad = path.join(made, "bad.wasm");
    fs.writeFileSync(bad, "x");
    const { code, err } = run(["deploy", bad, "--service", "chat", ...there]);
    assert.equal(code, 1);
    assert.ok(err.includes(bad), err);
  });

  await t.test("the server is found by its data folder alone", () => {
    assert.equal(run(["rooms", "--data", server.data]).code, 0);
    assert.equal(fs.readFileSync(path.join(server.data, "admin.url"), "utf8"), server.url);
  });

  await t.test("tokens: missing, wrong, and never to another machine over http", () => {
    const none = run(["rooms", "--to", server.url]);
    assert.equal(none.code, 1);
    assert.match(none.err, /wants a token: name it with --token or RAMP_TOKEN/);
    assert.match(run(["rooms", "--to", server.url, "--token", "wrong"]).err, /not the server's token/);
    assert.equal(run(["rooms"], { env: { RAMP_URL: server.url, RAMP_TOKEN: server.token } }).code, 0);
    for (const far of ["http://192.0.2.1:8787", "http://127.0.0.1.example.invalid"]) {
      const { code, err } = run(["rooms", "--to", far, "--token", server.token]);
      assert.equal(code, 1);
      assert.match(err, /the token stays here/);
    }
  });

  await t.test("call prints the call's events", () => {
    const call = (...args) => run(["call", "chat", "lobby", ...args, ...there]);
    const joined = call("join", "--conn", "ann", "--user", "ann");
    assert.equal(joined.code, 0, joined.err);
    assert.match(joined.out, /^event +to +payload\nsend +ann +you are ann\n/);
    const said = JSON.parse(call("message", "--conn", "ann", "--text", "привет\u0001👋", "--json").out);
    assert.deepEqual(said.events.map(event => [event.type, event.payload, event.to]), [["broadcast", "привет\u0001👋", ["ann"]]]);
    assert.match(call("message", "--conn", "ann", "--text", "a\u001b[2Jb").out, /a\\x1b\[2Jb/);
    const file = path.join(made, "bytes");
    fs.writeFileSync(file, Buffer.from([0, 255]));
    assert.equal(JSON.parse(call("message", "--conn", "ann", "--file", file, "--json").out).events[0].payload_base64, "AP8=");
    assert.equal(call("leave", "--conn", "ann", "--code", "1001").code, 0);
    const unknown = call("message", "--conn", "nobody", "--text", "x");
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /no connection 'nobody'/);
    assert.match(run(["call", "absent", "r", "join", ...there]).err, /'absent'/);
  });

  await t.test("rooms and modules are tables and JSON", async () => {
    const client = await server.client("/chat/listed");
    await client.next();
    assert.match(run(["rooms", ...there]).out, /^service +room +version +connections[\s\S]*^chat +listed +[0-9a-f]{8} +1 /m);
    const { rooms } = JSON.parse(run(["rooms", "chat", "--json", ...there]).out);
    assert.equal(rooms.find(one => one.room === "listed").connections, 1);
    assert.deepEqual(JSON.parse(run(["rooms", "other", "--json", ...there]).out).rooms, []);
    assert.match(run(["modules", ...there]).out, /^module +service +worker[\s\S]*chat/);
    await client.close();
  });

  await t.test("deploy, versions and rollback tell of the rooms that switch", async () => {
    const versionOf = number => { fs.writeFileSync(wasm, variant(room("chat"), number)); return wasm; };
    assert.equal(run(["deploy", versionOf(1), "--service", "switched", ...there]).code, 0);
    const clients = [];
    for (const name of ["r", "r", "s"]) {
      clients.push(await server.client(`/switched/${name}`));
      await clients.at(-1).next();
    }
    const deployed = run(["deploy", versionOf(2), "--service", "switched", ...there]);
    assert.equal(deployed.code, 0, deployed.err);
    const back = deployed.out.match(/deployed {2}2 rooms moved, 3 connections kept\n.*\nback to the version before: ramp (rollback switched [0-9a-f]{12})\n/);
    assert.ok(back, deployed.out);

    const listed = JSON.parse(run(["versions", "switched", "--json", ...there]).out).versions;
    assert.deepEqual(listed.map(one => [one.current, one.rooms, one.connections]), [[true, 2, 3], [false, 0, 0]]);
    assert.ok(listed.every(one => one.size > 1000 && Math.abs(Date.now() - Date.parse(one.deployed_at)) < 600000), JSON.stringify(listed));
    assert.match(run(["versions", "switched", ...there]).out, /^version +size +deployed +rooms +connections +state\n[0-9a-f]{12} +\S+ KB +\S+ \S+ +2 +3 +current\n[0-9a-f]{12} /);

    // What deploy said can be typed as it is; nothing is compiled; all sockets stay.
    const compiles = await server.metric("ramp_loader_compiles_total");
    const rolled = run([...back[1].split(" "), ...there]);
    assert.equal(rolled.code, 0, rolled.err);
    assert.ok(rolled.out.startsWith(`switched  ${back[1].slice(-12)}`), rolled.out);
    assert.match(rolled.out, /rolled back {2}2 rooms moved, 3 connections kept/);
    assert.equal(await server.metric("ramp_loader_compiles_total"), compiles);
    const there2 = JSON.parse(run(["rollback", "switched", "--json", ...there]).out);
    assert.deepEqual([there2.version, there2.before, there2.rooms_moved, there2.compile_ms], [listed[0].version, listed[1].version, 2, 0]);
    assert.deepEqual(clients.map(client => client.closed), [null, null, null]);
    assert.match(run(["rollback", "switched", listed[0].version, ...there]).out, /is current already/);
    for (const client of clients) await client.close();
  });

  await t.test("rooms in which the new version does not open stay on the old one, and deploy says so", async t => {
    const dir = project(t, { json: `{ "name": "picky" }`, source: `import { Connection, Message } from "ramp-sdk";
export function onMessage(conn: Connection, msg: Message): void { conn.send("old " + msg.text); }
` });
    assert.equal(run(["deploy", dir, ...there]).code, 0);
    const client = await server.client("/picky/r");
    client.send("a");
    assert.equal(await client.next(), "old a");
    fs.writeFileSync(path.join(dir, "src/room.ts"), `import { Connection, Message, OpenReason, Saved } from "ramp-sdk";
export function onOpen(reason: OpenReason, saved: Saved | null): void {
  if (reason == OpenReason.NewVersion) throw new Error("cannot take over");
}
export function onMessage(conn: Connection, msg: Message): void { conn.send("new " + msg.text); }
`);
    const deployed = run(["deploy", dir, ...there]);
    assert.equal(deployed.code, 0, deployed.err);
    assert.match(deployed.out, /0 rooms moved, 0 connections kept; 1 room stayed on the old version/);
    assert.match(deployed.err, /rooms in which the new version failed to open stay on the old one; `ramp logs picky --level error` says why/);
    client.send("b");
    assert.equal(await client.next(), "old b");
    const fresh = await server.client("/picky/fresh");
    fresh.send("c");
    assert.equal(await fresh.next(), "new c");
    assert.deepEqual(JSON.parse(run(["versions", "picky", "--json", ...there]).out).versions.map(one => one.rooms), [1, 1]);
    await until("the reason in the log", () => /cannot take over/.test(run(["logs", "picky", ...there]).out));
    await client.close();
    await fresh.close();
  });

  await t.test("logs: what was before, by room and level, and the last N", async () => {
    fs.writeFileSync(wasm, room("hostile"));
    assert.equal(run(["deploy", wasm, "--service", "hostile", ...there]).code, 0);
    for (const where of ["one", "two"]) {
      const at = { caller: "cli", service: "hostile", room: where, connection: "x" };
      await server.call({ ...at, call: "join" });
      await server.call({ ...at, call: "message", payload: "throw" });
      await server.call({ ...at, call: "message", payload: "throw" });
    }
    const lines = (...args) => run(["logs", "hostile", "--json", ...args, ...there]).out.trim().split("\n").filter(Boolean).map(line => JSON.parse(line));
    // The answer of a call does not wait for its line.
    const all = await until("4 lines", () => { const found = lines("--level", "error"); return found.length === 4 && found; });
    assert.deepEqual([...new Set(all.map(line => line.room))].sort(), ["one", "two"]);
    assert.ok(all.every((line, i) => i === 0 || line.time_ms >= all[i - 1].time_ms), "in order, over all workers");
    assert.deepEqual(lines("--level", "error", "--room", "two").map(line => line.room), ["two", "two"]);
    assert.deepEqual(lines("--level", "error", "-n", "1"), all.slice(-1));
    assert.deepEqual(lines("--lines", "0"), []);
    const text = run(["logs", "--service", "hostile", "--level", "error", ...there]);
    assert.match(text.out, /^\d\d:\d\d:\d\d\.\d{3} error +hostile\/(one|two) message x {2}.*thrown on purpose.*\n/);
    const nothing = run(["logs", "absent", "--level", "error", ...there]);
    assert.deepEqual([nothing.code, nothing.out], [0, ""]);
    assert.match(nothing.err, /nothing was logged yet; with -f it waits/);
  });

  await t.test("every failure names the next thing to do", async t => {
    // A process of its own, since this one waits for each verb.
    const other = spawn(process.execPath, ["-e", `const server = require("http").createServer((_, answer) => { answer.statusCode = 404; answer.end("not here"); });
      server.listen(0, "127.0.0.1", () => console.log(server.address().port));`]);
    t.after(() => other.kill());
    const port = await new Promise(done => other.stdout.once("data", text => done(Number(text))));
    const web = `http://127.0.0.1:${port}`, nobody = "http://127.0.0.1:1";
    const empty = path.join(made, "empty"), text = path.join(made, "text.wasm"), bare = path.join(made, "bare.wasm"), good = path.join(made, "good.wasm");
    fs.mkdirSync(empty);
    fs.writeFileSync(text, "x");
    fs.writeFileSync(bare, Buffer.from([0, 97, 115, 109, 1, 0, 0, 0]));
    fs.writeFileSync(good, room("chat"));
    assert.equal(run(["deploy", good, "--service", "alone", ...there]).code, 0);
    const unreachable = "no server answers at 127.0.0.1 port 1 (Connection refused); start one with `ramp dev` or `ramp serve`, or name it with --to";
    const cases = [
      // nobody there, or somebody else
      ...[["deploy", good, "--service", "a"], ["versions", "a"], ["rollback", "a"], ["call", "a", "r", "join"], ["rooms"], ["modules"], ["logs"], ["logs", "-f"]]
        .map(args => [[...args, "--to", nobody], unreachable]),
      ...[["versions", "a"], ["rollback", "a"], ["rooms"], ["logs"]].map(args => [[...args, "--to", web], "as no ramp does; name the control listener of one with --to"]),
      [["rooms", "--to", "https://x"], "go through a tunnel (ssh -L"],
      [["rooms", "--to", "ftp://x"], "not an http URL like http://127.0.0.1:8787"],
      [["rooms", "--to", "http://a b"], "not a URL like http://127.0.0.1:8787"],
      [["rooms", "--to", "http://nowhere.invalid"], "or name it with --to"],
      // tokens
      ...[["deploy", good, "--service", "a"], ["versions", "a"], ["rollback", "a"], ["call", "a", "r", "join"], ["rooms"], ["logs"]]
        .map(args => [[...args, "--to", server.url, "--token", "not-the-right-one"], "the token is in the file admin.token of the server's data folder"]),
      ...[["versions", "a"], ["rollback", "a"], ["logs"]].map(args => [[...args, "--to", server.url], "name it with --token or RAMP_TOKEN, or the server's data folder with --data"]),
      // services and versions that are not there
      ...[["versions", "absent"], ["rollback", "absent"], ["call", "absent", "r", "join"]].map(args => [[...args, ...there], "there is no service 'absent'; `ramp deploy` makes one"]),
      [["rollback", "alone", ...there], "'alone' has no version from before the current one; `ramp versions` lists those"],
      [["rollback", "alone", "00000000", ...there], "`ramp versions alone` lists those that it keeps"],
      [["call", "alone", "r", "message", "--conn", "x", "--text", "y", ...there], "join first"],
      // what is no module, and no project
      ...[["deploy", "--service", "a", ...there], ["check"]].flatMap(([verb, ...rest]) => [
        [[verb, text, ...rest], "this is not a WebAssembly module in binary form (at offset 0x0); `ramp build` makes one of src/room.ts"],
        [[verb, bare, ...rest], "modules made by `ramp build` have it"],
        [[verb, path.join(made, "none.wasm"), ...rest], "No such file or directory; `ramp build` makes a module of src/room.ts"],
      ]),
      [["check", empty], "Is a directory; `ramp build` makes a module of the project in a folder"],
      ...[["deploy", empty, ...there], ["dev", empty]].map(args => [args, "src/room.ts: there is no such file; `ramp init DIR` makes a project with one"]),
      [["dev", path.join(made, "none")], "there is no such folder"],
      [["init", made], "is not empty; nothing was changed: name another folder"],
      [["init", text], "is a file; name a folder that is new or empty"],
      // servers that do not start
      [["serve", "--listen", new URL(server.url).host, "--data", path.join(made, "data")], "another program uses this port; end that one, or choose another address with --listen"],
      [["serve", "--listen", "192.0.2.1:8787", "--data", path.join(made, "data")], "name an address that this machine has, or 0.0.0.0 for all"],
      [["serve", "--listen", "127.0.0.1:0", "--data", server.data], "end that one, or choose another folder"],
      [["serve", "--listen", "127.0.0.1:0", "--data", text], "is no folder; choose another folder"],
    ];
    for (const [args, part] of cases) {
      const { code, out, err } = run(args, { cwd: empty });
      assert.equal(code, 1, `${args.join(" ")}: ${err}${out}`);
      assert.ok(err.includes(part), `${args.join(" ")}\n  ${err}  has no: ${part}`);
      assert.ok(err.startsWith(`ramp ${args[0]}: `) && err.trim().split("\n").length === 1, `${args.join(" ")}: ${err}`);
      assert.equal(out, "", args.join(" "));
    }
  });

  await t.test("a store that cannot be read is told, with the path", () => {
    const where = path.join(server.data, "store/modules/alone"), aside = path.join(made, "aside");
    fs.renameSync(where, aside);
    fs.writeFileSync(where, "");
    for (const args of [["versions", "alone"], ["rollback", "alone"], ["deploy", path.join(made, "good.wasm"), "--service", "alone"]]) {
      const { code, out, err } = run([...args, ...there]);
      assert.deepEqual([code, out], [1, ""], args.join(" "));
      assert.ok(err.includes("store/modules/alone"), `${args.join(" ")}: ${err}`);
    }
    fs.unlinkSync(where);
    fs.renameSync(aside, where);
    assert.equal(run(["versions", "alone", ...there]).code, 0);
  });
});

test("logs -f tells lines as they happen, and goes on after the server was started anew", async t => {
  const data = folder(t), wasm = path.join(folder(t), "hostile.wasm");
  fs.writeFileSync(wasm, room("hostile"));
  let server = await Server.start({ data });
  t.after(() => server.stop());
  const there = ["--data", data, "--to", server.url];
  assert.equal(run(["deploy", wasm, "--service", "hostile", ...there]).code, 0);
  const fail = async name => {
    const at = { caller: "cli", service: "hostile", room: name, connection: "x" };
    await server.call({ ...at, call: "join" });
    await server.call({ ...at, call: "message", payload: "throw" });
  };
  await fail("before");
  const child = spawn(ramp, ["logs", "-f", "--level", "error", "--json", ...there], { env: environment });
  t.after(() => child.kill("SIGKILL"));
  let out = "", err = "";
  child.stdout.on("data", text => (out += text));
  child.stderr.on("data", text => (err += text));
  const rooms = () => out.split("\n").filter(Boolean).map(line => JSON.parse(line).room);
  await until("the line of before", () => rooms().length === 1);
  await fail("live");
  await until(`the live line: ${out}${err}`, () => rooms().length === 2, 5000);
  await server.stop();
  await until("that it has ended", () => err.includes("the connection ended; trying again"));
  server = await Server.start({ data, args: ["--listen", new URL(server.url).host] });
  await fail("after");
  await until(`the line after the restart: ${out}${err}`, () => rooms().includes("after"), 20000);
  assert.deepEqual(rooms(), ["before", "live", "after"], "each line once");
});

// ---- doctor -------------------------------------------------------------------------------------------

test("doctor looks at the machine, and says what to do", async t => {
  const dir = folder(t);
  const look = (args = [], options = {}) => {
    const done = run(["doctor", "--json", ...args], { cwd: dir, ...options });
    const { findings, ...sum } = JSON.parse(done.out);
    return { code: done.code, sum, find: check => findings.find(one => one.check === check), findings };
  };
  const here = look();
  assert.equal(here.code, here.sum.problems ? 1 : 0);
  assert.equal(here.sum.problems, here.findings.filter(one => one.state === "problem").length);
  for (const check of ["kernel", "mappings", "descriptors", "overcommit", "backlog", "memory", "clock", "disk", "writing", "data folder", "engine", "drivers", "SDK", "Node", "server"])
    assert.ok(here.find(check), `no ${check} in ${JSON.stringify(here.findings)}`);
  for (const one of here.findings) assert.equal(one.state === "ok", one.next === undefined, JSON.stringify(one));
  assert.match(here.find("engine").text, /^wasmtime \d+.*room for \d+ live rooms/);
  assert.match(here.find("writing").text, /fsync works, and takes [\d.]+ (us|ms|s)/);
  assert.match(here.find("Node").text, /^v\d+/);
  assert.deepEqual(fs.readdirSync(dir), [], "it leaves nothing behind");
  const text = run(["doctor"], { cwd: dir });
  assert.match(text.out, /^(ok|warning|problem) +kernel +Linux[\s\S]*\n(\d+ problems?, \d+ warnings?|no problem, \d+ warnings?|all is well)\n$/);

  await t.test("limits of this process", () => {
    // A sanitizer's shadow memory fits in no such address space.
    const narrow = slow < 5;
    const limited = spawnSync("sh", ["-c", `ulimit -n 512; ${narrow ? "ulimit -v 9000000;" : ""} exec '${ramp}' doctor --json`], { cwd: dir, encoding: "utf8", env: environment });
    const { findings, problems } = JSON.parse(limited.stdout);
    const find = check => findings.find(one => one.check === check);
    assert.deepEqual([limited.status, find("descriptors").state], [1, "problem"]);
    assert.ok(problems >= 1);
    assert.match(find("descriptors").next, /LimitNOFILE/);
    if (!narrow) return;
    assert.equal(find("addresses").state, "warning");
    // The engine was asked, not only the limit.
    assert.equal(find("engine").state, "warning", JSON.stringify(find("engine")));
  });

  await t.test("no Node, an SDK that is none", () => {
    const missing = look([], { env: { RAMP_NODE: "/nowhere/node", RAMP_SDK: "/nowhere" } });
    assert.deepEqual([missing.find("Node").state, missing.find("SDK").state], ["warning", "warning"]);
    assert.match(missing.find("Node").text, /\/nowhere\/node does not run/);
    assert.match(missing.find("SDK").text, /\/nowhere is no ramp-sdk/);
  });

  await t.test("a broken project", () => {
    fs.writeFileSync(path.join(dir, "ramp.json"), `{ "nmae": 1 }`);
    const broken = look();
    fs.unlinkSync(path.join(dir, "ramp.json"));
    assert.deepEqual([broken.code, broken.find("project").state], [1, "problem"]);
    assert.match(broken.find("project").text, /did you mean "name"/);
  });

  await t.test("data folders: of nobody, in use, a file, read-only", async t => {
    const server = await Server.start();
    t.after(() => server.stop());
    const used = look(["--data", server.data, "--to", server.url]);
    assert.match(used.find("lock").text, new RegExp(`process ${server.pid} serves`));
    assert.match(used.find("server").text, /^ramp \d+\.\d+\.\d+ at .*: 0 rooms, 0 connections/);
    fs.chmodSync(path.join(server.data, "admin.token"), 0o644);
    assert.match(look(["--data", server.data]).find("token").next, /^chmod 600 /);
    const file = path.join(dir, "file");
    fs.writeFileSync(file, "");
    assert.equal(look(["--data", file]).find("data folder").state, "problem");
    fs.unlinkSync(file);
    assert.equal(look(["--data", "/proc/nowhere"]).find("writing").state, "problem");
    assert.match(look(["--to", server.url, "--token", "not-the-right-one"]).find("server").text, /does not take this token/);
  });

  await t.test("servers that are named and do not answer", () => {
    const nobody = look(["--to", "http://127.0.0.1:1"]);
    assert.deepEqual([nobody.code, nobody.find("server").state], [1, "problem"]);
    assert.match(nobody.find("server").next, /ramp serve/);
  });
});

test("serve: options from a file, ports in use, data in use", async t => {
  const made = folder(t);
  const config = path.join(made, "ramp.json");
  fs.writeFileSync(config, `{ "workers": 1, "listen": "127.0.0.1:1", } // the command line wins over "listen"`);
  const server = await Server.start({ args: ["--config", config, "--listen", "127.0.0.1:0"] });
  t.after(() => server.stop());
  const port = new URL(server.url).port;
  const used = run(["serve", "--listen", `127.0.0.1:${port}`, "--data", path.join(made, "data")]);
  assert.equal(used.code, 1);
  assert.ok(used.err.includes(port), used.err);
  const locked = run(["serve", "--listen", "127.0.0.1:0", "--data", server.data]);
  assert.equal(locked.code, 1);
  assert.ok(locked.err.includes(server.data), locked.err);
  fs.writeFileSync(config, `{ "wrokers": 1 }`);
  const misspelt = run(["serve", "--config", config]);
  assert.equal(misspelt.code, 2);
  assert.match(misspelt.err, /did you mean --workers\?/);
});
