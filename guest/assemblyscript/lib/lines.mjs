// SPDX-License-Identifier: Apache-2.0
// lines.mjs -- the module's last section, `ramp.lines`: which place of the source an instruction is from.
//
// Written here from the compiler's source map and names; read by the host, and by readLines() and
// traceOf() below, which are the reference. All numbers LEB128, unsigned unless said:
//
//   version = 1
//   file_count,     each: length, UTF-8 path (relative to the project; ~lib/… would be the library's)
//   function_count, each: index (delta), length, UTF-8 short name (onMessage, Game#tick)
//   entry_count,    each: offset in the module (delta), file index + 1 (0: no place),
//                         and if not 0: line (signed delta), column (signed delta); both count from 1
//
// An entry holds until the next one. Code without a place is the library's: a frame there is skipped.
// Library code that was inlined into a user's function has the place of the user's call, so that no
// reader needs to search. Offsets do not move when the section is cut off, for it comes last.
import { Buffer } from "node:buffer";

export const SECTION = "ramp.lines";
const VERSION = 1;
const ENTRY = "ramp_entry";

// ---- writing -----------------------------------------------------------------------------------------

/** The module without its names and with the section, from what the compiler emitted. */
export function appendLines(binary, map) {
  const { sections, code } = readModule(binary);
  const kept = sections.filter(s => s.id !== 0);
  if (sections.some(s => s.id === 0 && s.start < code.end)) throw new Error("a custom section stands before the code");
  const names = namesOf(binary, sections), rows = rowsOf(map);
  const body = encode(rows, map.sources, code.functions, names);
  const name = Buffer.from(SECTION);
  const content = Buffer.concat([Buffer.from(uleb(name.length)), name, body]);
  return Buffer.concat([binary.subarray(0, 8), ...kept.map(s => binary.subarray(s.start, s.end)),
    Buffer.from([0, ...uleb(content.length)]), content]);
}

function encode(rows, sources, functions, names) {
  const files = [], entries = [], named = [];
  let at = 0;
  for (const fn of functions) {
    let last = null;
    for (; at < rows.length && rows[at].offset < fn.end; at++) {
      const r = rows[at];
      // Code without a place belongs to what stands before it, at the head of a function to what follows.
      if (r.offset < fn.start || r.source < 0) continue;
      if (last && last.file === r.source + 1 && last.line === r.line && last.col === r.col) continue;
      last = { offset: last ? r.offset : fn.start, file: r.source + 1, line: r.line, col: r.col };
      entries.push(last);
    }
    if (last) named.push(fn);
    else if (entries.at(-1)?.file !== 0) entries.push({ offset: fn.start, file: 0 });
  }
  const out = [VERSION];
  const text = s => { const b = Buffer.from(s); out.push(...uleb(b.length), ...b); };
  const used = [...new Set(entries.map(e => e.file))].filter(Boolean); // only those that are left
  for (const i of used) files.push(sources[i - 1]);
  out.push(...uleb(files.length));
  files.forEach(text);
  out.push(...uleb(named.length));
  let previous = 0;
  for (const f of named) {
    out.push(...uleb(f.index - previous));
    text(shortName(names.get(f.index) ?? "", files));
    previous = f.index;
  }
  out.push(...uleb(entries.length));
  let offset = 0, line = 0, col = 0;
  for (const e of entries) {
    out.push(...uleb(e.offset - offset), ...uleb(e.file && used.indexOf(e.file) + 1));
    offset = e.offset;
    if (!e.file) continue;
    out.push(...sleb(e.line - line), ...sleb(e.col - col));
    ({ line, col } = e);
  }
  return Buffer.from(out);
}

/** src/room/Game#tick -> Game#tick; ramp_entry/on_message -> onMessage */
function shortName(name, files) {
  if (name.startsWith(ENTRY + "/")) return name.slice(ENTRY.length + 1).replace(/_(\w)/g, (_, c) => c.toUpperCase());
  if (/^~start$|^start:/.test(name)) return "top level";
  const file = files.filter(f => name.startsWith(f.replace(/\.ts$/, "/"))).sort((a, b) => b.length - a.length)[0];
  const own = file ? name.slice(file.length - 2) : name;
  return own.replace(/~anonymous\|\d+/g, "~").replace(/<.*>/, "").replace(/^(.*)~$/, "function in $1") || name;
}

// ---- reading -----------------------------------------------------------------------------------------

/** The section's content decoded: { files, functions: Map(index -> name), entries: [{ offset, file, line, col }] } or null. */
export function readLines(module) {
  const section = readModule(module).sections.findLast(s => s.id === 0 && s.name === SECTION);
  if (!section) return null;
  const r = reader(module, section.body, section.end);
  if (r.u() !== VERSION) return null;
  const files = Array.from({ length: r.u() }, () => r.text());
  const functions = new Map();
  for (let n = r.u(), index = 0; n > 0; n--) functions.set(index += r.u(), r.text());
  const entries = [];
  for (let n = r.u(), offset = 0, line = 0, col = 0; n > 0; n--) {
    offset += r.u();
    const file = r.u();
    if (file) entries.push({ offset, file: files[file - 1], line: line += r.s(), col: col += r.s() });
    else entries.push({ offset, file: null, line: 0, col: 0 });
  }
  if (r.at() !== section.end) throw new Error(`${SECTION}: bytes are left over`);
  return { files, functions, entries };
}

/**
 * The user's places of a trace: frames [[function index, module offset], …], innermost first.
 * -> [{ name, file, line, col }], frames of library functions left out.
 */
export function traceOf(module, frames) {
  const lines = readLines(module), places = [];
  for (const [index, offset] of lines ? frames : []) {
    const { file, line, col } = lines.entries.findLast(e => e.offset <= offset) ?? { file: null };
    if (file !== null) places.push({ name: lines.functions.get(index) ?? "", file, line, col });
  }
  return places;
}

/** Frames of a V8 stack. */
export function framesOf(error) {
  return [...String(error.stack).matchAll(/wasm-function\[(\d+)\]:0x([0-9a-f]+)/g)].map(m => [Number(m[1]), parseInt(m[2], 16)]);
}

// ---- the module and the map -----------------------------------------------------------------------------

/** { sections: [{ id, name, start, body, end }], code: { end, functions: [{ index, start, end }] } } */
export function readModule(bytes) {
  const sections = [], code = { end: 0, functions: [] };
  const r = reader(bytes, 8, bytes.length);
  let imported = 0;
  while (r.at() < bytes.length) {
    const start = r.at(), id = r.byte(), size = r.u(), content = r.at(), end = content + size;
    const section = { id, name: null, start, body: content, end };
    if (id === 0) {
      section.name = r.text();
      section.body = r.at();
    } else if (id === 2) {
      imported = importedFunctions(r);
    } else if (id === 10) {
      code.end = end;
      for (let n = r.u(), i = 0; i < n; i++) {
        const length = r.u(), from = r.at();
        code.functions.push({ index: imported + i, start: from, end: from + length });
        r.seek(from + length);
      }
    }
    sections.push(section);
    r.seek(end);
  }
  return { sections, code };
}

function importedFunctions(r) {
  let functions = 0;
  for (let n = r.u(); n > 0; n--) {
    r.text();
    r.text();
    const kind = r.byte();
    if (kind === 0) { r.u(); functions++; }
    else if (kind === 1) { r.byte(); limits(r); }
    else if (kind === 2) limits(r);
    else { r.byte(); r.byte(); }
  }
  return functions;
}

function limits(r) {
  const flags = r.byte();
  r.u();
  if (flags & 1) r.u();
}

/** Function names of the `name` section. */
function namesOf(bytes, sections) {
  const names = new Map(), section = sections.find(s => s.id === 0 && s.name === "name");
  if (!section) return names;
  const r = reader(bytes, section.body, section.end);
  while (r.at() < section.end) {
    const id = r.byte(), end = r.u() + r.at();
    if (id === 1) for (let n = r.u(); n > 0; n--) { const index = r.u(); names.set(index, r.text()); }
    r.seek(end);
  }
  return names;
}

/** The compiler's map has one line; its columns are offsets in the module. */
function rowsOf(map) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", rows = [];
  let offset = 0, source = 0, line = 0, col = 0;
  for (const segment of map.mappings.split(";")[0].split(",").filter(Boolean)) {
    const fields = [];
    let value = 0, shift = 0;
    for (const c of segment) {
      const d = digits.indexOf(c);
      value |= (d & 31) << shift;
      if (d & 32) shift += 5;
      else { fields.push(value & 1 ? -(value >>> 1) : value >>> 1); value = shift = 0; }
    }
    offset += fields[0];
    if (fields.length >= 4) {
      source += fields[1]; line += fields[2]; col += fields[3];
      rows.push({ offset, source, line: line + 1, col: col + 1 });
    } else rows.push({ offset, source: -1, line: 0, col: 0 });
  }
  return rows;
}

function reader(bytes, from, end) {
  let p = from;
  const byte = () => { if (p >= end && p >= bytes.length) throw new Error("the module ends too early"); return bytes[p++]; };
  const u = () => { let n = 0, shift = 0, b; do { b = byte(); n += (b & 127) * 2 ** shift; shift += 7; } while (b & 128); return n; };
  const s = () => { let n = 0, shift = 0, b; do { b = byte(); n |= (b & 127) << shift; shift += 7; } while (b & 128); return shift < 32 && b & 64 ? n | -1 << shift : n; };
  const text = () => { const n = u(), t = Buffer.from(bytes.subarray(p, p + n)).toString(); p += n; return t; };
  return { byte, u, s, text, at: () => p, seek: to => { p = to; } };
}

function uleb(n) {
  const out = [];
  do { out.push(n & 127 | (n > 127 ? 128 : 0)); n >>>= 7; } while (n);
  return out;
}

function sleb(n) {
  const out = [];
  for (;;) {
    const b = n & 127;
    n >>= 7;
    if (n === 0 && !(b & 64) || n === -1 && b & 64) { out.push(b); return out; }
    out.push(b | 128);
  }
}
