import assert from "node:assert/strict";
import test from "node:test";
import { openRoom } from "ramp-sdk/test";

const folder = new URL("..", import.meta.url).pathname;
const open = options => openRoom(folder, { now: 1_000_000, ...options });
const player = (r, name) => r.join({ id: name.toLowerCase(), query: { name } });
function play(r, conn, ms) {
  conn.send("start");
  r.advance(ms);
  conn.send("stop");
}
const tops = conn => conn.got.filter(m => m.startsWith("top"));
const records = conn => conn.got.filter(m => m.startsWith("record"));

test("the nearest comes first, and only a player's best counts", async () => {
  const r = await open(), ann = player(r, "Ann"), bob = player(r, "Bob");
  assert.deepEqual(ann.take(), ["you Ann", "top"]);
  play(r, ann, 5300);
  assert.deepEqual(ann.take(), ["go", "off 300", "top\n300 Ann", "record 300\nAnn\nlobby"]);
  play(r, bob, 4900);
  assert.ok(bob.got.includes("off -100"));
  assert.equal(tops(ann).at(-1), "top\n100 Bob\n300 Ann");
  play(r, bob, 6000);
  assert.equal(tops(ann).length, 1, "a worse try changes nothing");
  play(r, ann, 5099);
  assert.equal(tops(bob).at(-1), "top\n99 Ann\n100 Bob");
  assert.deepEqual(r.db.texts(), { "player/Ann": "99", "player/Bob": "100", "rank/00099/Ann": "Ann", "rank/00100/Bob": "Bob" });
});

test("the board is there after a restart", async () => {
  const r = await open(), ann = player(r, "Ann");
  play(r, ann, 5010);
  assert.equal(player(await open({ db: r.db }), "Bob").got[1], "top\n10 Ann");
});

test("a record is told in the other rooms, and to who comes later", async () => {
  const one = await open({ id: "one" }), { serviceKv } = one, two = await open({ id: "two", serviceKv });
  const ann = player(one, "Ann"), bob = player(two, "Bob");
  play(one, ann, 5200);
  assert.deepEqual(records(bob), []);
  two.advance(1000);
  assert.deepEqual(records(bob), ["record 200\nAnn\none"]);
  two.advance(5000);
  assert.equal(records(bob).length, 1, "told once");
  play(two, bob, 5500);
  assert.equal(records(bob).length, 1, "not as good");
  play(two, bob, 4950);
  one.advance(1000);
  assert.equal(records(ann).at(-1), "record 50\nBob\ntwo");
  assert.deepEqual(records(player(one, "Cid")), ["record 50\nBob\ntwo"]);
  serviceKv.set("record", "60\nDan\nthree"); // written in the same second
  one.advance(1000);
  assert.equal(serviceKv.text("record"), "50\nBob\ntwo");
});

test("an empty room looks no more, a new instance looks on", async () => {
  const r = await open(), ann = player(r, "Ann");
  await r.reload();
  r.serviceKv.set("record", "1\nBob\ntwo");
  r.advance(1000);
  assert.deepEqual(records(ann), ["record 1\nBob\ntwo"]);
  ann.leave();
  assert.equal(r.events.at(-1).type, "timer_clear");
});

test("stop without start, and after a minute, is nothing; 100 players are kept", async () => {
  const r = await open(), ann = player(r, "Ann");
  ann.send("stop");
  play(r, ann, 66000);
  assert.deepEqual(tops(ann), ["top"]);
  for (let i = 0; i < 101; i++) {
    const conn = player(r, "p" + i);
    play(r, conn, 5000 + i);
    conn.leave();
  }
  assert.equal(r.db.size, 200);
  assert.ok(!r.db.has("player/p100"));
});

test("names are one line, and short", async () => {
  const r = await open();
  assert.equal(r.join({ id: "a", query: { name: " a\n\0b/c " } }).got[0], "you ab/c");
  assert.equal(r.join({ id: "b", user: "bob", query: { name: "x" } }).got[0], "you bob");
  assert.equal(r.join({ id: "guestly" }).got[0], "you guest gues");
});
