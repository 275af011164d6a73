// SPDX-License-Identifier: Apache-2.0
// prepare.mjs -- run by `npm install`, `npm ci` and `npm pack` in this folder: what the package holds
// and the repository makes. Not part of the package.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "../..");
execFileSync(process.execPath, [path.join(root, "tools/generate.mjs"), "--imports", "assembly/imports.ts"], { stdio: "inherit" });
fs.copyFileSync(path.join(root, "LICENSE"), "LICENSE");
