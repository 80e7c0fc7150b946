// Explanations: for each instance the features that its score comes from, as bars on both sides.

import { fill, figure, make } from "./dom.js";
import { isObject } from "./json.js";

const SHOWN = 12;

// `instances` are those of the request: their values stand beside the features.
export function show(explanations, instances) {
  const many = explanations.length > 1;
  if (explanations.length === 0) return make("p", { className: "nothing" }, "No instances, so no explanations.");
  return make("div", {}, ...explanations.map(({ attributions_by_label: labels }, at) => make(
    "section", { className: "instance", "aria-label": `Explanation ${at + 1}` },
    many ? make("h3", {}, `Instance ${at + 1}`) : null,
    ...one(labels, instances?.[at]),
  )));
}

function one(labels, instance) {
  const drawn = make("div");
  const draw = (item) => drawn.replaceChildren(...attribution(item, instance));
  draw(labels[0]);
  if (labels.length < 2) return [drawn];
  const choice = make("select", { onchange: (event) => draw(labels[Number(event.target.value)]) });
  fill(choice, labels.map((item, at) => [String(at), `${nameOf(item)}: ${figure(item.example_score)}`]), "0");
  return [make("p", { className: "row" }, make("label", {}, "Score of ", choice)), drawn];
}

const nameOf = ({ label_name: name, label_index: index, output_name: output }) =>
  name ?? (Number(index) < 0 ? output : `label ${index}`);

function attribution(item, instance) {
  const rows = features(item.attributions);
  const values = features(instance ?? null);
  const known = values.length === rows.length;
  const all = rows.map(([name, added], at) => ({ name, added: Number(added), value: known ? values[at][1] : undefined }));
  all.sort((a, b) => Math.abs(b.added) - Math.abs(a.added));
  const largest = Math.abs(all[0]?.added ?? 0);
  const list = make("ol", { className: "sides" });
  const draw = (count) => list.replaceChildren(...all.slice(0, count).map((row) => bar(row, largest)));
  draw(SHOWN);
  const more = all.length <= SHOWN ? null : make(
    "button", { type: "button", onclick: () => { draw(all.length); more.remove(); } }, `Show all ${all.length}`,
  );
  return [make("p", { className: "sum" }, ...sum(item)), list, more].filter(Boolean);
}

function sum(item) {
  const difference = Number(item.example_score) - Number(item.baseline_score);
  const error = item.approx_error === undefined ? 0 : Number(item.approx_error);
  return [
    make("span", { dir: "auto" }, nameOf(item)), " ", make("b", {}, figure(item.example_score)), ": ",
    `${signed(difference)} to the baseline's ${figure(item.baseline_score)}`,
    ...(error > 0.0005 ? [make("span", { className: "note" }, ` ± ${figure((100 * error).toPrecision(2))} %`)] : []),
  ];
}

function bar({ name, value, added }, largest) {
  const filled = make("span", { className: added < 0 ? "filled less" : "filled more" });
  const share = largest ? 50 * Math.abs(added) / largest : 0;
  filled.style.width = `${share}%`;
  filled.style[added < 0 ? "right" : "left"] = "50%";
  return make(
    "li", {},
    make("span", { className: "name", dir: "auto" }, name,
      value === undefined ? null : make("span", { className: "note" }, ` ${shown(value)}`)),
    make("span", { className: "share" }, signed(added)),
    make("span", { className: "track", "aria-hidden": "true" }, filled),
  );
}

const signed = (number) => `${number < 0 ? "−" : "+"}${figure(Math.abs(number))}`;

function shown(value) {
  if (typeof value !== "string") return value === null || typeof value === "boolean" ? String(value) : figure(value);
  return value.length > 40 ? `${value.slice(0, 39)}…` : value;
}

// Single values by their names, such as image[3][4].
function features(value, name = "") {
  if (Array.isArray(value)) return value.flatMap((part, at) => features(part, `${name}[${at}]`));
  if (isObject(value)) {
    return Object.entries(value).flatMap(([key, part]) => features(part, name ? `${name}.${key}` : key));
  }
  return [[name, value]];
}
