// SPDX-License-Identifier: Apache-2.0
// docs/from-wasm-sandbox.md: its commands, in their order, do what the page says.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { ramp, root, Server, slow } from "./support.mjs";

/** "…" stands for anything: in a line for some of it, alone for any lines. */
function matches(expected, output) {
  const literal = text => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/ {2,}/g, " +");
  const lines = expected.trimEnd().split("\n").map(line => line === "…" ? "(?:.*\n)*?" : line.split("…").map(literal).join(".*") + "\n");
  return new RegExp(`^${lines.join("")}$`).test(output.replace(/[ \t]+$/gm, "").trimEnd() + "\n");
}

test("the page's commands do what it says", async t => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "ramp-doc-")), data = path.join(dir, "ramp-data");
  const bin = path.join(dir, "bin"), args = ["--workers", "1", "--modules-max", "2"];
  fs.mkdirSync(bin);
  fs.symlinkSync(ramp, path.join(bin, "ramp"));
  let server = await Server.start({ data, args });
  t.after(async () => {
    await server.stop("SIGKILL");
    fs.rmSync(dir, { recursive: true, force: true });
  });
  const text = fs.readFileSync(path.join(root, "docs/from-wasm-sandbox.md"), "utf8");
  const blocks = [...text.matchAll(/```(sh|console)\n(.*?)```(?:\n```text\n(.*?)```)?/gs)];
  assert.ok(blocks.length > 8);
  for (const [, kind, commands, expected] of blocks) {
    if (kind === "console") { // the server's own terminal
      if (!commands.includes("kill -9")) continue;
      await server.stop("SIGKILL");
      server = await Server.start({ data, args });
      continue;
    }
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, RAMP_SDK: path.join(root, "guest/assemblyscript"), RAMP_URL: undefined, RAMP_TOKEN: undefined };
    const run = spawnSync("bash", ["-euo", "pipefail", "-c", commands.replaceAll("http://127.0.0.1:8787", server.url)], { cwd: dir, encoding: "utf8", env, timeout: 120000 * slow });
    assert.equal(run.status, 0, `${commands}${run.stdout}${run.stderr}`);
    assert.ok(matches(expected, run.stdout), `${commands}--- says\n${run.stdout}--- and not\n${expected}`);
  }
});
