// SPDX-License-Identifier: Apache-2.0
// support.mjs -- the SDK as its users get it: packed by npm, installed into a project of its own.
//
// The project lies in build/sdk-tests/<hash of the package's files>, so that the test files share one
// install; the first one makes it, the others wait.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const here = path.join(root, "tests/sdk");
const source = path.join(root, "guest/assemblyscript");
const base = path.join(root, "build/sdk-tests");

const DEPENDENCIES = { "json-as": "1.6.0", typescript: "5.9.3" };

/** The project's folder. */
export const project = await install();
export const sdk = path.join(project, "node_modules/ramp-sdk");
export const use = name => import(pathToFileURL(path.join(sdk, name)));
export const rampBuild = (...args) => spawnSync(process.execPath, [path.join(sdk, "bin/ramp-build.mjs"), ...args], { cwd: project, encoding: "utf8" });

/** A room of tests/sdk/rooms, copied into the project. Returns its path there. */
export function roomFile(name) {
  const to = path.join(project, "rooms", name);
  fs.mkdirSync(path.dirname(to), { recursive: true });
  const text = fs.readFileSync(path.join(here, "rooms", name), "utf8");
  if (!fs.existsSync(to) || fs.readFileSync(to, "utf8") !== text) fs.writeFileSync(to, text);
  return to;
}

const written = [];
process.on("exit", () => written.forEach(file => fs.rmSync(file, { force: true })));
/** A room with this text. */
export function roomOf(text) {
  const file = path.join(project, "rooms", `room-${process.pid}-${written.length}.ts`);
  written.push(file);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  return file;
}

async function install() {
  const hash = createHash("sha256").update(JSON.stringify(DEPENDENCIES));
  for (const file of [...files(source), path.join(root, "src/core/hostcalls.def"), path.join(root, "tools/generate.mjs")].sort())
    hash.update(file).update(fs.readFileSync(file));
  const folder = path.join(base, hash.digest("hex").slice(0, 16)), lock = `${folder}.lock`, done = path.join(folder, ".done");
  fs.mkdirSync(base, { recursive: true });
  for (let waited = 0; !fs.existsSync(done); waited += 200) {
    try {
      fs.mkdirSync(lock);
    } catch {
      if (waited > 180_000) throw new Error(`${lock} is left from a run that was killed; remove it`);
      await new Promise(r => setTimeout(r, 200));
      continue;
    }
    try {
      if (!fs.existsSync(done)) make(folder);
    } finally {
      fs.rmSync(lock, { recursive: true, force: true });
    }
  }
  return folder;
}

function make(folder) {
  for (const old of fs.readdirSync(base)) { // those of the last hour may be in use
    const full = path.join(base, old);
    if (Date.now() - fs.statSync(full).mtimeMs > 3600_000) fs.rmSync(full, { recursive: true, force: true });
  }
  fs.mkdirSync(folder, { recursive: true });
  const npm = (cwd, ...args) => execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const packed = JSON.parse(npm(source, "pack", "--json", "--pack-destination", folder).replace(/^[^[{]*/, ""));
  const { filename } = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
  fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name: "sdk-tests", private: true, type: "module", dependencies: { "ramp-sdk": `file:./${filename}`, ...DEPENDENCIES } }));
  npm(folder, "install", "--prefer-offline", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error");
  fs.writeFileSync(path.join(folder, ".done"), "");
}

function files(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap(e => {
    const full = path.join(folder, e.name);
    if (["node_modules", "imports.ts"].includes(e.name) || e.name.endsWith(".tgz")) return [];
    return e.isDirectory() ? files(full) : [full];
  });
}
