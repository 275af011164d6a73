// SPDX-License-Identifier: Apache-2.0
// `ramp dev` as an author meets it: builds, what an editor does to files, keys of a terminal, how it ends.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Client, ramp, root, Server, sleep, slow, until } from "./support.mjs";

const sdk = path.join(root, "guest/assemblyscript");
const environment = { ...process.env, RAMP_SDK: sdk, RAMP_NODE: process.execPath, RAMP_URL: "", RAMP_TOKEN: "", DISPLAY: "", WAYLAND_DISPLAY: "" };

/** Runs a verb to its end. */
function run(args, { cwd = os.tmpdir() } = {}) {
  const done = spawnSync(ramp, args, { cwd, env: environment, encoding: "utf8", timeout: 120000 * slow });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

function folder(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-dev-"));
  t.after(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

function project(t, { source = echo("one"), json } = {}) {
  const made = folder(t);
  fs.mkdirSync(path.join(made, "src"));
  fs.writeFileSync(path.join(made, "src/room.ts"), source);
  if (json !== undefined) fs.writeFileSync(path.join(made, "ramp.json"), json);
  return made;
}

const echo = text => `import { Connection, Message } from "ramp-sdk";
export function onMessage(conn: Connection, msg: Message): void {
  conn.send("${text} " + msg.text);
}
`;

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
    return until(`${event} from ramp dev\n${this.err}\n${JSON.stringify(this.lines)}`, () => {
      const at = this.lines.findIndex(line => line.event === event);
      return at < 0 ? null : this.lines.splice(0, at + 1).at(-1);
    }, 30000);
  }
  /** Until this version answers. */
  answers(client, text) {
    return until(text, async () => {
      client.send("hi");
      return (await client.next()) === `${text} hi`;
    });
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

// ---- builds ------------------------------------------------------------------------------------------

test("dev builds, serves, builds again on a change, and keeps what works", async t => {
  const dir = project(t, { json: `{ "name": "echo" }` });
  fs.mkdirSync(path.join(dir, "web"));
  fs.writeFileSync(path.join(dir, "web/index.html"), "<p>my page</p>");
  const dev = await Dev.start(t, dir);
  assert.equal(dev.ready.service, "echo");
  const built = await dev.next("built");
  assert.deepEqual([built.file, built.changed, built.handlers, built.rooms_moved], ["src/room.ts", "", ["onMessage"], 0]);
  assert.ok(built.total_ms >= built.ms, JSON.stringify(built));

  assert.match(await (await fetch(`${dev.ready.url}/`)).text(), /my page/);
  assert.match(await (await fetch(`${dev.ready.url}/_ramp/`)).text(), /Ramp playground/);
  const client = await Client.open(`${dev.ws}/echo/r?user=ann`);
  client.send("hi");
  assert.equal(await client.next(), "one hi");

  fs.writeFileSync(path.join(dir, "src/room.ts"), echo("two"));
  const again = await dev.next("built");
  assert.deepEqual([again.changed, again.unchanged, again.rooms_moved, again.rooms_kept, again.connections], ["src/room.ts", false, 1, 0, 1]);
  // It is said when it is so: no waiting.
  client.send("hi");
  assert.equal(await client.next(), "two hi");

  fs.writeFileSync(path.join(dir, "src/room.ts"), echo("three").replace("msg.text", "msg.txt"));
  const failed = await dev.next("failed");
  assert.deepEqual([failed.what, failed.serves_old, failed.problems[0].file, failed.problems[0].line], ["build failed", true, "src/room.ts", 3], JSON.stringify(failed));
  assert.match(failed.problems[0].source, /msg\.txt/);
  client.send("hi");
  assert.equal(await client.next(), "two hi");

  fs.writeFileSync(path.join(dir, "ramp.json"), `{ "nome": "echo" }`);
  assert.match((await dev.next("failed")).message, /did you mean "name"/);
  fs.writeFileSync(path.join(dir, "ramp.json"), `{ "name": "echo" }`);
  await dev.next("failed"); // the source is still broken
  fs.writeFileSync(path.join(dir, "src/room.ts"), echo("four"));
  await dev.next("built");
  client.send("hi");
  assert.equal(await client.next(), "four hi");

  // Without a token on this machine, found by the project's folder.
  const rooms = run(["rooms", "--json"], { cwd: dir });
  assert.equal(rooms.code, 0, rooms.err);
  assert.equal(JSON.parse(rooms.out).rooms[0].room, "r");
  const versions = run(["versions", "--json"], { cwd: dir });
  assert.equal(versions.code, 0, versions.err);
  assert.deepEqual(JSON.parse(versions.out).versions.map(one => [one.current, one.rooms]), [[true, 1], [false, 0], [false, 0]]);

  const [compiler] = dev.children();
  assert.ok(compiler, "the compiler stays");
  dev.child.kill("SIGINT");
  assert.deepEqual(await dev.exited, { code: 0, signal: null });
  await gone(compiler);
  assert.ok(!fs.existsSync(path.join(dir, ".ramp/admin.url")));
});

test("whatever an editor does to a file is one build of what is there in the end", async t => {
  const dir = project(t, { json: `{ "name": "echo" }` });
  const file = path.join(dir, "src/room.ts");
  const dev = await Dev.start(t, dir);
  await dev.next("built");
  const client = await Client.open(`${dev.ws}/echo/r`);

  await t.test("writes beside and renames (vim, JetBrains)", async () => {
    fs.writeFileSync(file + "~", echo("renamed"));
    fs.renameSync(file + "~", file);
    assert.equal((await dev.next("built")).changed, "src/room.ts");
    await dev.answers(client, "renamed");
  });

  await t.test("moves the old file away, then writes (emacs)", async () => {
    fs.renameSync(file, file + "~");
    fs.writeFileSync(file, echo("moved"));
    assert.equal((await dev.next("built")).changed, "src/room.ts");
    await dev.answers(client, "moved");
  });

  await t.test("empties the file, then writes it in pieces (VS Code, shells)", async () => {
    const text = echo("pieces"), fd = fs.openSync(file, "w");
    for (let at = 0; at < text.length; at += 40) {
      fs.writeSync(fd, text.slice(at, at + 40));
      await sleep(15);
    }
    fs.closeSync(fd);
    assert.equal((await dev.next("built")).changed, "src/room.ts");
    await dev.answers(client, "pieces");
  });

  await t.test("two files at once", async () => {
    fs.writeFileSync(path.join(dir, "src/words.ts"), `export const WORD: string = "both";\n`);
    fs.writeFileSync(file, echo("x").replace('"x "', 'WORD + " "').replace("import", `import { WORD } from "./words";\nimport`));
    await dev.next("built");
    await dev.answers(client, "both");
    await sleep(300);
    assert.deepEqual(dev.lines.filter(line => line.event !== "superseded"), []);
  });

  await t.test("the file that is imported alone", async () => {
    fs.writeFileSync(path.join(dir, "src/words.ts"), `export const WORD: string = "other";\n`);
    assert.equal((await dev.next("built")).changed, "src/words.ts");
    await dev.answers(client, "other");
  });

  await t.test("saves what was there: nothing has changed", async () => {
    fs.writeFileSync(file, fs.readFileSync(file));
    assert.equal((await dev.next("built")).unchanged, true);
  });

  await t.test("swap and backup files are nobody's business", async () => {
    for (const name of [".room.ts.swp", "room.ts~", "4913", "#room.ts#"]) fs.writeFileSync(path.join(dir, "src", name), "x");
    await sleep(400);
    assert.deepEqual(dev.lines, []);
  });
  await client.close();
});

test("a build under way is not used when the next change has come", async t => {
  const dir = project(t, { json: `{ "name": "echo" }` });
  const file = path.join(dir, "src/room.ts");
  const dev = await Dev.start(t, dir);
  await dev.next("built");
  const client = await Client.open(`${dev.ws}/echo/r`);
  // A broken file, and the correction while it is built: nobody wants to read of the former. A build on a quick
  // machine may be over before the watch has told of the change, so there are several tries.
  let superseded = 0;
  for (let i = 0; i < 10 && !superseded; i++) {
    fs.writeFileSync(file, echo(`broken ${i}`).replace("msg.text", "msg.txt"));
    await sleep(70);
    fs.writeFileSync(file, echo(`good ${i}`));
    await dev.answers(client, `good ${i}`);
    superseded = dev.lines.filter(line => line.event === "superseded").length;
    if (superseded) assert.deepEqual(dev.lines.filter(line => line.event === "failed"), []);
    await until("the line", () => dev.lines.some(line => line.event === "built"));
    dev.lines.length = 0;
  }
  assert.ok(superseded, "no build was superseded in 10 tries");
  await client.close();
});

test("the playground is told of builds and switches, and whoever comes later of a build that fails", async t => {
  const dir = project(t, { json: `{ "name": "echo" }` });
  const dev = await Dev.start(t, dir);
  await dev.next("built");
  const client = await Client.open(`${dev.ws}/echo/r`);
  client.send("hi");
  await client.next();
  const follow = async () => {
    const told = [], stop = new AbortController();
    const response = await fetch(`${dev.ready.url}/_ramp/v1/feed`, { signal: stop.signal, headers: { accept: "application/x-ndjson" } });
    (async () => {
      let rest = "";
      for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + piece).split("\n");
        rest = lines.pop();
        told.push(...lines.map(line => JSON.parse(line)));
      }
    })().catch(() => {});
    t.after(() => stop.abort());
    return type => until(`${type} in the feed`, () => told.find(line => line.type === type));
  };
  const first = await follow();
  fs.writeFileSync(path.join(dir, "src/room.ts"), echo("two"));
  const switched = await first("switch");
  assert.deepEqual([switched.service, switched.ok, switched.rooms_moved, switched.connections], ["echo", true, 1, 1]);
  const built = await first("build");
  assert.deepEqual([built.ok, built.changed, built.rooms_moved], [true, "src/room.ts", 1]);

  fs.writeFileSync(path.join(dir, "src/room.ts"), echo("three").replace("msg.text", "msg.txt"));
  await dev.next("failed");
  const later = await (await follow())("build");
  assert.deepEqual([later.ok, later.problems[0].file, later.problems[0].line], [false, "src/room.ts", 3]);
});

test("?user= says who it is in dev, and nowhere else", async t => {
  const source = `import { Connection, Message } from "ramp-sdk";
export function onMessage(conn: Connection, msg: Message): void {
  conn.send("user=" + conn.user);
}
`;
  const dir = project(t, { source, json: `{ "name": "who" }` });
  const dev = await Dev.start(t, dir);
  await dev.next("built");
  const ann = await Client.open(`${dev.ws}/who/r?user=ann`);
  ann.send("?");
  assert.equal(await ann.next(), "user=ann");

  const server = await Server.start();
  t.after(() => server.stop());
  const deployed = run(["deploy", dir, "--data", server.data]);
  assert.equal(deployed.code, 0, deployed.err);
  const nobody = await server.client("/who/r?user=ann");
  nobody.send("?");
  assert.equal(await nobody.next(), "user=");
});

// ---- the end -----------------------------------------------------------------------------------------

test("dev killed at once leaves no compiler behind; a compiler that dies comes back", async t => {
  const dir = project(t);
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
  const dir = project(t);
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
  const dir = project(t);
  const used = run(["dev", dir, "--listen", `127.0.0.1:${port}`]);
  assert.equal(used.code, 1);
  assert.ok(used.err.includes(port) && used.err.trim().split("\n").length === 1, used.err);
  const empty = run(["dev", folder(t)]);
  assert.equal(empty.code, 1);
  assert.match(empty.err, /src\/room\.ts: there is no such file; `ramp init DIR`/);
  assert.match(run(["dev", "/nowhere"]).err, /\/nowhere: there is no such folder/);
});

// ---- a terminal ---------------------------------------------------------------------------------------

/** `ramp dev` in a terminal, started by a shell that tells afterwards in which state it finds the terminal. */
class Terminal {
  static async start(t, dir) {
    const terminal = new Terminal();
    const shell = `trap : INT; '${ramp}' dev '${dir}' --listen 127.0.0.1:0; echo "exit=$?"; ` +
      `for i in 1 2 3 4 5 6 7 8 9 10; do stty -a | grep -q -e -icanon || break; sleep 0.2; done; ` +
      `stty -a | grep -q -e -icanon && echo "keys=raw" || echo "keys=lines"; stty -a | grep -q -e "-echo " && echo "echo=off" || echo "echo=on"; echo over`;
    terminal.child = spawn("script", ["-qefc", `sh -c '${shell.replaceAll("'", `'\\''`)}'`, "/dev/null"], { env: { ...environment, TERM: "xterm" } });
    terminal.out = "";
    terminal.child.stdout.on("data", text => (terminal.out += text));
    terminal.pid = () => Number(fs.readFileSync(path.join(dir, ".ramp/lock"), "utf8"));
    t.after(() => terminal.child.kill("SIGKILL"));
    await terminal.shows(/built/);
    return terminal;
  }
  press(keys) { this.child.stdin.write(keys); }
  /** The pattern in what came since the last one. */
  async shows(pattern) {
    const match = await until(`${pattern} in ${this.out}`, () => pattern.exec(this.out), 30000);
    this.out = this.out.slice(match.index + match[0].length);
    return match;
  }
  async ends(code) {
    assert.equal((await this.shows(/exit=(\d+)/))[1], String(code));
    await this.shows(/keys=lines/);
    await this.shows(/echo=on/);
    await this.shows(/over/);
  }
}

test("keys: help, rebuild, clear, debug lines, quit", async t => {
  const terminal = await Terminal.start(t, project(t));
  terminal.press("h");
  await terminal.shows(/playground[\s\S]*keys[\s\S]*q quit/);
  terminal.press("r");
  await terminal.shows(/built[^\n]* in \d+\.\d\d s/);
  terminal.press("\x1b[A"); // an arrow is no key of ours
  terminal.press("d");
  await terminal.shows(/debug lines are hidden/);
  terminal.press("d");
  await terminal.shows(/debug lines are shown/);
  terminal.press("o");
  await terminal.shows(/no display here/);
  terminal.press("c");
  await terminal.shows(/\x1b\[H\x1b\[2J[\s\S]*playground/);
  terminal.press("q");
  await terminal.ends(0);
});

test("the line of a rebuild says how long it took, what moved and who stayed", async t => {
  const dir = project(t, { json: `{ "name": "echo" }` });
  const terminal = await Terminal.start(t, dir);
  terminal.press("h");
  const [, port] = await terminal.shows(/127\.0\.0\.1:(\d+)\/_ramp/);
  const client = await Client.open(`ws://127.0.0.1:${port}/echo/r`);
  client.send("hi");
  await client.next();
  fs.writeFileSync(path.join(dir, "src/room.ts"), echo("two"));
  await terminal.shows(/src\/room\.ts changed:.* in \d+\.\d\d s · \d+\.\d KB · 1 room moved, 1 connection kept/);
  fs.writeFileSync(path.join(dir, "src/room.ts"), echo("two").replace("msg.text", "msg.txt"));
  await terminal.shows(/src\/room\.ts:3:\d+.*\r?\n.*3 \| .*conn\.send\("two " \+ msg\.txt\);[\s\S]*\^[\s\S]*build failed.*; the version before goes on serving/);
  client.send("hi");
  assert.equal(await client.next(), "two hi");
  terminal.press("q");
  await terminal.ends(0);
});

test("the terminal is as it was after Ctrl-C, SIGTERM, SIGKILL and a crash", async t => {
  for (const [how, code] of [["ctrl-c", 0], ["SIGTERM", 0], ["SIGKILL", 137], ["SIGABRT", 134]]) {
    await t.test(how, async t => {
      const terminal = await Terminal.start(t, project(t));
      if (how === "ctrl-c") terminal.press("\x03");
      else process.kill(terminal.pid(), how);
      await terminal.ends(code);
    });
  }
});

test("dev ends when its terminal is closed", async t => {
  const terminal = await Terminal.start(t, project(t));
  const pid = terminal.pid();
  terminal.child.kill("SIGKILL");
  await gone(pid);
});

test("without a terminal there are no keys, and nothing waits for one", t => {
  const dir = project(t);
  const done = spawnSync("timeout", ["--signal=TERM", "6", ramp, "dev", dir, "--listen", "127.0.0.1:0"], { env: environment, encoding: "utf8", input: "qqq", timeout: 60000 * slow });
  assert.equal(done.status, 124, done.stderr); // it ran until it was told to end: the input was nobody's
  assert.doesNotMatch(done.stdout, /keys/);
  assert.doesNotMatch(done.stdout, /\x1b/);
});
