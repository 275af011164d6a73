// SPDX-License-Identifier: Apache-2.0
// `ramp bench` finds what it says it finds: against peers that lose, double, damage or mix up messages.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { ramp, slow } from "./support.mjs";

async function bench(...args) {
  const child = spawn(ramp, ["bench", "--json", "--seconds", "0.2", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "", err = "";
  child.stdout.on("data", text => (out += text));
  child.stderr.on("data", text => (err += text));
  const status = await new Promise(done => child.on("close", done));
  return { status, err, results: out ? JSON.parse(out).results : [] };
}

/** A server whose `on(socket, data, isBinary, n, all)` answers the n-th message of a socket. */
async function peer(t, on) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await new Promise(done => server.on("listening", done));
  t.after(() => { for (const socket of server.clients) socket.terminate(); server.close(); });
  server.on("connection", socket => {
    let n = 0;
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => on(socket, data, isBinary, n++, [...server.clients]));
  });
  return `http://127.0.0.1:${server.address().port}`;
}

const echo = (url, ...more) => bench("--url", url, "--service", "any", "--scenario", "echo", "--connections", "4", "--in-flight", "2", ...more);

test("an honest peer passes", async t => {
  const url = await peer(t, (socket, data, isBinary) => socket.send(data, { binary: isBinary }));
  for (const more of [[], ["--binary"], ["--payload", "70000"]]) {
    const { status, results, err } = await echo(url, ...more);
    assert.equal(status, 0, err + JSON.stringify(results));
    assert.ok(results[0].deliveries > 10);
  }
});

test("a whole room hears an honest peer", async t => {
  const url = await peer(t, (_socket, data, isBinary, _n, all) => all.forEach(one => one.send(data, { binary: isBinary })));
  const { status, results } = await bench("--url", url, "--service", "any", "--scenario", "broadcast", "--members", "20", "--rooms", "1", "--in-flight", "3");
  assert.equal(status, 0, JSON.stringify(results));
  assert.ok(results[0].deliveries > 100);
});

const flipped = data => { const bad = Buffer.from(data); bad[40] ^= 1; return bad; };
const faults = {
  lost: (socket, data, n) => { if (n !== 10) socket.send(data); },
  doubled: (socket, data, n) => { socket.send(data); if (n === 10) socket.send(data); },
  damaged: (socket, data, n) => socket.send(n === 10 ? flipped(data) : data),
  foreign: (socket, data, n, all) => { socket.send(data); if (n === 10) all.find(one => one !== socket).send(data); },
  closed: (socket, data, n) => { if (n === 10) socket.close(1011, "tired"); else socket.send(data); },
};
for (const [kind, answer] of Object.entries(faults)) {
  test(`${kind} messages are found`, async t => {
    const url = await peer(t, (socket, data, _isBinary, n, all) => answer(socket, data.toString(), n, all));
    const { status, results } = await echo(url);
    assert.equal(status, 1);
    // one that comes when none is under way cannot be told from a doubled one
    const kinds = kind === "foreign" ? ["foreign", "doubled"] : [kind];
    assert.ok(kinds.includes(results[0].failed), `${results[0].failed}: ${results[0].failure}`);
  });
}

test("a message that never comes back is lost", { timeout: 30000 * slow }, async t => {
  const url = await peer(t, (socket, data, isBinary, n) => { if (n < 10) socket.send(data, { binary: isBinary }); });
  const { status, results } = await echo(url, "--seconds", "10");
  assert.equal(status, 1);
  assert.equal(results[0].failed, "lost");
});

test("a server of its own, echo and broadcast", { timeout: 60000 * slow }, async () => {
  for (const more of [["--scenario", "echo", "--connections", "8"], ["--scenario", "broadcast", "--members", "10", "--connections", "50"]]) {
    const { status, results, err } = await bench(...more);
    assert.equal(status, 0, err + JSON.stringify(results));
    assert.equal(results.length, 2);
    for (const result of results) {
      assert.ok(result.deliveries > 100 && result.cpu_us > 0, JSON.stringify(result));
      assert.ok(result.latency_us.p50 <= result.latency_us.p99 && result.latency_us.p99 <= result.latency_us.max);
    }
  }
});

test("wrong use is told, nobody at the URL is a failure", async () => {
  for (const [args, what] of [[["--scenario", "eco"], /did you mean 'echo'/], [["--pid", "1"], /--url/], [["--seconds", "soon"], /0\.1 to 3600/]]) {
    const { status, err } = await bench(...args);
    assert.equal(status, 2);
    assert.match(err, what);
  }
  const { status, results } = await echo("http://127.0.0.1:1");
  assert.equal(status, 1);
  assert.match(results[0].failure, /refused/);
});
