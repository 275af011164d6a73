// SPDX-License-Identifier: Apache-2.0
// build.mjs -- a room's TypeScript file to a Ramp module, in one call.
//
// Door: build(). asc parses and compiles; the passes and the emitting are ours (the inlining limits
// that rooms gain from are not asc's). Out comes one file: the module without names, with a last
// section `ramp.lines` that tells where in the user's source each instruction comes from.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import asc from "assemblyscript/asc";
import binaryen from "binaryen";
import * as A from "assemblyscript";
import { entrySource, scan } from "./entry.mjs";
import { appendLines } from "./lines.mjs";
import { distinct, problem } from "./problems.mjs";
import { locate, Misuse } from "./project.mjs";
import { runtimeFiles } from "./runtime.mjs";

export { Misuse };

const SDK = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const ENTRY = "ramp_entry.ts";
/** Sizes of functions, in binaryen's measure, that are inlined first; asc's own limits (12, 70, 200) follow. */
const INLINE = { always: 40, flexible: 80, oneCaller: 200 };
const FLOW = /^~lib\/string\/String\.__(eq|ne|not)$/; // calls that asc looks at to see what is not null
/** Passes that merge equal code of different places: a trap there would be blamed on the wrong line. */
const MERGING = new Set(["code-folding", "duplicate-function-elimination"]);
const pristine = { ...asc.libraryFiles };

/**
 * Builds FILE, or the main file of the project in DIR.
 * options: out (path; default build/<name>.wasm in the project), mode "release" | "debug", write (default true)
 * -> { ok: true, out, bytes, handlers, ms, wasm, map, names, files, project }
 *  | { ok: false, problems: [{ file, line, col, text, source }], ms, files, project }
 */
export async function build(target, options = {}) {
  const began = performance.now();
  const { project, main } = locate(target);
  const room = scan(project, main);
  const entry = room.problems.length ? "" : entrySource(room, main);
  const done = r => ({ ...r, ms: Math.round(performance.now() - began), project, files: [...room.files] });
  if (room.problems.length) return done({ ok: false, problems: distinct(room.problems, room.texts) });
  if (!fs.existsSync(path.join(SDK, "assembly/imports.ts")))
    throw new Misuse("the SDK's source tree is not prepared; run: npm install, in guest/assemblyscript");

  const made = await compile(project, main, entry, room, options);
  if (!made.ok) return done({ ok: false, problems: distinct(made.problems, made.texts ?? room.texts) });
  const wasm = appendLines(made.binary, made.map);
  const out = path.resolve(options.out ?? path.join(project, "build", path.basename(main).replace(/\.ts$/, ".wasm")));
  if (options.write !== false) {
    makeFolder(path.dirname(out));
    const part = `${out}.${process.pid}.part`;
    fs.writeFileSync(part, wasm);
    fs.renameSync(part, out);
  }
  return done({ ok: true, out, bytes: wasm.length, handlers: Object.keys(room.handlers), wasm, map: made.map, full: made.binary });
}

/** With its parents. Not mkdirSync's own `recursive`: that loops for ever where a folder can never be (/proc). */
function makeFolder(dir) {
  if (fs.existsSync(dir)) return;
  makeFolder(path.dirname(dir));
  try {
    fs.mkdirSync(dir);
  } catch (e) {
    if (e.code !== "EEXIST") throw e; // another build was quicker
  }
}

// ---- compiling ------------------------------------------------------------------------------------------

async function compile(project, main, entry, room, { mode = "release" }) {
  const release = mode === "release";
  const args = [ENTRY, "--baseDir", project, "--runtime", "minimal", "--exportStart", "_initialize", "--sourceMap", "--debug",
    "--noEmit", "--enable", "simd",
    // globals of the standard library that would be imported from a JavaScript host
    "--use", "abort=~lib/ramp-sdk/assembly/sys/rampAbort",
    "--use", "seed=~lib/ramp-sdk/assembly/sys/rampSeed",
    "--use", "console=~lib/ramp-sdk/assembly/sys/console"];
  const transforms = [];
  if (room.json) {
    args.push("--use", "JSON_CACHE_SIZE=0"); // its default is 1 MB in every room
    process.env.JSON_MODE = "naive"; // its fast modes break a pair of surrogates that lies across two blocks
    const json = jsonTransform(project);
    if (!json) return { ok: false, problems: [{ file: main, line: 1, col: 1, source: "", text: "this room uses json-as, which is not installed; run: npm install --save-dev json-as" }] };
    transforms.push(await json());
  }
  const emitted = {}, sites = new Map();
  transforms.push(emitter(emitted, release, places(entry, room), sites));

  Object.assign(asc.libraryFiles, pristine, runtimeFiles(pristine));
  const diagnostics = [], texts = new Map();
  let failure;
  try {
    const r = await contained(() => asc.main(args, {
      transforms,
      readFile: (name, dir) => sourceOf(project, name, dir, entry, texts),
      writeFile() {},
      listFiles: () => [],
      stdout: { write() {} },
      stderr: { write() {} },
      reportDiagnostic: d => diagnostics.push(d),
    }));
    failure = r.error;
  } catch (e) {
    failure = e;
  }
  const errors = diagnostics.filter(d => d.category === 3 /* error */);
  if (failure || errors.length)
    return { ok: false, texts, problems: errors.length ? errors.map(d => place(d, main, room, texts, sites, membersOf(emitted.program))) : [{ file: main, line: 1, col: 1, source: "", text: `the compiler failed: ${failure.message}` }] };
  const foreign = WebAssembly.Module.imports(new WebAssembly.Module(emitted.binary)).filter(i => i.module !== "ramp_v1");
  if (foreign.length)
    return { ok: false, texts, problems: foreign.map(i => {
      const declared = new RegExp(`\\bdeclare\\s+function\\s+${i.name.split(".").at(-1)}\\b|(?<="${i.name}"\\s*\\)\\s*(?:export\\s+)?)declare\\b`);
      const [file, text] = [...texts].find(([f, t]) => room.files.has(f) && declared.test(t)) ?? [main, texts.get(main)];
      return problem(text, file, Math.max(0, text.search(declared)), `'${i.module}.${i.name}' is imported, which no Ramp room can do; only the SDK's functions reach outside`);
    }) };
  return { ok: true, ...emitted };
}

/**
 * Runs the passes and emits, in asc's stead.
 *
 * Places: only the user's expressions get one. A call is compiled as a block around the call, and the
 * block has the place, so that library code which takes the call's place when it is inlined
 * inherits it (binaryen gives an inlined body none). Inlining therefore runs first, over library
 * functions that are already small, then the places are handed down, then all else follows.
 */
function emitter(emitted, release, placeOf, sites) {
  return class {
    afterParse() {
      const { module, options } = this.program;
      emitted.program = this.program;
      watchDiagnostics(this.program, sites);
      tellUnknowns(this.program);
      if (release) A.setOptimizeLevelHints(options, 3, 0); // a shrink level of 1 makes join() quadratic in garbage
      const base = Object.getPrototypeOf(module), files = [];
      let calls = 0; // the blocks need names, or asc opens them and their place is lost
      module.addDebugInfoFile = name => {
        const index = base.addDebugInfoFile.call(module, name);
        files[index] = name;
        return index;
      };
      module.setDebugLocation = (fn, expr, file, line, col) => {
        const at = placeOf(files[file], line, col + 1);
        if (!at) return;
        let index = files.indexOf(at.file);
        if (index < 0) index = module.addDebugInfoFile(at.file);
        base.setDebugLocation.call(module, fn, expr, index, at.line, at.col - 1);
      };
      module.call = (target, operands, type, tail) => {
        const call = base.call.call(module, target, operands, type, tail);
        return tail || FLOW.test(target) ? call : module.block(`at|${calls++}`, [call], type);
      };
      module.runPasses = (passes, fn) => base.runPasses.call(module, passes.filter(p => !MERGING.has(p)), fn);
    }
    afterCompile(compiled) {
      if (!compiled.validate()) throw new Error("the compiled module is not valid");
      const { module } = this.program;
      if (release) {
        shrinkLibrary(compiled);
        keepRecursive(compiled);
        module.setOptimizeLevel(3);
        module.setShrinkLevel(0);
        module.setAlwaysInlineMaxSize(INLINE.always);
        module.setFlexibleInlineMaxSize(INLINE.flexible);
        module.setOneCallerInlineMaxSize(INLINE.oneCaller);
        module.setAllowInliningFunctionsWithLoops(true);
        compiled.runPasses(["inlining", "propagate-debug-locs"]);
        module.optimize(3, 0, true, false);
      } else {
        compiled.runPasses(["propagate-debug-locs", "remove-unused-names"]);
        module.optimize(0, 0, true, false);
      }
      const { binary, sourceMap } = compiled.emitBinary("room.wasm.map");
      emitted.binary = binary;
      emitted.map = JSON.parse(sourceMap);
    }
  };
}

/**
 * What is wrong in library code is wrong because of the user's: notes for each such message which of
 * the user's functions is being compiled, and how far.
 */
function watchDiagnostics(program, sites) {
  const { diagnostics } = program;
  diagnostics.push = (...messages) => {
    for (const m of messages) {
      if (!m.range?.source.normalizedPath.startsWith("~lib/")) continue;
      let site = null;
      for (const f of program.instancesByName.values()) {
        if (!f.debugLocations?.size || f.ref || !f.is?.(A.CommonFlags.Compiled)) continue;
        const last = [...f.debugLocations.values()].at(-1);
        if (!last.source.normalizedPath.startsWith("~lib/") && last.source.normalizedPath !== ENTRY) site = last;
      }
      if (site) sites.set(key(m.message, m.range.source.normalizedPath, m.range.start), { file: site.source.normalizedPath, text: site.source.text, at: site.start });
    }
    return Array.prototype.push.apply(diagnostics, messages);
  };
}
const key = (...parts) => parts.join("\0");

/**
 * Where the type of a generic function's argument cannot be found, asc says only that, at the call.
 * The reason is in the argument: it is asked for again, and said instead.
 */
function tellUnknowns(program) {
  const { resolver, diagnostics } = program, base = Object.getPrototypeOf(resolver), report = 0;
  resolver.inferGenericTypeArguments = (call, prototype, parameters, flow, mode = report) => {
    const before = diagnostics.length, types = base.inferGenericTypeArguments.call(resolver, call, prototype, parameters, flow, mode);
    if (types || mode !== report || diagnostics.length === before) return types;
    const said = diagnostics.splice(before);
    for (const argument of call.args) if (!resolver.resolveExpression(argument, flow, A.Type.auto, report)) break;
    if (diagnostics.length === before) diagnostics.push(...said);
    return types;
  };
}

/** Names of the members that a type of the program has. */
function membersOf(program) {
  return type => {
    const name = type === "string" ? "String" : type.replace(/<.*/, "");
    return [...program.elementsByName.values()].filter(e => e.name === name).flatMap(e => [...(e.prototype?.instanceMembers ?? e.instanceMembers ?? new Map()).keys()]);
  };
}

/** Makes library functions small, one by one, while the user's are still as they were written. */
function shrinkLibrary(module) {
  const passes = ["simplify-locals", "vacuum", "remove-unused-brs", "remove-unused-names", "merge-blocks", "optimize-instructions",
    "precompute", "coalesce-locals", "reorder-locals", "vacuum"];
  for (let i = 0, n = module.getNumFunctions(); i < n; i++) {
    const fn = module.getFunctionByIndex(i);
    const { name, module: imported } = binaryen.getFunctionInfo(fn);
    if (!imported && name.startsWith("~lib/")) module.runPassesOnFunction(fn, passes);
  }
}

/**
 * Functions of the user's that call themselves, directly or not, are never inlined: each round of
 * inlining would double a function like fib.
 */
function keepRecursive(module) {
  const calls = new Map();
  for (let i = 0, n = module.getNumFunctions(); i < n; i++) {
    const { name, body, module: imported } = binaryen.getFunctionInfo(module.getFunctionByIndex(i));
    if (imported || name.startsWith("~lib/")) continue;
    const text = binaryen.emitText(body);
    calls.set(name, new Set([...text.matchAll(/\(call \$("(?:[^"\\]|\\.)*"|[^\s()]+)/g)].map(m => m[1].replace(/^"|"$/g, ""))));
  }
  const reaches = (from, to, seen) => {
    for (const next of calls.get(from) ?? []) {
      if (next === to) return true;
      if (!seen.has(next) && seen.add(next) && reaches(next, to, seen)) return true;
    }
    return false;
  };
  for (const name of calls.keys()) {
    if (!reaches(name, name, new Set())) continue;
    binaryen.setPassArgument("no-inline", name.replace(/[*]/g, "?"));
    module.runPasses(["no-inline"]);
  }
}

/** (file, line, col) of the compiler -> { file, line, col } to keep, or null: the library's have no place. */
function places(entry, room) {
  const handlers = []; // by line of the entry: its code stands for the handler that it calls
  for (const [i, line] of entry.split("\n").entries()) {
    const name = line.match(/\buser\.(\w+)\(/)?.[1];
    const h = room.handlers[name];
    if (!h) continue;
    const before = h.text.slice(0, h.at).split("\n");
    handlers[i + 1] = { file: h.file, line: before.length, col: before.at(-1).length + 1 };
  }
  return (file, line, col) => file === ENTRY ? handlers[line] ?? null : file.startsWith("~lib/") ? null : { file, line, col };
}

/** asc ends the process when it fails inside; a build must not. */
async function contained(run) {
  const { exit } = process, { error } = console, said = [];
  process.exit = code => { throw new Error(said.join("\n").match(/(?:Error|assertion)[^\n]*/i)?.[0] ?? `it gave up (${code})`); };
  console.error = (...a) => said.push(a.join(" "));
  try {
    return await run();
  } finally {
    process.exit = exit;
    console.error = error;
  }
}

function sourceOf(project, name, dir, entry, texts) {
  if (name === ENTRY || path.basename(name) === "asconfig.json") return name === ENTRY ? entry : null;
  const full = path.resolve(dir, name);
  const own = full.match(/node_modules[\\/]ramp-sdk[\\/](.*)$/); // always the SDK that builds
  try {
    const text = fs.readFileSync(own ? path.join(SDK, own[1]) : full, "utf8");
    texts.set(path.relative(project, full).replaceAll("\\", "/"), text);
    return text;
  } catch {
    return null;
  }
}

/** The project's own json-as: the room's code is compiled with it. */
function jsonTransform(project) {
  try {
    const file = createRequire(path.join(project, "_")).resolve("json-as/transform");
    return async () => (await import(pathToFileURL(file))).default;
  } catch {
    return null;
  }
}

// ---- problems ----------------------------------------------------------------------------------------------

function place(d, main, room, texts, sites, members) {
  const file = d.range?.source.normalizedPath ?? main;
  if (file === ENTRY) { // the call of a handler
    const h = Object.values(room.handlers)[0];
    return problem(h.text, h.file, h.at, d.message, members);
  }
  const site = sites.get(key(d.message, file, d.range?.start));
  if (site) return problem(site.text, site.file, site.at, d.message, members);
  return problem(texts.get(file) ?? "", file, d.range?.start ?? 0, d.message, members);
}
