// SPDX-License-Identifier: Apache-2.0
// runtime.mjs -- the standard library as rooms get it: AssemblyScript's own text with a few edits.
//
// Collector: AssemblyScript's incremental one (rt/itcms), run only between two calls. There the wasm
// stack holds no references, so no shadow stack is needed, which is what makes --runtime incremental
// slow, and a throw leaves nothing behind. Its write barriers still allow small steps.
// Allocator: AssemblyScript's own (rt/tlsf), but it takes the first memory in small pieces, so that
// a small room touches the pages that it uses and not also the last one.
// Every edit must match, or the build stops: the compiler's version is pinned.

const COLLECTOR = [
  ["if (total >= threshold) interrupt();", ""],
  ["memory.fill(ptr, 0, size);", ""], // nothing is scanned before it is initialised
  ["visitStack(VISIT_SCAN);", ""],
  [/function visitStack\([\s\S]*?\n}\n/, ""],
  ["let budget: isize = GRANULARITY * STEPFACTOR / 100;",
   "let budget: isize = max<usize>(GRANULARITY, total - threshold) * STEPFACTOR / 100;"],
  // begin early: a small room shall go round in the pages that it has, not through all of the first 64 KiB
  ["threshold: usize = ((<usize>memory.size() << 16) - __heap_base) >> 1", "threshold: usize = 4096"],
];
const COLLECT = `
// @ts-ignore: decorator
@global @unsafe
export function __ramp_collect(): void { if (total >= threshold) interrupt(); }
`;

const ALLOCATOR = [
  ["addMemory(root, memStart, <u64>memory.size() << 16);",
   "heapLimit = <usize>memory.size() << 16;\n    heapEnd = min(heapLimit, (memStart + FIRST + PIECE - 1) & ~(PIECE - 1));\n    addMemory(root, memStart, heapEnd);"],
  ["let pagesBefore = memory.size();\n  size +=", "if (takePiece(root, size)) return;\n  let pagesBefore = memory.size();\n  size +="],
  ["if (memory.grow(pagesNeeded) < 0) unreachable();", "if (memory.grow(pagesNeeded) < 0) rampOutOfMemory();"],
];

/** The first memory in pieces: each doubles what is taken. False if it does not suffice for this size. */
const PIECES = `
// @ts-ignore: decorator
@inline const PIECE: usize = 4096;
// @ts-ignore: decorator
@inline const FIRST: usize = 1024;
// @ts-ignore: decorator
@lazy let heapEnd: usize = 0;
// @ts-ignore: decorator
@lazy let heapLimit: usize = 0;

function takePiece(root: Root, size: usize): bool {
  let from = heapEnd;
  if (from >= heapLimit) return false;
  let need = size + 2 * BLOCK_OVERHEAD;
  let end = (from + max(need, from - __heap_base) + PIECE - 1) & ~(PIECE - 1);
  if (end > heapLimit) end = heapLimit;
  heapEnd = end;
  addMemory(root, from, end);
  return end - from >= need;
}
`;

const DATE = [['from "./bindings/dom"', 'from "ramp-sdk/assembly/sys"']];

/** The files of asc's library that a room is built with instead of the pristine ones. */
export function runtimeFiles(pristine) {
  return {
    "rt/rampgc": edit("rt/itcms", pristine, COLLECTOR) + COLLECT,
    "rt/tlsf": 'import { rampOutOfMemory } from "ramp-sdk/assembly/memory";\n' + edit("rt/tlsf", pristine, ALLOCATOR) + PIECES,
    "rt/index-minimal": 'import "./tlsf";\nimport "./rampgc";\n',
    date: edit("date", pristine, DATE),
  };
}

function edit(name, files, edits) {
  let text = files[name];
  for (const [from, to] of edits) {
    const next = text.replace(from, to);
    if (next === text) throw new Error(`this version of AssemblyScript has another ${name}: not found: ${from}`);
    text = next;
  }
  return text;
}
