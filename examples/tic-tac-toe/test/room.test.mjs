import assert from "node:assert/strict";
import test from "node:test";
import { openRoom } from "ramp-sdk/test";

const folder = new URL("..", import.meta.url).pathname;
const player = (r, id, key = id) => r.join({ id, query: { name: id.toUpperCase(), key } });
/** What everybody sees: board, turn, X, O, how many watch. */
const game = conn => conn.got.findLast(m => m.startsWith("game")).replace(/^game /, "").split("\n");
const play = (a, b, fields) => [...fields].forEach((field, i) => (i % 2 ? b : a).send("play " + field));

test("two play, the others watch", async () => {
  const r = await openRoom(folder), ann = player(r, "ann");
  ann.send("play 0");
  assert.deepEqual(game(ann), ["......... X", "here ANN", "free ", "0"], "nobody to play against");
  const bob = player(r, "bob"), cid = player(r, "cid");
  assert.deepEqual([ann, bob, cid].map(c => c.got[0]), ["you X", "you O", "you -"]);
  bob.send("play 0");
  cid.send("play 0");
  ann.send("play 4");
  ann.send("play 5");
  bob.send("play 4");
  for (const nonsense of ["play", "play 9", "play x", "play 00", "again", "hello"]) bob.send(nonsense);
  assert.deepEqual(game(cid), ["....X.... O", "here ANN", "here BOB", "1"]);
});

test("three in a row win, a full board is a draw, the other begins the next game", async () => {
  const r = await openRoom(folder), ann = player(r, "ann"), bob = player(r, "bob");
  play(ann, bob, "01326"); // the left column is X's at 0 3 6
  assert.equal(game(bob)[0], "XOOX..X.. -");
  bob.send("play 4");
  bob.send("again");
  assert.equal(game(bob)[0], "......... O");
  play(bob, ann, "012435768");
  assert.match(game(ann)[0], /^[XO]{9} -$/);
});

test("who reloads gets the seat back, and nobody else does", async () => {
  const r = await openRoom(folder), ann = player(r, "ann"), bob = player(r, "bob"), cid = player(r, "cid");
  ann.send("play 4");
  bob.leave(1001);
  assert.deepEqual(game(ann).slice(1), ["here ANN", "away BOB", "1"]);
  assert.equal(player(r, "dan").got[0], "you -");
  r.advance(29000);
  const again = player(r, "bob2", "bob");
  assert.equal(again.got[0], "you O");
  again.send("play 0");
  assert.deepEqual(game(cid), ["O...X.... X", "here ANN", "here BOB2", "2"]);
  r.advance(60000);
  assert.equal(game(cid)[2], "here BOB2");
});

test("a seat that is not claimed goes to who watches, with a new game", async () => {
  const r = await openRoom(folder), ann = player(r, "ann"), bob = player(r, "bob"), cid = player(r, "cid");
  ann.send("play 4");
  bob.leave();
  r.advance(30000);
  assert.equal(cid.got.filter(m => m.startsWith("you")).at(-1), "you O");
  assert.deepEqual(game(ann), ["......... X", "here ANN", "here CID", "0"]);
  cid.leave();
  r.advance(30000);
  assert.deepEqual(game(ann), ["......... X", "here ANN", "free ", "0"]);
});

test("the same key in a second window takes the seat along", async () => {
  const r = await openRoom(folder), ann = player(r, "ann"), bob = player(r, "bob"), window = player(r, "ann2", "ann");
  assert.equal(window.got[0], "you X");
  assert.equal(ann.closed.code, 4409);
  assert.deepEqual(game(bob).slice(1), ["here ANN2", "here BOB", "0"]);
});

test("the user of a token needs no key; without both there is a seat, but none to come back to", async () => {
  const r = await openRoom(folder), ann = r.join({ id: "1", user: "ann" }), bob = r.join({ id: "2" });
  assert.deepEqual([ann.got[0], bob.got[0]], ["you X", "you O"]);
  ann.leave();
  bob.leave();
  assert.equal(r.join({ id: "3", user: "ann" }).got[0], "you X");
  assert.equal(r.join({ id: "4" }).got[0], "you -");
});

test("a new version, an eviction, a restart of the server: the game goes on", async () => {
  const r = await openRoom(folder), ann = player(r, "ann"), bob = player(r, "bob");
  ann.send("play 4");
  await r.reload();
  r.advance(60000);
  bob.send("play 1");
  r.evict();
  ann.send("play 2");
  assert.deepEqual(game(bob), [".OX.X.... O", "here ANN", "here BOB", "0"]);

  r.crash();
  const back = player(r, "bob3", "bob");
  assert.equal(back.got.find(m => m.startsWith("you")), "you O");
  assert.deepEqual(game(back), [".OX.X.... O", "away ANN", "here BOB3", "0"]);
  r.advance(30000);
  assert.equal(game(back)[1], "free ");
});

test("what a player does not see is not told: keys", async () => {
  const r = await openRoom(folder), ann = player(r, "ann", "secret"), bob = player(r, "bob");
  assert.ok(!bob.got.concat(ann.got).some(m => m.includes("secret")));
});
