// SPDX-License-Identifier: Apache-2.0
// generate.mjs -- what is made from src/core/hostcalls.def and src/base/limits.h.
//
//   node tools/generate.mjs --out DIR          assembly/imports.ts, ramp_hostcalls.h, hostcalls.md, limits.md
//   node tools/generate.mjs --imports FILE     the SDK's raw imports alone
//   node tools/generate.mjs --header FILE      the C guest's prototypes alone
//   node tools/generate.mjs --docs [--check]   writes (or only compares) docs/hostcalls.md and docs/limits.md
//
// Needs nothing but node. A file that is already as it should be is not touched, so that builds
// which depend on it stay idle.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const DEF = "src/core/hostcalls.def";
const LIMITS = "src/base/limits.h";

// ---- reading ------------------------------------------------------------------------------------

/** { hostcalls: [{ name, kind, params: [{ letter, name }], result, doc }], handlers: [...] } */
export function readHostcalls(text, where = DEF) {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "");
  const line = /(HOSTCALL|HANDLER)\s*\(\s*(\w+)\s*,([\s\S]*?)\)\s*(?=HOSTCALL|HANDLER|#|$)/g;
  const hostcalls = [], handlers = [];
  for (const [, macro, name, rest] of code.matchAll(line)) {
    const fields = macro === "HOSTCALL"
      ? rest.match(/^\s*(\w+)\s*,\s*"(\w*)"\s*,\s*'(\w)'\s*,\s*"([^"]*)"\s*,([\s\S]*)$/)
      : rest.match(/^()\s*"(\w*)"()\s*,\s*"([^"]*)"\s*,([\s\S]*)$/);
    if (!fields) throw new Error(`${where}: cannot read the line of '${name}'`);
    const [, kind, letters, result, names, doc] = fields;
    const list = names.split(/\s+/).filter(Boolean);
    if (list.length !== letters.length)
      throw new Error(`${where}: '${name}' has ${letters.length} parameters and ${list.length} names`);
    const params = list.map((n, i) => ({ letter: letters[i], name: n }));
    for (const p of params)
      if (!"ponuiI".includes(p.letter)) throw new Error(`${where}: '${name}' has an unknown letter '${p.letter}'`);
    const entry = { name, kind, params, result, doc: strings(doc) };
    (macro === "HOSTCALL" ? hostcalls : handlers).push(entry);
  }
  const declared = code.match(/^(HOSTCALL|HANDLER)\(/gm)?.length ?? 0;
  if (declared !== hostcalls.length + handlers.length)
    throw new Error(`${where}: read ${hostcalls.length + handlers.length} of ${declared} lines`);
  return { hostcalls, handlers };
}

/** "a" "b" of C -> ab */
function strings(text) {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(m => JSON.parse(`"${m[1]}"`)).join("");
}

/** [{ title, rows: [{ name, value, unit, reason }] }] */
export function readLimits(text) {
  const sections = [{ title: "", rows: [] }];
  for (const line of text.split("\n")) {
    const section = line.match(/^\/\* -+ (.*?) -+ \*\/$/);
    if (section) sections.push({ title: section[1], rows: [] });
    const limit = line.match(/^#define\s+(LIMIT_\w+)\s+(.+?)\s*\/\*\s*(.*?)\s*\*\/\s*$/);
    if (limit) {
      const [, name, value, comment] = limit;
      const [, unit, reason] = comment.match(/^([^:]*?)(?::\s*(.*))?$/);
      sections.at(-1).rows.push({ name, value: number(value), unit: reason === undefined ? "" : unit, reason: reason ?? unit });
    } else if (/^#define\s+LIMIT_/.test(line)) {
      throw new Error(`${LIMITS}: a limit without 'unit: reason': ${line}`);
    }
  }
  return sections.filter(s => s.rows.length);
}

/** The value of a constant expression of C, or its text when it names something else. */
function number(text) {
  const plain = text.replace(/\b(0x[0-9a-f]+|\d+)(u?l{0,2})\b/gi, "$1");
  return /^[\d\sa-fx()<>*+-]+$/i.test(plain) ? Number(Function(`"use strict"; return (${plain});`)()) : text;
}

// ---- writing ------------------------------------------------------------------------------------

const made = from => `Made by tools/generate.mjs from ${from}; do not edit.`;
const AS = { p: "usize", o: "usize", n: "i32", u: "u32", i: "i32", I: "i64", v: "void" };
const C = { p: "const void *", o: "void *", n: "uint32_t ", u: "uint32_t ", i: "int32_t ", I: "int64_t ", v: "void " };
const KINDS = {
  EVENT: "Ask for something to happen. Collected while the handler runs and carried out after it has returned, all or nothing; they return 0, or an error and then have emitted nothing.",
  NOW: "Answer at once.",
  START: "Answer at once, or return PENDING (0x80000000) and answer later through `wait`, in the order of their start.",
  WAIT: "Suspends the call. A module that does not import it runs on the faster path.",
};

export function importsText({ hostcalls }) {
  const lines = [`// ${made(DEF)}`, "// The raw host functions: import module ramp_v1. `p`, `o`: addresses; `n`: bytes."];
  for (const h of hostcalls) {
    const params = h.params.map(p => `${p.name}: ${AS[p.letter]}`).join(", ");
    lines.push("", `/** ${h.doc} */`, "// @ts-ignore: decorator", `@external("ramp_v1", "${h.name}")`,
      `export declare function ${h.name}(${params}): ${AS[h.result]};`);
  }
  return lines.join("\n") + "\n";
}

export function headerText({ hostcalls }) {
  const lines = ["/* SPDX-License-Identifier: Apache-2.0 */", `/* ramp_hostcalls.h -- ${made(DEF)} Included by ramp_guest.h. */`,
    "#ifndef RAMP_HOSTCALLS_H", "#define RAMP_HOSTCALLS_H", "", "#include <stdint.h>", "",
    "#define RAMP_IMPORT(name) __attribute__((import_module(\"ramp_v1\"), import_name(#name)))", ""];
  for (const h of hostcalls) {
    const params = h.params.map(p => C[p.letter] + p.name).join(", ") || "void";
    lines.push(`/* ${h.kind}. ${h.doc} */`, `RAMP_IMPORT(${h.name})`, `${C[h.result]}ramp_${h.name}(${params});`, "");
  }
  lines.push("#endif");
  return lines.join("\n") + "\n";
}

export function hostcallsText({ hostcalls, handlers }) {
  const what = { p: "address to read", o: "address to write", n: "bytes", u: "u32", i: "i32", I: "i64" };
  const params = f => f.params.map(p => `\`${p.name}\` ${what[p.letter]}`).join(", ") || "none";
  const out = ["# The guest's interface", "", `<!-- ${made(DEF)} -->`, "",
    "A module imports host functions from `ramp_v1` and exports `memory`, `ramp_abi_v1` and the handlers that it has.",
    "Only i32 and i64 cross; text is UTF-8; structures are little-endian and unpadded.",
    "A result of 0 or more is a value or a full length; below 0 it is minus 1 NOT_FOUND, 2 GONE, 3 ARGS, 4 TOO_BIG, 5 LIMIT, 6 TIMEOUT, 7 UNAVAILABLE, 8 DENIED.",
    "A bad address traps. `out cap`: the host writes what fits and returns the full length; `result_read` reads the rest.", ""];
  for (const kind of Object.keys(KINDS)) {
    out.push(`## ${kind} functions`, "", KINDS[kind], "", "| function | parameters | result | |", "|---|---|---|---|");
    for (const h of hostcalls.filter(h => h.kind === kind))
      out.push(`| \`${h.name}\` | ${params(h)} | ${h.result === "v" ? "none" : AS[h.result]} | ${cell(h.doc)} |`);
    out.push("");
  }
  out.push("## Handlers", "", "Exports of the guest, all optional, all without a result.", "", "| export | parameters | |", "|---|---|---|");
  for (const h of handlers) out.push(`| \`${h.name}\` | ${params(h)} | ${cell(h.doc)} |`);
  return out.join("\n") + "\n";
}

export function limitsText(sections) {
  const out = ["# Limits", "", `<!-- ${made(LIMITS)} -->`, "", "Every maximum and every default that bounds something.", ""];
  for (const s of sections) {
    if (s.title) out.push(`## ${s.title[0].toUpperCase()}${s.title.slice(1)}`, "");
    out.push("| name | value | unit | reason |", "|---|---|---|---|");
    for (const r of s.rows) out.push(`| \`${r.name}\` | ${pretty(r)} | ${cell(r.unit)} | ${cell(r.reason)} |`);
    out.push("");
  }
  return out.join("\n").trimEnd() + "\n";
}

const cell = text => text.replace(/\|/g, "\\|");

function pretty({ value, unit }) {
  if (typeof value !== "number") return `\`${value}\``;
  const grouped = value.toLocaleString("en-US");
  if (unit !== "bytes" || value < 1024 || value % 1024) return grouped;
  return value % (1 << 20) ? `${grouped} (${value / 1024} KiB)` : `${grouped} (${value / (1 << 20)} MiB)`;
}

// ---- the command --------------------------------------------------------------------------------

function put(file, text) {
  if (fs.existsSync(file) && fs.readFileSync(file, "utf8") === text) return;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

function main(args) {
  const value = name => { const i = args.indexOf(name); return i < 0 ? null : args[i + 1] ?? usage(); };
  const out = value("--out"), imports = value("--imports"), header = value("--header"), docs = args.includes("--docs");
  if (!out && !imports && !header && !docs) usage();
  const table = readHostcalls(fs.readFileSync(path.join(ROOT, DEF), "utf8"));
  const limits = fs.existsSync(path.join(ROOT, LIMITS)) ? readLimits(fs.readFileSync(path.join(ROOT, LIMITS), "utf8")) : null;
  if (imports) put(imports, importsText(table));
  if (header) put(header, headerText(table));
  const pages = { "hostcalls.md": hostcallsText(table), ...(limits && { "limits.md": limitsText(limits) }) };
  if (out) {
    put(path.join(out, "assembly/imports.ts"), importsText(table));
    put(path.join(out, "ramp_hostcalls.h"), headerText(table));
    for (const [name, text] of Object.entries(pages)) put(path.join(out, name), text);
  }
  if (docs) for (const [name, text] of Object.entries(pages)) {
    const file = path.join(ROOT, "docs", name);
    if (!args.includes("--check")) put(file, text);
    else if (!fs.existsSync(file) || fs.readFileSync(file, "utf8") !== text) {
      console.error(`docs/${name} is not what its source says; run: node tools/generate.mjs --docs`);
      process.exitCode = 1;
    }
  }
}

function usage() {
  console.error("usage: node tools/generate.mjs --out DIR | --imports FILE | --header FILE | --docs [--check]");
  process.exit(2);
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try { main(process.argv.slice(2)); } catch (e) { console.error(`generate: ${e.message}`); process.exit(1); }
}
