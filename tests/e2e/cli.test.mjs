// SPDX-License-Identifier: Apache-2.0
// The command line as people and scripts use it: exit codes, sentences, JSON, `ramp dev`.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Client, ramp, root, room, Server, sleep, slow, until } from "./support.mjs";

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
  for (const verb of ["dev", "serve", "init", "build", "check", "deploy", "call", "logs", "rooms", "modules", "bench", "version", "help"])
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

test("init makes a project that builds, and touches nothing that is there", t => {
  const made = folder(t);
  for (const template of ["chat", "cursors", "countdown"]) {
    const dir = path.join(made, `My ${template}`);
    const { code, out, err } = run(["init", dir, "--template", template]);
    assert.equal(code, 0, err);
    assert.match(out, /next:/);
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
  assert.match(refused.err, /not empty; nothing was changed/);
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
    assert.match(first.out, /^chat +[0-9a-f]{12} .*deployed\n/);
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

  await t.test("logs tell what failed, as it happens", async t => {
    const child = spawn(ramp, ["logs", "-f", "--level", "error", ...there], { env: environment });
    t.after(() => child.kill("SIGKILL"));
    let out = "";
    child.stdout.on("data", text => (out += text));
    fs.writeFileSync(wasm, room("hostile"));
    assert.equal(run(["deploy", wasm, "--service", "hostile", ...there]).code, 0);
    // It may not be connected yet: each attempt fails a call.
    await until("a line of a failed call", async () => {
      const at = { caller: "cli", service: "hostile", room: "r", connection: "x" };
      await server.call({ ...at, call: "join" });
      await server.call({ ...at, call: "message", payload: "throw" });
      return /error +hostile.*thrown on purpose.*\n/.test(out);
    });
  });

  await t.test("nobody there is one sentence", () => {
    const { code, err } = run(["rooms", "--to", "http://127.0.0.1:1"]);
    assert.equal(code, 1);
    assert.match(err, /no server answers at 127\.0\.0\.1 port 1 .*ramp dev/);
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

// ---- dev --------------------------------------------------------------------------------------------

class Dev {
  static async start(t, dir, args = []) {
    const dev = new Dev();
    dev.lines = [];
    dev.child = spawn(ramp, ["dev", dir, "--listen", "127.0.0.1:0", "--json", ...args], { env: environment });
    dev.exited = new Promise(done => dev.child.on("exit", (code, signal) => done({ code, signal })));
    dev.err = "";
    let rest = "";
    dev.child.stdout.on("data", text => {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      dev.lines.push(...lines.map(line => JSON.parse(line)));
    });
    dev.child.stderr.on("data", text => (dev.err += text));
    t.after(() => dev.child.kill("SIGKILL"));
    dev.ready = await dev.next("ready");
    dev.ws = dev.ready.url.replace("http", "ws");
    return dev;
  }
  /** The next line of that kind; lines before it are dropped. */
  async next(event) {
    return until(`${event} from ramp dev\n${this.err}`, () => {
      const at = this.lines.findIndex(line => line.event === event);
      return at < 0 ? null : this.lines.splice(0, at + 1).at(-1);
    }, 30000);
  }
  children() {
    return fs.readFileSync(`/proc/${this.child.pid}/task/${this.child.pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  }
}

const gone = pid => until(`the end of process ${pid}`, () => {
  try {
    return /^State:\sZ/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return true;
  }
});

const echo = text => `import { Connection, Message } from "ramp-sdk";
export function onMessage(conn: Connection, msg: Message): void {
  conn.send("${text} " + msg.text);
}
`;

test("dev builds, serves, builds again on a change, and keeps what works", async t => {
  const dir = project(t, { source: echo("one"), json: `{ "name": "echo" }` });
  fs.mkdirSync(path.join(dir, "web"));
  fs.writeFileSync(path.join(dir, "web/index.html"), "<p>my page</p>");
  const dev = await Dev.start(t, dir);
  assert.equal(dev.ready.service, "echo");
  const built = await dev.next("built");
  assert.deepEqual([built.file, built.changed, built.handlers], ["src/room.ts", "", ["onMessage"]]);

  assert.match(await (await fetch(`${dev.ready.url}/`)).text(), /my page/);
  assert.match(await (await fetch(`${dev.ready.url}/_ramp/`)).text(), /Ramp playground/);
  const client = await Client.open(`${dev.ws}/echo/r?user=ann`);
  client.send("hi");
  assert.equal(await client.next(), "one hi");

  // An editor that writes beside and renames.
  fs.writeFileSync(path.join(dir, "src/room.ts~"), echo("two"));
  fs.renameSync(path.join(dir, "src/room.ts~"), path.join(dir, "src/room.ts"));
  const again = await dev.next("built");
  assert.deepEqual([again.changed, again.unchanged, again.rooms, again.connections], ["src/room.ts", false, 1, 1]);
  await until("the new version", async () => {
    client.send("hi");
    return (await client.next()) === "two hi";
  });

  fs.writeFileSync(path.join(dir, "src/room.ts"), echo("three").replace("msg.text", "msg.txt"));
  const failed = await dev.next("failed");
  assert.deepEqual([failed.serves_old, failed.problems[0].file, failed.problems[0].line], [true, "src/room.ts", 3], JSON.stringify(failed));
  assert.match(failed.problems[0].source, /msg\.txt/);
  client.send("hi");
  assert.equal(await client.next(), "two hi");

  fs.writeFileSync(path.join(dir, "ramp.json"), `{ "nome": "echo" }`);
  assert.match((await dev.next("failed")).message, /did you mean "name"/);
  fs.writeFileSync(path.join(dir, "ramp.json"), `{ "name": "echo" }`);
  await dev.next("failed"); // the source is still broken
  fs.writeFileSync(path.join(dir, "src/room.ts"), echo("four"));
  await dev.next("built");
  await until("the new version", async () => {
    client.send("hi");
    return (await client.next()) === "four hi";
  });

  // Without a token on this machine, found by the project's folder.
  const rooms = run(["rooms", "--json"], { cwd: dir });
  assert.equal(rooms.code, 0, rooms.err);
  assert.equal(JSON.parse(rooms.out).rooms[0].room, "r");

  const [compiler] = dev.children();
  assert.ok(compiler, "the compiler stays");
  dev.child.kill("SIGINT");
  assert.deepEqual(await dev.exited, { code: 0, signal: null });
  await gone(compiler);
  assert.ok(!fs.existsSync(path.join(dir, ".ramp/admin.url")));
});

test("dev killed at once leaves no compiler behind; a compiler that dies comes back", async t => {
  const dir = project(t, { source: echo("one") });
  const dev = await Dev.start(t, dir);
  await dev.next("built");
  process.kill(Number(dev.children()[0]), "SIGKILL");
  await sleep(200);
  fs.writeFileSync(path.join(dir, "src/room.ts"), echo("two"));
  await dev.next("built");
  const [compiler] = dev.children();
  dev.child.kill("SIGKILL");
  await dev.exited;
  await gone(compiler);
});

test("dev ends within the drain when it is stopped in the middle of a build", async t => {
  const dir = project(t, { source: echo("one") });
  const dev = await Dev.start(t, dir);
  const children = await until("a compiler", () => (dev.children().length ? dev.children() : null));
  dev.child.kill("SIGINT");
  assert.deepEqual(await dev.exited, { code: 0, signal: null }, dev.err);
  for (const pid of children) await gone(pid);
});

test("dev says what is wrong before it begins", async t => {
  const taken = net.createServer().listen(0, "127.0.0.1");
  await new Promise(done => taken.on("listening", done));
  t.after(() => taken.close());
  const port = String(taken.address().port);
  const dir = project(t, { source: echo("one") });
  const used = run(["dev", dir, "--listen", `127.0.0.1:${port}`]);
  assert.equal(used.code, 1);
  assert.ok(used.err.includes(port) && used.err.trim().split("\n").length === 1, used.err);
  const empty = run(["dev", folder(t)]);
  assert.equal(empty.code, 1);
  assert.match(empty.err, /src\/room\.ts: there is no such file; `ramp init DIR`/);
  assert.match(run(["dev", "/nowhere"]).err, /\/nowhere: there is no such folder/);
});
