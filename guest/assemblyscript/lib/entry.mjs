// SPDX-License-Identifier: Apache-2.0
// entry.mjs -- which handlers a room's file exports, and the wasm entry for them.
//
// The file is read with asc's own parser. The entry imports it as a namespace and exports one
// function for each handler found; its parameters follow the types that the user wrote.
import fs from "node:fs";
import path from "node:path";
import * as A from "assemblyscript";
import { distance, masked, noExport } from "./hints.mjs";
import { problem } from "./problems.mjs";

const NUMBERS = ["i32", "u32", "i64", "u64", "f64", "f32", "number", "i16", "u16", "i8", "u8"];

/** Each handler: what its parameters may be, in any order, and what it may return. */
export const HANDLERS = {
  onOpen: { params: ["reason", "saved"], usage: "onOpen(reason: OpenReason, saved: Saved | null): void" },
  onJoin: { params: ["conn"], usage: "onJoin(conn: Connection): void" },
  onMessage: { params: ["conn", "message"], usage: "onMessage(conn: Connection, msg: Message): void" },
  onLeave: { params: ["conn", "code"], usage: "onLeave(conn: Connection, code: i32): void" },
  onTimer: { params: ["id"], usage: "onTimer(id: i32): void" },
  onAlarm: { params: [], usage: "onAlarm(): void" },
  onRequest: { params: ["request"], returns: ["Response", "string"], usage: "onRequest(req: Request): Response" },
  onSave: { params: [], returns: ["string", "Uint8Array", "ArrayBuffer", "void", "string | null", "Uint8Array | null"], usage: "onSave(): string" },
  onError: { params: ["failure"], usage: "onError(err: CallError): void" },
  onClose: { params: [], usage: "onClose(): void" },
  onBackpressure: { params: ["conn"], usage: "onBackpressure(conn: Connection): void" },
};
const NAMES = Object.keys(HANDLERS);

/** kind of parameter -> for a written type, the expression that makes it; null if the type does not fit */
const ARGUMENTS = {
  conn: type => type === "Connection" ? "c" : null,
  saved: type => {
    const [, kind, nullable] = type.match(/^(Saved|string|Uint8Array)( \| null)?$/) ?? [];
    if (!kind) return null;
    if (!nullable) return { problem: `nothing may have been saved; write: ${kind} | null` };
    return `(n > 0 ? ${{ Saved: "new sdk.Saved()", string: "sdk.payloadText()", Uint8Array: "sdk.payloadBytes()" }[kind]} : null)`;
  },
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

/**
 * Reads the room's file, and the files that it re-exports handlers from.
 * { handlers: { onMessage: { params: [{ name, type }], returns } }, classes, files, texts, json, problems }
 */
export function scan(project, main) {
  const room = { handlers: {}, problems: [], files: new Set(), texts: new Map(), json: false, classes: new Map() };
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
  room.texts.set(file, text);
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
      for (const d of s.declarations) imported.set(d.name.text, { path: s.path.value, name: d.foreignName.text, at: d.range.start });
    if (s.kind === A.NodeKind.Import && s.namespaceName) imported.set(s.namespaceName.text, { path: s.path.value, name: null });
  }
  room.imports ??= imported;
  const find = (at, name, exportedAs, from) => {
    if (from !== null) {
      const next = relative(project, file, from);
      if (next) return readFile(project, next, room, new Map([[exportedAs, name]]));
    } else if (declared.has(name)) return add(room, text, file, exportedAs, declared.get(name), at, imported);
    else if (imported.has(name)) return find(at, imported.get(name).name, exportedAs, imported.get(name).path);
    if (NAMES.includes(exportedAs)) room.problems.push(problem(text, file, at.range.start, `'${exportedAs}' must be a function of this project`));
  };
  for (const s of source.statements) {
    const wanted = name => only === null || only.has(name);
    if (s.kind === A.NodeKind.FunctionDeclaration && (s.flags & A.CommonFlags.Export)) {
      if (only === null) add(room, text, file, s.name.text, s, s, imported);
      else for (const [as, name] of only) if (name === s.name.text) add(room, text, file, as, s, s, imported);
    } else if (s.kind === A.NodeKind.Export && s.members) {
      for (const m of s.members) if (wanted(m.exportedName.text)) find(m, m.localName.text, m.exportedName.text, s.path ? s.path.value : null);
    } else if (s.kind === A.NodeKind.Export && s.path) {
      const next = relative(project, file, s.path.value);
      if (next) readFile(project, next, room, only);
    } else if (s.kind === A.NodeKind.ExportDefault) {
      room.problems.push(problem(text, file, s.range.start, "there is no export default; a handler is exported by its name: export function onMessage(conn: Connection, msg: Message): void { }"));
    } else if (s.kind === A.NodeKind.Variable && only === null) {
      for (const d of s.declarations)
        if ((d.flags & A.CommonFlags.Export) && NAMES.includes(d.name.text))
          room.problems.push(problem(text, file, d.range.start, `'${d.name.text}' must be a function: export function ${HANDLERS[d.name.text].usage} { }`));
    }
  }
}

/** The SDK's own names in a type that uses an alias of the import, or a namespace. */
function own(type, imported) {
  return type.replace(/\b(?:(\w+)\.)?(\w+)\b/g, (written, space, name) => {
    const from = imported.get(space ?? name);
    if (from?.path !== "ramp-sdk") return written;
    return space ? (from.name === null ? name : written) : from.name ?? written;
  });
}

function add(room, text, file, name, decl, at, imported) {
  const handler = HANDLERS[name];
  const place = decl.name?.range?.start ?? at.range.start;
  if (!handler) {
    if (/^on[A-Z]/.test(name)) room.problems.push(problem(text, file, place, misspelt(name)));
    return;
  }
  const typeOf = node => node && node.range.end > node.range.start
    ? own(text.slice(node.range.start, node.range.end).replace(/\s+/g, " ").replace(/^String\b/, "string").replace(/^null \| (.*)$/, "$1 | null"), imported) : null;
  const params = decl.signature.parameters.map(p => ({ name: p.name.text, type: typeOf(p.type), at: p.range.start }));
  const returns = typeOf(decl.signature.returnType) ?? "void";
  const allowed = handler.returns ?? ["void"];
  if (!allowed.includes(returns))
    room.problems.push(problem(text, file, decl.signature.returnType.range.start,
      /^Promise\b/.test(returns) ? "Promise" : `${name} returns ${listed(allowed)}, not ${returns}: ${handler.usage}`));
  const unknown = type => { // a type that the SDK was asked for and does not have
    const from = imported.get(type);
    return from?.path === "ramp-sdk" && from.name ? { name: from.name, at: from.at } : null;
  };
  room.handlers[name] = { params, returns, file, text, at: place, unknown };
}

const listed = words => words.length > 1 ? `${words.slice(0, -1).join(", ")} or ${words.at(-1)}` : words[0];

function misspelt(name) {
  const near = NAMES.map(h => [distance(h.toLowerCase(), name.toLowerCase()), h]).sort((a, b) => a[0] - b[0])[0];
  return `'${name}' is not a handler; ` + (near[0] <= Math.max(2, name.length >> 2)
    ? `did you mean '${near[1]}'?` : `handlers are ${NAMES.join(", ")} (call it something else if it is not meant to be one)`);
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
    room.texts.set(file, text);
    const code = masked(text);
    for (const rest of code.matchAll(/(?<=[(,]\s*)\.\.\.\w+\s*:/g)) room.problems.push(problem(text, file, rest.index, "rest parameter")); // the compiler takes it, and makes nonsense of it
    for (const thrown of code.matchAll(/(?<=\bthrow[ \t]+)(?!new\b)[^\s]/g)) // its text would be lost
      room.problems.push(problem(text, file, thrown.index, "what is thrown is an Error, made where it is thrown: throw new Error(text)"));
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
    const h = room.handlers[name], spec = HANDLERS[name], taken = new Map();
    const args = h.params.map(p => {
      for (const kind of spec.params) {
        const made = p.type === null ? null : ARGUMENTS[kind](p.type, json);
        if (!made) continue;
        const wrong = made.problem ?? (taken.has(kind) ? `'${taken.get(kind)}' is that already; ${name} has each parameter once: ${spec.usage}` : null);
        if (wrong) room.problems.push(problem(h.text, h.file, p.at, wrong));
        taken.set(kind, p.name);
        return made;
      }
      const unknown = p.type !== null && h.unknown(p.type);
      if (unknown) room.problems.push(problem(h.text, h.file, unknown.at, noExport("ramp-sdk", unknown.name)));
      else room.problems.push(problem(h.text, h.file, p.at, p.type === null
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
    add("on_save", "", "sdk.beginCall(0, 0);", returns === "void" ? saved + ";" : returns.endsWith(" | null")
      ? `const saved = ${saved}; if (saved !== null) sdk.saveState<${returns.slice(0, -7)}>(saved);` : `sdk.saveState<${returns}>(${saved});`);
  }
  if (has("onError")) add("on_error", "n: i32, flags: u32", "sdk.beginCall(n, flags);", call("onError") + ";");
  if (has("onBackpressure")) add("on_backpressure", "conn: u32", "sdk.beginCall(0, 0); const c = sdk.connOf(conn);", call("onBackpressure") + ";");
  for (const [name, abi] of Object.entries(plain)) if (has(name)) add(abi, "", "sdk.beginCall(0, 0);", call(name) + ";");
  out.push("export function ramp_abi_v1(): usize {\n  return sdk.describe();\n}");
  return imports.concat(out).join("\n") + "\n";
}
