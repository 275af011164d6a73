// SPDX-License-Identifier: Apache-2.0
// RFC 6455 against an echo room, from a raw socket: tables of what is sent and what must come back. Each case
// is sent whole, frame by frame and octet by octet, and has the same verdict each time.
import assert from "node:assert/strict";
import net from "node:net";
import { after, before, test } from "node:test";
import { Server, room, slow } from "./support.mjs";

const CONT = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;
let server, port;
before(async () => {
  server = await Server.start({ args: ["--workers", "2"] });
  await server.deploy("echo", room("echo"));
  port = Number(new URL(server.url).port);
});
after(() => server.stop());

// ---- frames -------------------------------------------------------------------------------------------

/** A client's frame. fin, rsv (0 to 7), masked, length ("short", "16", "64", or a BigInt that is claimed) */
function frame(opcode, payload = "", { fin = true, rsv = 0, masked = true, length = "short" } = {}) {
  const body = Buffer.from(payload), claimed = typeof length === "bigint";
  const size = body.length, form = claimed ? "64" : length !== "short" ? length : size < 126 ? "7" : size < 65536 ? "16" : "64";
  const head = Buffer.alloc(form === "7" ? 2 : form === "16" ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | rsv << 4 | opcode;
  head[1] = (masked ? 0x80 : 0) | (form === "7" ? size : form === "16" ? 126 : 127);
  if (form === "16") head.writeUInt16BE(size, 2);
  if (form === "64") head.writeBigUInt64BE(claimed ? length : BigInt(size), 2);
  if (!masked) return Buffer.concat([head, body]);
  const mask = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
  for (let i = 0; i < size; i++) body[i] ^= mask[i & 3];
  return Buffer.concat([head, mask, body]);
}
const text = (payload, more) => frame(TEXT, payload, more);
const close = (code, reason = "") => frame(CLOSE, code === undefined ? "" : Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]));
/** A message in pieces; `between` comes after each but the last. */
const pieces = (opcode, parts, between = []) => parts.flatMap((part, i) =>
  [frame(i ? CONT : opcode, part, { fin: i === parts.length - 1 }), ...(i < parts.length - 1 ? between : [])]);
const cut = (data, size) => {
  const bytes = Buffer.from(data), all = [];
  for (let i = 0; i < bytes.length || i === 0; i += size) all.push(bytes.subarray(i, i + size));
  return all;
};

// ---- the driver ---------------------------------------------------------------------------------------

const handshake = (path, extra = "") => `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${extra}\r\n`;

/** What the server says, as a list: ["text", "a"], ["binary", hex], ["ping"|"pong", hex], ["close", code], ["end"]. */
class Peer {
  constructor(path) {
    this.events = [];
    this.rest = Buffer.alloc(0);
    this.head = "";
    this.wake = () => {};
    this.socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    this.socket.on("data", data => { this.take(data); this.wake(); });
    this.socket.on("end", () => { this.events.push(["end"]); this.socket.end(); this.wake(); });
    this.socket.on("error", error => { this.events.push(["error", error.code]); this.wake(); });
    if (path) this.socket.write(handshake(path));
  }
  take(data) {
    this.rest = this.rest.length ? Buffer.concat([this.rest, data]) : data;
    if (!this.head) {
      const at = this.rest.indexOf("\r\n\r\n");
      if (at < 0) return;
      this.head = this.rest.toString("latin1", 0, at);
      this.rest = this.rest.subarray(at + 4);
    }
    while (this.head.startsWith("HTTP/1.1 101") && this.takeFrame()) { /* the next */ }
  }
  takeFrame() {
    const { rest } = this;
    if (rest.length < 2) return false;
    const short = rest[1] & 127, at = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (rest.length < at) return false;
    const size = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short;
    if (rest.length < at + size) return false;
    assert.equal(rest[0] & 0xf0, 0x80, "FIN, no reserved bits");
    assert.equal(rest[1] & 0x80, 0, "not masked");
    assert.equal(at, size < 126 ? 2 : size < 65536 ? 4 : 10, "the shortest form");
    const payload = rest.subarray(at, at + size), opcode = rest[0] & 15;
    this.rest = rest.subarray(at + size);
    if (opcode === TEXT) this.events.push(["text", new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload)]);
    else if (opcode === BINARY) this.events.push(["binary", payload.toString("hex")]);
    else if (opcode === CLOSE) this.events.push(["close", size ? payload.readUInt16BE(0) : 0]);
    else if (opcode === PING || opcode === PONG) this.events.push([opcode === PING ? "ping" : "pong", payload.toString("hex")]);
    else assert.fail(`opcode ${opcode}`);
    return true;
  }
  async until(done, ms = 5000) {
    for (const end = Date.now() + ms * slow; !done(); ) {
      if (Date.now() > end) return false;
      await new Promise(go => { const timer = setTimeout(go, end - Date.now() + 1); this.wake = () => { clearTimeout(timer); go(); }; });
    }
    return true;
  }
  async send(frames, mode) {
    if (mode === "whole") { this.socket.write(Buffer.concat(frames)); return; }
    const parts = mode === "frames" ? frames : cut(Buffer.concat(frames), mode === "octets" ? 1 : mode);
    for (const part of parts) {
      if (this.socket.destroyed) return;
      if (!this.socket.write(part)) await new Promise(go => { this.socket.once("drain", go); this.socket.once("close", go); });
      await new Promise(setImmediate);
    }
  }
}

let rooms = 0;
/** One case in one way of sending. A list that ends without a close is followed by one of ours. */
async function play({ send, expect }, mode) {
  const peer = new Peer(`/echo/r${rooms++ % 7}`);
  const closes = expect.at(-1)?.[0] === "close", whole = [...expect, ...(closes ? [] : [["close", 1000]]), ["end"]];
  try {
    assert.ok(await peer.until(() => peer.head), "no handshake");
    assert.match(peer.head, /^HTTP\/1\.1 101 /);
    await peer.send(send, mode);
    if (!closes) {
      await peer.until(() => peer.events.length >= expect.length);
      peer.socket.write(close(1000));
    }
    await peer.until(() => peer.events.at(-1)?.[0] === "end" || peer.events.at(-1)?.[0] === "error");
    assert.deepEqual(peer.events, whole);
  } finally { peer.socket.destroy(); }
}

/** Cases: name -> { send: [frames], expect: [events], modes }. */
async function playAll(t, cases) {
  const jobs = Object.entries(cases).flatMap(([name, what]) =>
    (what.modes ?? ["whole", "frames", "octets"]).map(mode => ({ name, what, mode })));
  const wrong = [];
  await Promise.all(Array.from({ length: 24 }, async () => {
    for (let job; (job = jobs.pop()); )
      await play(job.what, job.mode).catch(error => wrong.push(`${job.name} (${job.mode}): ${error.message}`));
  }));
  t.diagnostic(`${Object.keys(cases).length} cases`);
  assert.deepEqual(wrong, []);
}

// ---- the tables ---------------------------------------------------------------------------------------

const hex = data => Buffer.from(data).toString("hex");
const HELLO = ["text", "hello"];
const letters = size => "abcdefghijklmnopqrstuvwxyz*".repeat(size / 27 + 1).slice(0, size);

test("1: messages of all sizes come back", t => {
  const cases = {};
  for (const size of [0, 1, 125, 126, 127, 128, 65535, 65536]) {
    const modes = size < 1000 ? undefined : ["whole", 997];
    cases[`text ${size}`] = { send: [text(letters(size))], expect: [["text", letters(size)]], modes };
    cases[`binary ${size}`] = { send: [frame(BINARY, Buffer.alloc(size, 0xfe))], expect: [["binary", "fe".repeat(size)]], modes };
  }
  return playAll(t, cases);
});

test("2: pings and pongs", t => playAll(t, {
  "empty": { send: [frame(PING)], expect: [["pong", ""]] },
  "payload": { send: [frame(PING, "is anybody there?")], expect: [["pong", hex("is anybody there?")]] },
  "bytes": { send: [frame(PING, Buffer.from([0, 255, 254, 128, 1]))], expect: [["pong", "00fffe8001"]] },
  "125": { send: [frame(PING, Buffer.alloc(125, 7))], expect: [["pong", "07".repeat(125)]] },
  "126": { send: [frame(PING, Buffer.alloc(126, 7))], expect: [["close", 1002]] },
  "an unasked pong": { send: [frame(PONG), frame(PONG, "x"), frame(PING, "y")], expect: [["pong", hex("y")]] },
  "ten": { send: Array.from({ length: 10 }, (_, i) => frame(PING, `n${i}`)), expect: Array.from({ length: 10 }, (_, i) => ["pong", hex(`n${i}`)]) },
  "a long pong": { send: [frame(PONG, Buffer.alloc(126))], expect: [["close", 1002]] },
}));

test("3: reserved bits", t => {
  const cases = {};
  for (let rsv = 1; rsv < 8; rsv++) {
    for (const opcode of [TEXT, BINARY, PING, PONG, CLOSE])
      cases[`rsv ${rsv}, opcode ${opcode}`] = { send: [frame(opcode, opcode === CLOSE ? Buffer.from([3, 232]) : "x", { rsv })], expect: [["close", 1002]] };
    cases[`rsv ${rsv} after a message`] = { send: [text("hello"), text("bad", { rsv }), frame(PING)], expect: [HELLO, ["close", 1002]] };
    cases[`rsv ${rsv} inside a message`] = { send: [text("hel", { fin: false }), frame(CONT, "lo", { rsv })], expect: [["close", 1002]] };
  }
  return playAll(t, cases);
});

test("4: unknown opcodes", t => {
  const cases = {};
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    cases[`opcode ${opcode}`] = { send: [frame(opcode)], expect: [["close", 1002]] };
    cases[`opcode ${opcode}, after a message`] = { send: [text("hello"), frame(opcode, "payload"), frame(PING)], expect: [HELLO, ["close", 1002]] };
  }
  return playAll(t, cases);
});

test("5: fragments", t => playAll(t, {
  "a ping in two": { send: [frame(PING, "a", { fin: false }), frame(CONT, "b")], expect: [["close", 1002]] },
  "a pong in two": { send: [frame(PONG, "a", { fin: false }), frame(CONT, "b")], expect: [["close", 1002]] },
  "a close in two": { send: [frame(CLOSE, "", { fin: false }), frame(CONT)], expect: [["close", 1002]] },
  "text in two": { send: pieces(TEXT, ["hel", "lo"]), expect: [HELLO] },
  "text in five": { send: pieces(TEXT, [..."hello"]), expect: [HELLO] },
  "binary in three": { send: pieces(BINARY, [[1, 2], [], [3]].map(Buffer.from)), expect: [["binary", "010203"]] },
  "empty pieces": { send: pieces(TEXT, ["", "", ""]), expect: [["text", ""]] },
  "empty around": { send: pieces(TEXT, ["", "hello", ""]), expect: [HELLO] },
  "a ping between": { send: pieces(TEXT, ["hel", "lo"], [frame(PING, "p")]), expect: [["pong", hex("p")], HELLO] },
  "pings between five": { send: pieces(TEXT, [..."hello"], [frame(PING, "p")]), expect: [...Array(4).fill(["pong", hex("p")]), HELLO] },
  "a pong between": { send: pieces(TEXT, ["hel", "lo"], [frame(PONG, "p")]), expect: [HELLO] },
  "nothing to go on with": { send: [frame(CONT, "x")], expect: [["close", 1002]] },
  "nothing to go on with, not the last": { send: [frame(CONT, "x", { fin: false }), frame(CONT, "y")], expect: [["close", 1002]] },
  "... after a message": { send: [text("hello"), frame(CONT, "x")], expect: [HELLO, ["close", 1002]] },
  "... after a message in pieces": { send: [...pieces(TEXT, ["hel", "lo"]), frame(CONT, "x", { fin: false }), text("y")], expect: [HELLO, ["close", 1002]] },
  "a text inside a text": { send: [text("a", { fin: false }), text("b"), frame(CONT, "c")], expect: [["close", 1002]] },
  "a binary inside a text": { send: [text("a", { fin: false }), frame(BINARY, "b")], expect: [["close", 1002]] },
  "two after each other": { send: [...pieces(TEXT, ["hel", "lo"]), ...pieces(BINARY, ["\x01", "\x02"])], expect: [HELLO, ["binary", "0102"]] },
}));

test("6: UTF-8", async t => {
  const decode = bytes => { try { return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes); } catch { return null; } };
  // Sequences of bytes at which something begins or ends, and what stands at the edges of the planes.
  const edges = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xfc, 0xfe, 0xff];
  const good = [], bad = [];
  const sort = bytes => (decode(Buffer.from(bytes)) === null ? bad : good).push(Buffer.from(bytes));
  let seed = 1;
  const one = list => list[(seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % list.length];
  for (const a of edges) { sort([a]); for (const b of edges) if (a >= 0xc0 || b >= 0xc0) sort([a, b]); }
  for (let i = 0; i < 4000; i++) sort([one(edges.slice(13)), one(edges.slice(3, 10)), one(edges), ...(i & 1 ? [one(edges)] : [])]);
  for (let plane = 0; plane <= 16; plane++) for (const last of [0xfffd, 0xfffe, 0xffff]) sort(Buffer.from(String.fromCodePoint(plane * 65536 + last)));
  for (const word of ["κόσμε", "привет 👋", "\u0000", "\ufeffBOM", "\ud7ff\ue000", "\u{10000}\u{10ffff}"]) sort(Buffer.from(word));
  for (const bytes of [[0xf4, 0x90, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xf8, 0x88, 0x80, 0x80, 0x80],
    [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80], [0xc0, 0xaf], [0xe0, 0x80, 0xaf], [0xf0, 0x80, 0x80, 0xaf]]) sort(bytes);
  assert.ok(good.length > 200 && bad.length > 2000, `${good.length} valid, ${bad.length} invalid`);

  const cases = {}, answers = good.map(bytes => ["text", decode(bytes)]);
  cases["all that is valid"] = { send: good.map(bytes => text(bytes)), expect: answers, modes: ["whole", 13] };
  cases["all that is valid, a frame per byte"] = { send: good.flatMap(bytes => pieces(TEXT, cut(bytes, 1))), expect: answers, modes: ["whole", 17] };
  for (let i = 0; i < bad.length; i += 19)
    cases[`invalid ${hex(bad[i])}`] = { send: [text(Buffer.concat([Buffer.from("ok "), bad[i]]))], expect: [["close", 1007]], modes: ["whole"] };
  for (const bytes of bad.filter((_, i) => i % 211 === 7)) {
    cases[`invalid in pieces ${hex(bytes)}`] = { send: pieces(TEXT, cut(Buffer.concat([Buffer.from("κ"), bytes, Buffer.from("!")]), 1)), expect: [["close", 1007]] };
    cases[`invalid as binary ${hex(bytes)}`] = { send: [frame(BINARY, bytes)], expect: [["binary", hex(bytes)]] };
  }
  // At the first bad byte, not at the message's end: the rest is never sent.
  const word = Buffer.from("κόσμε"), promise = Buffer.concat([word, Buffer.from([0xed, 0xa0]), Buffer.alloc(20, 65)]);
  cases["fails fast inside a frame"] = { send: [text(promise).subarray(0, -20)], expect: [["close", 1007]] };
  cases["fails fast between frames"] = { send: [frame(TEXT, word, { fin: false }), frame(CONT, Buffer.from([0xf4, 0x90]), { fin: false })], expect: [["close", 1007]] };
  cases["ends inside a character"] = { send: [text(word.subarray(0, 1))], expect: [["close", 1007]] };
  cases["ends inside a character, in pieces"] = { send: pieces(TEXT, [Buffer.from([0xe1]), Buffer.from([0xbb]), ""]), expect: [["close", 1007]] };
  await playAll(t, cases);
});

test("7: closing", t => {
  const cases = {
    "without a code": { send: [close()], expect: [["close", 0]] },
    "half a code": { send: [frame(CLOSE, Buffer.from([3]))], expect: [["close", 1002]] },
    "a reason": { send: [close(1000, "bye")], expect: [["close", 1000]] },
    "the longest reason": { send: [close(1000, "x".repeat(123))], expect: [["close", 1000]] },
    "too long a reason": { send: [close(1000, "x".repeat(124))], expect: [["close", 1002]] },
    "a reason that is not UTF-8": { send: [close(1000, Buffer.from([0xce, 0xba, 0xed, 0xa0, 0x80]))], expect: [["close", 1007]] },
    "after a message": { send: [text("hello"), close(1000)], expect: [HELLO, ["close", 1000]] },
    "twice": { send: [close(1000), close(1001)], expect: [["close", 1000]] },
    "then a ping": { send: [close(1000), frame(PING)], expect: [["close", 1000]] },
    "then a message": { send: [close(1000), text("late")], expect: [["close", 1000]] },
    "then rubbish": { send: [close(1000), Buffer.alloc(300, 0xff)], expect: [["close", 1000]] },
    "inside a message": { send: [text("hel", { fin: false }), close(1000), frame(CONT, "lo")], expect: [["close", 1000]] },
    "then 256 KiB": { send: [close(1000), ...cut(Buffer.alloc(262144), 32768).map(part => frame(BINARY, part))], expect: [["close", 1000]], modes: ["whole", "frames"] },
  };
  for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4409, 4999])
    cases[`code ${code}`] = { send: [close(code)], expect: [["close", code]] };
  for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
    cases[`code ${code}`] = { send: [close(code)], expect: [["close", 1002]] };
  return playAll(t, cases);
});

test("9: large and many", async t => {
  const mib = letters(1 << 20), cases = {};
  for (const size of [1 << 16, 1 << 18, 1 << 20]) {
    cases[`text ${size}`] = { send: [text(letters(size))], expect: [["text", letters(size)]], modes: ["whole"] };
    cases[`binary ${size}`] = { send: [frame(BINARY, Buffer.alloc(size, 0xfe))], expect: [["binary", "fe".repeat(size)]], modes: ["whole"] };
  }
  for (const size of [64, 256, 1024, 4096, 65536])
    cases[`1 MiB in pieces of ${size}`] = { send: pieces(TEXT, cut(mib, size)), expect: [["text", mib]], modes: ["whole"] };
  for (const size of [512, 2048])
    cases[`1 MiB in chops of ${size}`] = { send: [text(mib)], expect: [["text", mib]], modes: [size] };
  cases["1 MiB and a byte"] = { send: [text(mib + "x")], expect: [["close", 1009]], modes: ["whole"] };
  cases["1 MiB and a byte, in pieces"] = { send: pieces(TEXT, cut(mib + "x", 65536)), expect: [["close", 1009]], modes: ["whole"] };
  cases["a claim of 2^40 bytes"] = { send: [text("x", { length: 1n << 40n })], expect: [["close", 1009]] };
  cases["a claim of 2^63 bytes"] = { send: [text("x", { length: 1n << 63n })], expect: [["close", 1002]] };
  cases["pieces for ever"] = { send: [text("", { fin: false }), ...Array(20000).fill(frame(CONT, "", { fin: false }))], expect: [["close", 1008]], modes: ["whole"] };
  await playAll(t, cases);

  const peer = new Peer("/echo/trips"), rounds = Math.ceil(300 / slow);
  await peer.until(() => peer.head);
  for (const size of [0, 16, 64, 256, 1024, 4096])
    for (const opcode of [TEXT, BINARY]) {
      peer.events.length = 0;
      for (let i = 1; i <= rounds; i++) {
        peer.socket.write(frame(opcode, letters(size)));
        assert.ok(await peer.until(() => peer.events.length >= i), `${size} bytes: no echo ${i}`);
      }
    }
  peer.socket.destroy();
});

test("10: automatic fragmentation", t => playAll(t, {
  "65536 in 1300": { send: pieces(TEXT, cut(letters(65536), 1300)), expect: [["text", letters(65536)]], modes: ["whole", "frames"] },
}));

test("what no standard suite asks: masks, lengths, handshakes", async t => {
  await playAll(t, {
    "not masked": { send: [text("hello", { masked: false })], expect: [["close", 1002]] },
    "a ping that is not masked": { send: [frame(PING, "", { masked: false })], expect: [["close", 1002]] },
    "5 bytes in 16 bits": { send: [text("hello", { length: "16" })], expect: [["close", 1002]] },
    "5 bytes in 64 bits": { send: [text("hello", { length: "64" })], expect: [["close", 1002]] },
    "200 bytes in 64 bits": { send: [text(letters(200), { length: "64" })], expect: [["close", 1002]] },
    "a ping in 16 bits": { send: [frame(PING, "hello", { length: "16" })], expect: [["close", 1002]] },
  });
  const usual = { Host: "x", Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" };
  const ask = (change, { line = "GET /echo/r HTTP/1.1", extra = "" } = {}) => `${line}\r\n` +
    Object.entries({ ...usual, ...change }).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}\r\n`).join("") + extra + "\r\n";
  for (const [what, request, status] of [
    ["as it should be", ask({}), 101],
    ["lower case, more tokens", ask({ Upgrade: "WebSocket", Connection: "keep-alive, upgrade" }), 101],
    ["several subprotocols", ask({ "Sec-WebSocket-Protocol": "soap, ramp.1" }), 101],
    ["extensions are not taken", ask({ "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" }), 101],
    ["POST", ask({}, { line: "POST /echo/r HTTP/1.1" }), 400],
    ["HTTP/1.0", ask({}, { line: "GET /echo/r HTTP/1.0" }), 400],
    ["no key", ask({ "Sec-WebSocket-Key": null }), 400],
    ["a short key", ask({ "Sec-WebSocket-Key": "AAAA" }), 400],
    ["two keys", ask({}, { extra: "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" }), 400],
    ["version 8", ask({ "Sec-WebSocket-Version": "8" }), 426],
    ["no version", ask({ "Sec-WebSocket-Version": null }), 426],
    ["a body", ask({ "Content-Length": "3" }) + "abc", 400],
    ["chunks", ask({ "Transfer-Encoding": "chunked" }) + "0\r\n\r\n", 400],
    ["no such service", ask({}, { line: "GET /absent/r HTTP/1.1" }), 404],
    ["no host", ask({ Host: null }), 400],
  ]) {
    const peer = new Peer();
    await peer.send([Buffer.from(request)], "whole");
    await peer.until(() => peer.head);
    assert.equal(Number(peer.head.split(" ")[1]), status, `${what}: ${peer.head}`);
    if (status === 101) {
      assert.match(peer.head, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
      assert.doesNotMatch(peer.head, /extensions/i);
      assert.equal(/protocol: ramp\.1/i.test(peer.head), request.includes("ramp.1"));
    } else assert.ok(await peer.until(() => peer.events.at(-1)?.[0] === "end"), `${what}: stays open`);
    peer.socket.destroy();
  }
  // Bytes right behind the handshake are frames, also when the room is another worker's.
  await Promise.all(Array.from({ length: 8 }, async (_, i) => {
    const peer = new Peer();
    peer.socket.write(Buffer.concat([Buffer.from(handshake(`/echo/early${i}`)), text("hello"), close(1000)]));
    assert.ok(await peer.until(() => peer.events.at(-1)?.[0] === "end"));
    assert.deepEqual(peer.events, [HELLO, ["close", 1000], ["end"]]);
    peer.socket.destroy();
  }));
});
