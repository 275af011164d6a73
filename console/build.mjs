// SPDX-License-Identifier: Apache-2.0
// build.mjs -- the banner of a build that failed: where, what, and the line. It goes with the next good build.
import { byId, countText, element } from "./dom.mjs";
import { excerptNode } from "./source.mjs";

const SHOWN = 3; // problems before the rest is counted

function problemNode({ file, line, col, text, source }) {
  const place = file ? `${file}${line ? `:${line}:${col}` : ""}` : "";
  return element(
    "li", {},
    place ? element("mark", {}, place) : null, place ? " " : null, element("span", {}, text ?? ""),
    source && line ? excerptNode({ place: { file, line, col }, from: line, lines: [source.split(/\r?\n/)[0]] }) : null,
  );
}

/** data: a "build" of the feed. */
export function showBuild(data) {
  const banner = byId("build");
  banner.hidden = data.ok !== false;
  if (banner.hidden) {
    banner.replaceChildren();
    return;
  }
  const problems = data.problems?.length ? data.problems : [{ text: data.message ?? "" }];
  const rest = problems.length - SHOWN;
  const after = data.serves_old === false ? "" : " The version before goes on serving.";
  banner.replaceChildren(
    element("p", {}, element("strong", {}, data.what ? `${data.what[0].toUpperCase()}${data.what.slice(1)}.` : "The build failed."), after),
    element("ul", {}, ...problems.slice(0, SHOWN).map(problemNode), rest > 0 ? element("li", { class: "untold" }, `and ${countText(rest, "more problem")}; the terminal of ramp dev has them all`) : null),
  );
}
