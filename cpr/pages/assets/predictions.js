// Predictions as people read them: bars for probabilities, a table for rows, text for the rest.

import { figure, make } from "./dom.js";
import { isDigits, isObject, write } from "./json.js";

const TOP = 8;
const SHOWN = 12;
const ROWS = 50;
const PICTURES = { iVBORw0KGgo: "png", "/9j/": "jpeg", R0lGOD: "gif", UklGR: "webp" };

export function show(predictions, labels) {
  if (!Array.isArray(predictions)) return make("div", {}, one(predictions, labels));
  if (predictions.length === 0) return make("p", { className: "nothing" }, "No instances, so no predictions.");
  if (predictions.length === 1) return make("div", {}, one(predictions[0], labels));
  if (predictions.every(isScalar)) return table(predictions.map((value) => ({ prediction: value })));
  if (predictions.every((value) => isObject(value) && Object.values(value).every(isScalar))) return table(predictions);
  if (predictions.every(isShortRow)) return table(predictions.map((row) => ({ ...row })));
  return many(predictions, SHOWN, (value, at) => make(
    "section", { className: "instance", "aria-label": `Prediction ${at + 1}` },
    make("h3", {}, `Instance ${at + 1}`), one(value, labels),
  ));
}

function one(value, labels) {
  if (isProbabilities(value)) return bars(value, labels);
  if (isScalar(value)) return scalar(value);
  if (isBytes(value)) return bytes(value.b64);
  if (isObject(value)) return outputs(value, labels);
  return make("pre", { tabIndex: 0, "aria-label": "Prediction" }, clipped(write(value, { width: 60 })));
}

const isScalar = (value) => value === null || typeof value !== "object" || isDigits(value);

const isBytes = (value) => isObject(value) && Object.keys(value).length === 1 && typeof value.b64 === "string";

const isShortRow = (value) =>
  Array.isArray(value) && value.length <= 12 && value.every(isScalar) && !isProbabilities(value);

// Numbers of 0 to 1 that make 1 together, as far as 32 bits tell.
export function isProbabilities(value) {
  if (!Array.isArray(value) || value.length < 2 || !value.every(isDigits)) return false;
  const numbers = value.map(Number);
  if (!numbers.every((number) => number >= 0 && number <= 1.0001)) return false;
  return Math.abs(numbers.reduce((sum, number) => sum + number, 0) - 1) < 0.002;
}

function scalar(value) {
  const isText = typeof value === "string";
  const isLong = isText && value.length > 60;
  const shown = isDigits(value) ? figure(value) : String(value);
  return make("p", { className: isLong ? "text" : "big", title: isDigits(value) ? String(value) : null, dir: isText ? "auto" : null }, shown);
}

// Several outputs of one instance: probabilities as bars, named by what stands beside them.
function outputs(value, labels) {
  const rows = Object.entries(value).map(([name, part]) => make(
    "div", {}, make("dt", {}, name), make("dd", {}, one(part, namesFor(part, value) ?? labels)),
  ));
  return make("dl", { className: "outputs" }, ...rows);
}

function namesFor(part, value) {
  if (!isProbabilities(part)) return null;
  return Object.values(value).find((other) =>
    Array.isArray(other) && other.length === part.length && other.every((name) => typeof name === "string")) ?? null;
}

function bars(value, labels) {
  const known = labels && labels.length === value.length ? labels : null;
  const items = value.map((part, at) => ({ name: known ? known[at] : String(at), part: Number(part), at }));
  items.sort((a, b) => b.part - a.part || a.at - b.at);
  const isClear = items[0].part > items[1].part;
  const list = make("ol", { className: isClear ? "bars clear" : "bars" });
  const draw = (count) => list.replaceChildren(...items.slice(0, count).map(bar));
  draw(TOP);
  if (items.length <= TOP) return list;
  const more = make("button", { type: "button", onclick: () => { draw(items.length); more.remove(); } }, `Show all ${items.length}`);
  return make("div", {}, list, more);
}

function bar({ name, part }) {
  const filled = make("span", { className: "filled" });
  filled.style.width = `${Math.min(100, part * 100)}%`;
  return make(
    "li", {},
    make("span", { className: "name", dir: "auto" }, name), make("span", { className: "share" }, percent(part)),
    make("span", { className: "track", "aria-hidden": "true" }, filled),
  );
}

function percent(part) {
  const value = part * 100;
  if (value > 0 && value < 0.01) return "< 0.01 %";
  if (value < 100 && value > 99.99) return "> 99.99 %";
  return `${value.toFixed(value < 10 ? 2 : 1)} %`;
}

function bytes(b64) {
  const kind = Object.keys(PICTURES).find((start) => b64.startsWith(start));
  const size = `${Math.floor(b64.length * 0.75).toLocaleString("en-US")} bytes`;
  if (!kind) return make("p", { className: "text" }, size);
  const source = `data:image/${PICTURES[kind]};base64,${b64}`;
  return make("img", { className: "picture", src: source, alt: `Picture of ${size}` });
}

function table(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const isNumeric = Object.fromEntries(columns.map((name) => [name, rows.every((row) => isDigits(row[name]))]));
  const body = make("tbody");
  const line = (row, at) => make(
    "tr", {}, make("th", { scope: "row", className: "number" }, String(at + 1)),
    ...columns.map((name) => make("td", { className: isNumeric[name] ? "number" : "", dir: isNumeric[name] ? null : "auto" }, cell(row[name]))),
  );
  body.append(...rows.slice(0, ROWS).map(line));
  const head = make("tr", {}, make("th", { scope: "col", className: "number" }, "Instance"), ...columns.map((name) =>
    make("th", { scope: "col", className: isNumeric[name] ? "number" : "" }, name)));
  const caption = make("caption", { className: "unseen" }, "Predictions by instance");
  const whole = make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Table of predictions" },
    make("table", {}, caption, make("thead", {}, head), body));
  if (rows.length <= ROWS) return whole;
  const more = make("button", { type: "button", onclick: () => {
    body.append(...rows.slice(ROWS).map((row, at) => line(row, at + ROWS)));
    more.remove();
  } }, `Show all ${rows.length}`);
  return make("div", {}, whole, more);
}

const cell = (value) => value === undefined ? "" : isDigits(value) ? figure(value) : String(value);

function many(values, count, draw) {
  const all = make("div", {}, ...values.slice(0, count).map(draw));
  if (values.length > count) {
    const more = make("button", { type: "button", onclick: () => {
      more.remove();
      all.append(...values.slice(count).map((value, at) => draw(value, at + count)));
    } }, `Show ${values.length - count} more`);
    all.append(more);
  }
  return all;
}

const clipped = (text, limit = 20_000) => text.length > limit ? `${text.slice(0, limit)} …` : text;
