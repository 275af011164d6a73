# SPDX-License-Identifier: Apache-2.0
"""chat.py URL -- two clients of the Python package `websockets` chat in a room of rooms/chat.ts."""
import asyncio
import sys

import websockets


async def main(url):
    async with websockets.connect(url, subprotocols=["ramp.1"]) as ann:
        ann_id = (await ann.recv()).removeprefix("you are ")
        assert await ann.recv() == "+" + ann_id
        async with websockets.connect(url, subprotocols=["ramp.1"]) as bob:
            bob_id = (await bob.recv()).removeprefix("you are ")
            assert ann_id != bob_id and bob.subprotocol == "ramp.1"
            assert await bob.recv() == "+" + bob_id
            assert await ann.recv() == "+" + bob_id
            await ann.send("привет 👋")
            assert await bob.recv() == "привет 👋"
            await bob.send(bytes(range(256)) * 256)
            assert await ann.recv() == "привет 👋"
            assert await ann.recv() == bytes(range(256)) * 256
            await ann.ping()
        assert await ann.recv() == "-" + bob_id
    print("ok")


asyncio.run(asyncio.wait_for(main(sys.argv[1]), 30))
