// SPDX-License-Identifier: Apache-2.0
// entry.mjs -- which handlers a room's file exports, and the wasm entry for them.
//
// The file is read with asc's own parser. The entry imports it as a namespace and exports one
// function for each handler found; its parameters follow the types that the user wrote.
import fs from "node:fs";
import path from "node:path";
import * as A from "assemblyscript";
import { hint, say } from "./hints.mjs";

const NUMBERS = ["i32", "u32", "i64", "u64", "f64", "f32", "number", "i16", "u16", "i8", "u8"];

/** Each handler: what its parameters may be, in any order, and what it may return. */
export const HANDLERS = {
  onOpen: { params: ["saved", "reason"], usage: "onOpen(saved: string | null, reason: OpenReason): void" },
  onJoin: { params: ["conn"], usage: "onJoin(conn: Connection): void" },
  onMessage: { params: ["conn", "message"], usage: "onMessage(conn: Connection, msg: Message): void" },
  onLeave: { params: ["conn", "code"], usage: "onLeave(conn: Connection, code: i32): void" },
  onTimer: { params: ["id"], usage: "onTimer(id: i32): void" },
  onAlarm: { params: [], usage: "onAlarm(): void" },
  onRequest: { params: ["request"], returns: ["Response", "string"], usage: "onRequest(req: Request): Response" },
  onSave: { params: [], returns: ["string", "Uint8Array", "ArrayBuffer", "void"], usage: "onSave(): string" },
  onError: { params: ["failure"], usage: "onError(err: CallError): void" },
  onClose: { params: [], usage: "onClose(): void" },
  onBackpressure: { params: ["conn"], usage: "onBackpressure(conn: Connection): void" },
};
const NAMES = Object.keys(HANDLERS);

/** kind of parameter -> for a written type, the expression that makes it; null if the type does not fit */
const ARGUMENTS = {
  conn: type => type === "Connection" ? "c" : null,
  saved: type => type === "string | null" ? "(n > 0 ? sdk.payloadText() : null)"
    : type === "Uint8Array | null" ? "(n > 0 ? sdk.payloadBytes() : null)" : null,
  reason: type => type === "OpenReason" || NUMBERS.includes(type) ? cast("reason", type) : null,
  message: (type, json) => type === "Message" ? "new sdk.Message()" : type === "string" ? "sdk.payloadText()"
    : type === "Uint8Array" ? "sdk.payloadBytes()" : type === "ArrayBuffer" ? "sdk.payloadBytes().buffer" : json(type),
  code: type => NUMBERS.includes(type) ? cast("code", type) : null,
  id: type => NUMBERS.includes(type) ? cast("id", type) : null,
  request: type => type === "Request" ? "new sdk.Request()" : null,
  failure: type => type === "CallError" ? "new sdk.CallError()" : type === "string" ? "new sdk.CallError().toString()" : null,
};
const cast = (name, type) => type === "i32" ? name : `<${type === "OpenReason" ? "sdk.OpenReason" : type}>${name}`;

// ---- reading -----------------------------------------------------------------------------------------

/** Parses one file. { source, problems } */
function parse(text, file) {
  const program = A.newProgram(A.newOptions());
  A.parse(program, text, file, true);
  const problems = [];
  for (let d; (d = A.nextDiagnostic(program)); ) {
    if (!A.isError(d)) continue;
    const range = A.getDiagnosticRange(d), at = range ? A.getRangeStart(range) : 0;
    problems.push(problem(text, file, at, A.getDiagnosticMessage(d)));
  }
  return { source: program.sources.find(s => s.normalizedPath === file) ?? program.sources.at(-1), problems };
}

/** What is wrong at this offset of the text, in a plain sentence where there is one. */
export function problem(text, file, offset, message) {
  const before = text.slice(0, offset).split("\n"), line = before.length;
  const source = text.split("\n")[line - 1] ?? "";
  return { file, line, col: before.at(-1).length + 1, text: hint(message, source) ?? say(message), source: source.trimEnd() };
}

/**
 * Reads the room's file, and the files that it re-exports handlers from.
 * { handlers: { onMessage: { params: [{ name, type }], returns } }, classes, files, json, problems }
 */
export function scan(project, main) {
  const room = { handlers: {}, problems: [], files: new Set(), json: false, classes: new Map() };
  readFile(project, main, room, null);
  follow(project, main, room);
  if (!Object.keys(room.handlers).length && !room.problems.length)
    room.problems.push({ file: main, line: 1, col: 1, source: "",
      text: "no handler is exported; export at least one, for example: export function onMessage(conn: Connection, msg: Message): void { }" });
  return room;
}

const load = (project, file) => { try { return fs.readFileSync(path.join(project, file), "utf8"); } catch { return null; } };

/** "./x" seen from src/room.ts -> src/x.ts, if there is such a file */
function relative(project, from, target) {
  if (!/^\.\.?\//.test(target)) return null;
  const base = path.posix.join(path.posix.dirname(from), target);
  return [`${base}.ts`, `${base}/index.ts`, base].find(f => f.endsWith(".ts") && fs.existsSync(path.join(project, f))) ?? null;
}

/** Collects exported handlers; `only` maps exported names to local ones, null takes all. */
function readFile(project, file, room, only) {
  const text = load(project, file);
  if (text === null) {
    room.problems.push({ file, line: 1, col: 1, source: "", text: "there is no such file" });
    return;
  }
  const { source, problems } = parse(text, file);
  room.problems.push(...problems);
  if (problems.length) return;
  const declared = new Map();
  const imported = new Map();
  for (const s of source.statements) {
    if (s.kind === A.NodeKind.FunctionDeclaration) declared.set(s.name.text, s);
    if (s.kind === A.NodeKind.ClassDeclaration)
      room.classes.set(s.name.text, { file, exported: !!(s.flags & A.CommonFlags.Export), json: !!s.decorators?.some(d => /^(json|serializable)$/.test(d.name.text)) });
    if (s.kind === A.NodeKind.Import && s.declarations)
      for (const d of s.declarations) imported.set(d.name.text, { path: s.path.value, name: d.foreignName.text });
  }
  room.imports ??= imported;
  const find = (at, name, exportedAs, from) => {
    if (from !== null) {
      const next = relative(project, file, from);
      if (next) return readFile(project, next, room, new Map([[exportedAs, name]]));
    } else if (declared.has(name)) return add(room, text, file, exportedAs, declared.get(name), at);
    else if (imported.has(name)) return find(at, imported.get(name).name, exportedAs, imported.get(name).path);
    if (NAMES.includes(exportedAs)) room.problems.push(problem(text, file, at.range.start, `'${exportedAs}' must be a function of this project`));
  };
  for (const s of source.statements) {
    const wanted = name => only === null || only.has(name);
    if (s.kind === A.NodeKind.FunctionDeclaration && (s.flags & A.CommonFlags.Export)) {
      if (only === null) add(room, text, file, s.name.text, s, s);
      else for (const [as, name] of only) if (name === s.name.text) add(room, text, file, as, s, s);
    } else if (s.kind === A.NodeKind.Export && s.members) {
      for (const m of s.members) if (wanted(m.exportedName.text)) find(m, m.localName.text, m.exportedName.text, s.path ? s.path.value : null);
    } else if (s.kind === A.NodeKind.Export && s.path) {
      const next = relative(project, file, s.path.value);
      if (next) readFile(project, next, room, only);
    } else if (s.kind === A.NodeKind.Variable && only === null) {
      for (const d of s.declarations)
        if ((d.flags & A.CommonFlags.Export) && NAMES.includes(d.name.text))
          room.problems.push(problem(text, file, d.range.start, `'${d.name.text}' must be a function: export function ${HANDLERS[d.name.text].usage} { }`));
    }
  }
}

function add(room, text, file, name, decl, at) {
  const handler = HANDLERS[name];
  const place = decl.name?.range?.start ?? at.range.start;
  if (!handler) {
    if (/^on[A-Z]/.test(name)) room.problems.push(problem(text, file, place, misspelt(name)));
    return;
  }
  const typeOf = node => node && node.range.end > node.range.start
    ? text.slice(node.range.start, node.range.end).replace(/\s+/g, " ").replace(/^String\b/, "string").replace(/^null \| (.*)$/, "$1 | null") : null;
  const params = decl.signature.parameters.map(p => ({ name: p.name.text, type: typeOf(p.type), at: p.range.start }));
  const returns = typeOf(decl.signature.returnType) ?? "void";
  const allowed = handler.returns ?? ["void"];
  if (!allowed.includes(returns))
    room.problems.push(problem(text, file, decl.signature.returnType.range.start,
      /^Promise\b/.test(returns) ? "Promise" : `${name} returns ${allowed.join(" or ")}, not ${returns}: ${handler.usage}`));
  room.handlers[name] = { params, returns, file, text, at: place };
}

function misspelt(name) {
  const near = NAMES.map(h => [distance(h.toLowerCase(), name.toLowerCase()), h]).sort((a, b) => a[0] - b[0])[0];
  return `'${name}' is not a handler; ` + (near[0] <= Math.max(2, name.length >> 2)
    ? `did you mean '${near[1]}'?` : `handlers are ${NAMES.join(", ")} (call it something else if it is not meant to be one)`);
}

function distance(a, b) {
  const d = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array(b.length).fill(0)]);
  for (let j = 0; j <= b.length; j++) d[0][j] = j;
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      d[i][j] = Math.min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] !== b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.length][b.length];
}

/** All files of the project that main imports, directly or not; whether one of them uses json-as. */
function follow(project, main, room) {
  const queue = [main];
  while (queue.length) {
    const file = queue.pop();
    if (room.files.has(file)) continue;
    const text = load(project, file);
    if (text === null) continue;
    room.files.add(file);
    const rest = text.match(/[(,]\s*\.\.\.\w+\s*:/); // the compiler takes it, and makes nonsense of it
    if (rest) room.problems.push(problem(text, file, rest.index + 1, "rest parameter"));
    for (const [, target] of text.matchAll(/\b(?:from|import)\s*["']([^"']+)["']/g)) {
      if (/^json-as(\/|$)/.test(target)) room.json = true;
      const next = relative(project, file, target);
      if (next) queue.push(next);
    }
  }
}

// ---- writing -----------------------------------------------------------------------------------------

/** The text of the entry. Adds to room.problems where a parameter does not fit, and sets room.json. */
export function entrySource(room, main) {
  const imports = [`import * as user from "./${main.replace(/\.ts$/, "")}";`, 'import * as sdk from "ramp-sdk/assembly/entry";'];
  const json = type => {
    const cls = room.classes.get(type), from = room.imports?.get(type);
    if (!cls && !from) return null;
    if (cls && !cls.json) return null;
    const file = cls ? "./" + cls.file : from.path.startsWith(".") ? "./" + path.posix.join(path.posix.dirname(main), from.path) : from.path;
    if (cls && !cls.exported) return { problem: `export the class ${type}, so that messages can be read into it: export class ${type} { }` };
    room.json = true;
    imports.push(`import { ${from && !cls ? from.name : type} as Payload } from "${file.replace(/\.ts$/, "")}";`, 'import { JSON } from "json-as";');
    return "JSON.parse<Payload>(sdk.payloadText())";
  };
  const call = name => {
    const h = room.handlers[name], spec = HANDLERS[name];
    const args = h.params.map(p => {
      for (const kind of spec.params) {
        const made = p.type === null ? null : ARGUMENTS[kind](p.type, json);
        if (made?.problem) room.problems.push(problem(h.text, h.file, p.at, made.problem));
        if (made) return made;
      }
      room.problems.push(problem(h.text, h.file, p.at, p.type === null
        ? `'${p.name}' needs a type: ${spec.usage}`
        : spec.params.length ? `${name} has no parameter of type ${p.type}: ${spec.usage}${/^onMessage$/.test(name) ? "; the message may be a Message, string, Uint8Array, ArrayBuffer or a class with @json" : ""}`
          : `${name} has no parameters: ${spec.usage}`));
      return "0";
    });
    return `user.${name}(${args.join(", ")})`;
  };
  const out = [];
  const add = (abi, params, begin, body) =>
    out.push(`export function ${abi}(${params}): void {\n  ${begin}\n  ${body}\n  sdk.endCall();\n}`);
  const has = name => name in room.handlers;
  const plain = { onAlarm: "on_alarm", onClose: "on_close" };

  if (has("onOpen")) add("on_open", "reason: i32, n: i32, flags: u32", "sdk.beginCall(n, flags);", call("onOpen") + ";");
  if (has("onJoin")) add("on_join", "conn: u32", "sdk.beginCall(0, 0); const c = sdk.connOf(conn);", call("onJoin") + ";");
  if (has("onMessage"))
    add("on_message", "conn: u32, n: i32, flags: u32", "sdk.beginCall(n, flags); const c = sdk.connOf(conn);", call("onMessage") + ";");
  add("on_leave", "conn: u32, code: i32", "sdk.beginCall(0, 0); const c = sdk.leavingConn(conn);", has("onLeave") ? call("onLeave") + ";" : "");
  if (has("onTimer")) add("on_timer", "id: i32", "sdk.beginCall(0, 0);", call("onTimer") + ";");
  if (has("onRequest")) {
    const answer = call("onRequest");
    add("on_request", "n: i32, flags: u32", "sdk.beginCall(n, flags);",
      room.handlers.onRequest.returns === "string" ? `new sdk.Response(${answer}).send();` : `${answer}.send();`);
  }
  if (has("onSave")) {
    const { returns } = room.handlers.onSave, saved = call("onSave");
    add("on_save", "", "sdk.beginCall(0, 0);", returns === "void" ? saved + ";" : `sdk.saveState<${returns}>(${saved});`);
  }
  if (has("onError")) add("on_error", "n: i32, flags: u32", "sdk.beginCall(n, flags);", call("onError") + ";");
  if (has("onBackpressure")) add("on_backpressure", "conn: u32", "sdk.beginCall(0, 0); const c = sdk.connOf(conn);", call("onBackpressure") + ";");
  for (const [name, abi] of Object.entries(plain)) if (has(name)) add(abi, "", "sdk.beginCall(0, 0);", call(name) + ";");
  out.push("export function ramp_abi_v1(): usize {\n  return sdk.describe();\n}");
  return imports.concat(out).join("\n") + "\n";
}
