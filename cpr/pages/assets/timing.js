// Where the milliseconds went: what the server says of itself, and the rest, which is the way there.

import { make } from "./dom.js";

const STAGES = ["queue", "decode", "predict", "encode"];
const WORDS = { queue: "waiting", decode: "reading", predict: "predict", encode: "writing", way: "on the way" };

export function stagesOf(header) {
  const found = {};
  for (const part of (header ?? "").split(",")) {
    const match = /^\s*([\w-]+)\s*;.*?dur=([\d.]+)/.exec(part);
    if (match) found[match[1]] = Number(match[2]);
  }
  return found;
}

export function show(header, total) {
  const stages = stagesOf(header);
  const known = STAGES.filter((name) => name in stages);
  if (known.length === 0) return null;
  const inside = known.reduce((sum, name) => sum + stages[name], 0);
  const parts = [...known.map((name) => [name, stages[name]]), ["way", Math.max(0, total - inside)]];
  const bar = make("div", { className: "stages", "aria-hidden": "true" });
  for (const [name, spent] of parts) {
    const piece = make("span", { className: `stage-${name}` });
    piece.style.flexGrow = String(Math.max(spent, total / 200));
    bar.append(piece);
  }
  const legend = parts.map(([name, spent]) => make(
    "li", {}, make("span", { className: `key stage-${name}`, "aria-hidden": "true" }), `${WORDS[name]} ${milliseconds(spent)}`,
  ));
  return make("div", { className: "timing" }, bar, make("ul", { className: "legend", "aria-label": "Where the time went" }, ...legend));
}

export function milliseconds(spent) {
  if (spent >= 1000) return `${(spent / 1000).toFixed(2)} s`;
  return `${spent >= 100 ? spent.toFixed(0) : spent >= 1 ? spent.toFixed(1) : spent.toFixed(2)} ms`;
}
