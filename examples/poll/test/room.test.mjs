import assert from "node:assert/strict";
import test from "node:test";
import { openRoom } from "ramp-sdk/test";

const folder = new URL("..", import.meta.url).pathname;
const ask = r => r.request("POST", "/ask", { body: "Where do we meet?\r\n\nin the park\n at the lake \nnowhere\n" });
const results = (park, lake, nowhere) => `Where do we meet?\n${park} in the park\n${lake} at the lake\n${nowhere} nowhere\n`;
const vote = (r, choice, voter) => r.request("POST", `/vote?choice=${choice}&voter=${voter}`);

test("asked and voted on over HTTP, seen over WebSocket", async () => {
  const r = await openRoom(folder), ann = r.join("ann");
  assert.deepEqual(ann.take(), [""]);
  assert.equal(ask(r).status, 201);
  assert.deepEqual(ann.take(), [results(0, 0, 0)]);
  assert.equal(vote(r, 2, "v1").text, results(0, 1, 0));
  assert.deepEqual(ann.take(), [results(0, 1, 0)]);
  assert.equal(r.request("GET", "").text, results(0, 1, 0));
  assert.deepEqual(r.join("bob").got, [results(0, 1, 0)]);
});

test("one vote each: who votes again changes the vote; a token counts more than a key", async () => {
  const r = await openRoom(folder);
  ask(r);
  vote(r, 1, "v1");
  assert.equal(vote(r, 3, "v1").text, results(0, 0, 1));
  assert.equal(vote(r, 3, "v2").text, results(0, 0, 2));
  for (const voter of ["a", "b"]) r.request("POST", `/vote?choice=1&voter=${voter}`, { user: "ann" });
  assert.equal(r.request("GET").text, results(1, 0, 2));
});

test("votes are there after a restart, also more than a page of them", async () => {
  const r = await openRoom(folder);
  ask(r);
  for (let i = 0; i < 1100; i++) vote(r, 1 + (i % 3), "v" + i);
  assert.equal((await openRoom(folder, { db: r.db })).request("GET").text, results(367, 367, 366));
});

test("says what it takes", async () => {
  const r = await openRoom(folder);
  assert.equal(vote(r, 1, "v").status, 400); // nothing is asked
  for (const body of ["", "Why?", "Why?\nbecause", "Why?\n" + "a\n".repeat(9)]) assert.equal(r.request("POST", "/ask", { body }).status, 400);
  ask(r);
  assert.equal(ask(r).status, 409);
  for (const [choice, voter] of [[0, "v"], [4, "v"], ["x", "v"], [1, ""], [1, "v".repeat(65)], [1, "%00"]]) assert.equal(vote(r, choice, voter).status, 400, `${choice} ${voter}`);
  assert.equal(r.request("POST", "/vote").status, 400);
  assert.equal(r.request("DELETE", "/").status, 404);
  assert.equal(r.request("GET").text, results(0, 0, 0));
});
