// SPDX-License-Identifier: Apache-2.0
// project.mjs -- where the project of a FILE or DIR is, and which file of it is the room.
import fs from "node:fs";
import path from "node:path";

/** A wrong use: nothing to build. The message is a sentence. */
export class Misuse extends Error {}

/** { project: absolute folder, main: path of the room's file in it } */
export function locate(target) {
  const full = path.resolve(target);
  if (!fs.existsSync(full)) throw new Misuse(`${target}: there is no such file or folder`);
  if (fs.statSync(full).isDirectory()) {
    const main = config(full).main ?? "src/room.ts";
    if (!fs.existsSync(path.join(full, main)))
      throw new Misuse(`${target}: there is no ${main}; write the room there, or name its file in ramp.json as "main"`);
    return { project: full, main: path.posix.normalize(main.replaceAll("\\", "/")) };
  }
  if (!full.endsWith(".ts")) throw new Misuse(`${target}: a room is a .ts file`);
  const within = project => ({ project, main: path.relative(project, full).replaceAll("\\", "/") });
  const folder = path.dirname(full);
  for (let dir = folder; dir !== path.dirname(dir); dir = path.dirname(dir))
    if (["ramp.json", "package.json"].some(f => fs.existsSync(path.join(dir, f)))) return within(dir);
  return within(path.basename(folder) === "src" ? path.dirname(folder) : folder);
}

/** ramp.json: JSON with comments and commas before a closing bracket, as the CLI reads it; {} if there is none. */
function config(dir) {
  const file = path.join(dir, "ramp.json");
  if (!fs.existsSync(file)) return {};
  const text = fs.readFileSync(file, "utf8");
  try {
    const bare = text.replace(/"(?:[^"\\]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, m => m[0] === "/" ? " " : m);
    const r = JSON.parse(bare.replace(/"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])/g, m => m === "," ? "" : m));
    if (r === null || typeof r !== "object" || Array.isArray(r)) throw new Error("not a JSON object");
    if (r.main !== undefined && typeof r.main !== "string") throw new Error('"main" is not text');
    return r;
  } catch (e) {
    throw new Misuse(`${file}: ${e.message}`);
  }
}
