#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// ramp-build.mjs -- builds a room: once, or as a server for tools that rebuild often.
import path from "node:path";
import readline from "node:readline";
import fs from "node:fs";
import { locate, Misuse } from "../lib/project.mjs";

const USAGE = `usage: ramp-build [FILE|DIR] [-o OUT.wasm] [--debug] [--json]
       ramp-build --server

Builds the room in FILE, or the one in DIR (src/room.ts, or "main" of ramp.json).
  -o OUT.wasm  where to (default: build/<name>.wasm in the project)
  --debug      fast to compile, slow to run
  --json       prints {"ok":true,"out",…} or {"ok":false,"problems":[{"file","line","col","text","source"}],…}
  --server     builds for each line of input: {"id":1,"file":"src/room.ts","out":"room.wasm","mode":"release"}
               and answers each with the same object and its id
exit code: 0 built, 1 the room has problems, 2 wrong use`;

function wrong(text) {
  console.error(`ramp-build: ${text}\n\n${USAGE}`);
  process.exit(2);
}

function options(argv) {
  const o = { target: null, out: undefined, mode: "release", json: false, server: false };
  for (let i = 0; i < argv.length; i++) {
    const a = argv[i];
    if (a === "-o") o.out = argv[++i] ?? wrong("-o needs a path");
    else if (a === "--debug") o.mode = "debug";
    else if (a === "--json") o.json = true;
    else if (a === "--server") o.server = true;
    else if (a === "--help" || a === "-h") { console.log(USAGE); process.exit(0); }
    else if (a.startsWith("-")) wrong(`unknown option ${a}`);
    else if (o.target !== null) wrong("one room at a time");
    else o.target = a;
  }
  return o;
}

/** What goes out as JSON. */
function answer(r) {
  return r.ok ? { ok: true, out: r.out, bytes: r.bytes, handlers: r.handlers, files: r.files, ms: r.ms }
    : { ok: false, problems: r.problems, ...(r.misuse && { misuse: true }), files: r.files ?? [], ms: r.ms ?? 0 };
}

async function attempt(target, opts) {
  try {
    locate(target); // before the compiler is loaded, which takes a second
    return await (await import("../lib/build.mjs")).build(target, opts);
  } catch (e) {
    const text = e instanceof Misuse ? e.message
      : e.path && e.syscall ? `${e.path.replace(/\.\d+\.part$/, "")}: ${e.message.replace(/^E[A-Z]+: /, "").replace(/, \w+ '.*$/, "")}`
      : `the build failed inside: ${e.stack}`;
    return { ok: false, misuse: e instanceof Misuse, problems: [{ file: target, line: 0, col: 0, text, source: "" }], ms: 0 };
  }
}

function report(r) {
  for (const p of r.problems) {
    console.error(p.line ? `${p.file}:${p.line}:${p.col}  ${p.text}` : p.text);
    if (p.source) console.error(`${String(p.line).padStart(6)} | ${p.source}`);
  }
  if (!r.misuse) console.error(`build failed (${r.ms} ms)`);
}

async function once(o) {
  const r = await attempt(o.target ?? ".", { out: o.out, mode: o.mode });
  if (o.json) console.log(JSON.stringify(answer(r)));
  else if (!r.ok) report(r);
  else console.log(`${path.relative(process.cwd(), r.out) || r.out}  ${(r.bytes / 1024).toFixed(1)} KB  ${r.handlers.join(" ")}  ${r.ms} ms`);
  process.exitCode = r.ok ? 0 : r.misuse ? 2 : 1;
}

/** Builds that make the compiler quick: its first ones are slow, until the engine has seen what is hot. */
const WARM_BUILDS = 2;
const QUIET_MS = 300; // after an answer, before a build that nobody has asked for

/** One request a line, one answer a line, in order; ends with its input. */
async function serve() {
  const print = text => fs.writeSync(1, text + "\n");
  console.log = console.info = console.warn = console.error; // standard output is for answers alone
  const lines = [];
  let wake = () => {}, ended = false, warmed = 0, last = null;
  const input = readline.createInterface({ input: process.stdin, terminal: false });
  input.on("line", line => { lines.push(line); wake(true); });
  input.on("close", () => { ended = true; wake(true); });
  const arrives = ms => new Promise(resolve => { wake = resolve; if (ms) setTimeout(resolve, ms, false); });
  while (lines.length || !ended) {
    if (!lines.length) {
      const cold = last && warmed < WARM_BUILDS;
      if (await arrives(cold ? QUIET_MS : 0)) continue;
      warmed++;
      await attempt(last.file, { mode: last.mode, write: false });
      continue;
    }
    const line = lines.shift();
    if (!line.trim()) continue;
    let q, r;
    try {
      q = JSON.parse(line);
      if (typeof q?.file !== "string") throw new Error("'file' is missing");
      if (![undefined, "release", "debug"].includes(q.mode)) throw new Error("'mode' is release or debug");
      r = await attempt(q.file, { out: q.out, mode: q.mode ?? "release" });
      if (r.ok) last = q;
    } catch (e) {
      r = { ok: false, misuse: true, problems: [{ file: "", line: 0, col: 0, text: `not a request: ${e.message}`, source: "" }] };
    }
    print(JSON.stringify({ id: q?.id ?? null, ...answer(r) }));
  }
}

const o = options(process.argv.slice(2));
if (o.server) await serve();
else await once(o);
