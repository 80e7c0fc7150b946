// Explanations: for each instance the features that its score comes from, as bars on both sides.

import { fill, figure, make } from "./dom.js";
import { isObject } from "./json.js";

const SHOWN = 12;
const SMALLEST = 8; // pixels of a picture's side
// Seen on light and dark pages alike.
const MORE = "47 129 247", LESS = "219 109 40";

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
  const nothing = largest > 0 ? null : make(
    "p", { className: "note" }, "The instance is as the baseline here: no feature adds anything.",
  );
  return [make("p", { className: "sum" }, ...sum(item)), nothing, ...heat(item.attributions), list, more].filter(Boolean);
}

// Attributions to the pixels of a picture, drawn where they are: the more a pixel adds, the stronger.
function heat(attributions) {
  return Object.entries(attributions).filter(([, value]) => isPicture(value)).map(([name, rows]) => {
    const pixels = rows.map((row) => row.map((pixel) => [pixel].flat().reduce((sum, part) => sum + Number(part), 0)));
    const canvas = make("canvas", {
      className: "picture heat", height: rows.length, width: rows[0].length, role: "img",
      "aria-label": `What each pixel of ${name} adds`,
    });
    paint(canvas, pixels);
    const key = (kind, text) => [make("span", { className: `key ${kind}` }), `${text}\u2003`];
    return make("figure", {}, canvas, make("figcaption", { className: "note" }, ...key("more", "raises it"), ...key("less", "lowers it")));
  });
}

function isPicture(value) {
  if (!Array.isArray(value) || value.length < SMALLEST || !Array.isArray(value[0]) || value[0].length < SMALLEST) return false;
  return value.every((row) => Array.isArray(row) && row.length === value[0].length);
}

function paint(canvas, pixels) {
  const largest = Math.max(...pixels.flat().map(Math.abs)) || 1;
  const ink = canvas.getContext("2d");
  pixels.forEach((row, y) => row.forEach((added, x) => {
    ink.fillStyle = `rgb(${added < 0 ? LESS : MORE} / ${Math.abs(added) / largest})`;
    ink.fillRect(x, y, 1, 1);
  }));
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
