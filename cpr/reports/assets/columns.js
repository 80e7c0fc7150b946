"use strict";

// Reads what cpr/reports/columns.py wrote: a column becomes a plain array.
function column(packed) {
  if (Array.isArray(packed)) return packed;
  if (packed.runs) {
    const values = [];
    for (let at = 0; at < packed.runs.length; at += 2) {
      for (let left = packed.runs[at + 1]; left > 0; left -= 1) values.push(packed.runs[at]);
    }
    return values;
  }
  if (packed.steps) {
    let sum = 0;
    return column(packed.steps).map((step) => (sum += step) / packed.per);
  }
  if (packed.names) return column(packed.at).map((at) => packed.names[at]);
  const [files, lines] = packed.join.map(column);
  return files.map((file, at) => `${file}:${lines[at]}`);
}

// Text is only ever put in as text; no string becomes markup.
function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") node.className = value;
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const precise = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });

// A number as cpr/reports/figures.py writes it; what is not finite came as text.
function figure(value, decimals) {
  const number = Number(value);
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  if (decimals !== undefined) {
    const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    return number.toLocaleString("en-US", digits);
  }
  const size = Math.abs(number);
  if (size >= 1e15 || (size < 1e-4 && size > 0)) return number.toExponential(2);
  return precise.format(number);
}
