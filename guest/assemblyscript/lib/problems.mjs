// SPDX-License-Identifier: Apache-2.0
// problems.mjs -- from what the compiler says to what its user is told: one sentence for each mistake.
//
// Door: problem() makes one, distinct() leaves out those that only follow from another: a second one in
// the same statement or declaration, and every use of a name whose own declaration is wrong.
import * as A from "assemblyscript";
import { hint, say } from "./hints.mjs";

const SAME_MAX = 5; // times that one sentence is said of a file

/** A message about this offset of the text. `members`: names that a type has, if that is known. */
export function problem(text, file, offset, message, members) {
  const before = text.slice(0, offset).split("\n"), line = before.length;
  const source = text.split("\n")[line - 1] ?? "";
  const found = hint(message, source, {
    rest: text.slice(offset, offset + 20), inEnum: /\benum\s+\w+\s*\{[^}]*$/.test(text.slice(0, offset)), atEnd: /^[\s})\]]*$/.test(text.slice(offset)), members, declared: declaredIn(text),
  });
  const col = (found?.index ?? before.at(-1).length) + 1;
  return { file, line, col, text: found?.text ?? say(message), source: source.trimEnd(), offset, known: found !== null && !found.weak };
}

const declaredIn = text => [...text.matchAll(/\b(?:let|const|var|function|class|enum|namespace|interface|type)\s+([A-Za-z_]\w*)|[(,]\s*([A-Za-z_]\w*)\s*:/g)].map(m => m[1] ?? m[2]);

/**
 * The problems that stand for themselves, by file and line.
 * texts: file -> its text. Problems come in the order in which the compiler found them.
 */
export function distinct(problems, texts) {
  const trees = new Map();
  const treeOf = file => {
    if (!trees.has(file)) trees.set(file, texts.has(file) ? tree(texts.get(file), file) : null);
    return trees.get(file);
  };
  const placed = problems.map(p => ({ p, ...place(treeOf(p.file), texts.get(p.file) ?? "", p.offset ?? 0) }));
  const wrong = [], kept = []; // wrong: { file, name, within, from } names whose declaration is wrong
  const follows = ({ p, use, shape }) => wrong.some(w => w.file === p.file && w.by !== p && (w.within === null || w.within[0] <= p.offset && p.offset <= w.within[1]) && (w.from === null || p.offset > w.from)
    && (w.member ? new RegExp(`\\.\\s*${w.name}\\b`) : new RegExp(`(?<!\\.\\s*)\\b${w.name}\\b`)).test(use) && !(shape && shape.name === w.name));
  // What is wrong in the shape of things comes first: it is the reason of what is wrong where they are used.
  for (const one of [...placed.filter(x => x.shape), ...placed.filter(x => !x.shape)]) {
    const { p, statement, shape, names, body } = one;
    const unnamed = p.text.match(/^there is no '(\w+)' here/)?.[1];
    if (kept.some(k => k.p.file === p.file && (k.p.line === p.line || k.statement === statement && statement !== null || unnamed && k.unnamed === unnamed
      || shape?.kind === K.FunctionDeclaration && k.shape?.name === shape.name))) continue;
    if (kept.filter(k => k.p.file === p.file && k.p.text === p.text).length >= SAME_MAX) continue;
    if (!p.known && kept.some(k => k.p.file === p.file && (k.body === body || !body || !k.body))) continue;
    if (!shape && follows(one)) { // and what is declared with it is as wrong
      wrong.push(...names.map(n => ({ ...n, file: p.file, by: p })));
      continue;
    }
    wrong.push(...names.map(n => ({ ...n, file: p.file, by: p })));
    kept.push({ ...one, unnamed });
  }
  const last = p => p.file.startsWith("~lib/") ? 1 : 0; // the library's own are the last to help
  return (kept.length ? kept.map(k => k.p) : problems.slice(0, 1))
    .sort((x, y) => last(x) - last(y) || x.file.localeCompare(y.file) || x.line - y.line || x.col - y.col)
    .map(({ file, line, col, text, source }) => ({ file, line, col, text, source }));
}

// ---- where in the source's tree -------------------------------------------------------------------

function tree(text, file) {
  const program = A.newProgram(A.newOptions());
  A.parse(program, text, file, true);
  return program.sources.find(s => s.normalizedPath === file) ?? null;
}

const K = A.NodeKind;
const DECLARATIONS = new Set([K.EnumDeclaration, K.TypeDeclaration, K.InterfaceDeclaration]);
const STATEMENTS = new Set([K.Expression, K.Variable, K.Return, K.Throw, K.Import, K.ExportImport]);
const FUNCTIONS = new Set([K.FunctionDeclaration, K.MethodDeclaration, K.Function]);

/**
 * statement: start of the smallest statement or declaration around; use: its text; body: start of the function around;
 * shape: the declaration whose outside is wrong (a signature, an enum, a type, an import), names: what is declared by what is wrong
 */
function place(source, text, offset) {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1).split("\n")[0];
  const found = { statement: null, use: line, body: null, shape: null, names: [] };
  if (!source) return found;
  for (const node of around(source.statements, offset)) {
    const { kind } = node;
    if (DECLARATIONS.has(kind)) Object.assign(found, { statement: node.range.start, shape: { name: node.name.text }, names: [global(node.name.text)] });
    else if (kind === K.Import) Object.assign(found, { statement: node.range.start, shape: { name: "" },
      names: [...(node.declarations ?? []).map(d => d.name.text), ...(node.namespaceName ? [node.namespaceName.text] : [])].map(global) });
    else if (FUNCTIONS.has(kind)) {
      const fn = kind === K.Function ? node.declaration : node;
      if (fn.body && offset >= fn.body.range.start) found.body = fn.range.start;
      else if (kind !== K.Function) Object.assign(found, { statement: node.range.start, shape: { name: fn.name.text, kind }, names: [global(fn.name.text, kind === K.MethodDeclaration)] });
    } else if (kind === K.FieldDeclaration) Object.assign(found, { statement: node.range.start, shape: { name: node.name.text }, names: [global(node.name.text, true)] });
    else if (kind === K.VariableDeclaration) {
      const within = found.body === null ? null : scopeOf(source, found.body);
      found.names = [{ name: node.name.text, member: false, within, from: within ? node.range.start : null }];
    }
    if (STATEMENTS.has(kind)) Object.assign(found, { statement: node.range.start, use: text.slice(node.range.start, node.range.end) });
  }
  return found;
}
const global = (name, member = false) => ({ name, member, within: null, from: null });

function scopeOf(source, start) {
  let scope = null;
  for (const node of around(source.statements, start)) if (FUNCTIONS.has(node.kind)) scope = [node.range.start, node.range.end];
  return scope;
}

/** The nodes around an offset, outermost first. */
function* around(node, offset) {
  if (Array.isArray(node)) {
    for (const n of node) yield* around(n, offset);
  } else if (node?.range && typeof node.kind === "number" && node.range.start <= offset && offset <= node.range.end) {
    yield node;
    for (const [key, value] of Object.entries(node)) if (key !== "range" && value && typeof value === "object") yield* around(value, offset);
  }
}
