// SPDX-License-Identifier: Apache-2.0
// Code is swapped under open sockets: no message is lost or doubled, no socket closed, counters go on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Server, room, sleep, until, variant } from "./support.mjs";

const SWAPS = 100, BROKEN = 20, CLIENTS = 50, ROOMS = 5, EVERY_MS = 50;

test(`${SWAPS} swaps under ${CLIENTS} clients at ${1000 / EVERY_MS} messages/s, ${BROKEN} broken ones in between`, async t => {
  const server = await Server.start({ args: ["--workers", "2"] });
  t.after(() => server.stop());
  const good = room("state"), broken = room("broken_open"), refused = Buffer.from("no module at all");
  await server.deploy("s", good);
  const clients = await Promise.all(Array.from({ length: CLIENTS }, (_, i) => server.client(`/s/r${i % ROOMS}`)));
  let running = true, longest = 0, sent = 0;
  const answers = Array.from({ length: ROOMS }, () => []);
  const talking = clients.map(async (client, i) => {
    await sleep((i * EVERY_MS) / CLIENTS);
    while (running) {
      const at = performance.now();
      client.send("count");
      sent++;
      answers[i % ROOMS].push(Number(await client.next(30000)));
      const took = performance.now() - at;
      if (took > longest) longest = took;
      if (took < EVERY_MS) await sleep(EVERY_MS - took);
    }
    assert.deepEqual(client.got, []); // nothing that nobody asked for
  });
  let kept = 0;
  for (let i = 1; i <= SWAPS; i++) {
    const answer = await server.deploy("s", variant(good, i));
    assert.deepEqual([answer.rooms_moved, answer.rooms_kept, answer.connections], [ROOMS, 0, CLIENTS], `swap ${i}`);
    if (i % (SWAPS / BROKEN)) continue;
    if (i % 2) {
      const { status } = await server.api("PUT", "/_ramp/v1/services/s", refused);
      assert.equal(status, 422);
    } else {
      const { json } = await server.api("PUT", "/_ramp/v1/services/s", variant(broken, i));
      assert.deepEqual([json.rooms_moved, json.rooms_kept], [0, ROOMS]);
      kept++;
    }
  }
  running = false;
  await Promise.all(talking);
  assert.equal(kept, BROKEN / 2);
  for (const client of clients) assert.equal(client.closed, null);
  /* Every number once, from 1 on: none lost, none doubled. */
  for (const numbers of answers) assert.deepEqual(numbers.sort((a, b) => a - b), numbers.map((_, i) => i + 1));
  t.diagnostic(`${sent} messages over ${SWAPS} swaps; the longest took ${longest.toFixed(0)} ms`);
});
