// One field for one input of the model: a control, and the value that is written in it.

import { Digits, isNumber, isObject, parse, write } from "./json.js";
import { make } from "./dom.js";
import { pictureField, takesPicture } from "./picture.js";

const GRID = 32;
let made = 0;

// A fault in what was filled in, which belongs to a control.
export class Fault extends Error {
  constructor(text, control) {
    super(text);
    this.control = control;
  }
}

// A field: `node` to show, `read` for its value (throws Fault), `controls` to focus.
export function field(name, item, value, changed) {
  const sizes = item.shape === null ? null : (item.shape ?? [null]).slice(1);
  if (sizes !== null && sizes.length === 0) return scalar(name, item, value, changed);
  if (takesPicture(item.dtype, sizes)) return pictureField(name, sizes, value, changed);
  if (sizes !== null && sizes.length === 1 && sizes[0] !== null && sizes[0] <= GRID && fits(value, sizes[0])) {
    return vector(name, item, sizes[0], value, changed);
  }
  return json(name, item, value, changed);
}

const fits = (value, size) =>
  value === undefined || (Array.isArray(value) && value.length === size && !value.some(Array.isArray));

function scalar(name, item, value, changed) {
  if (item.choices) return choice(name, item, value, changed);
  if (item.dtype === "bool") return checkbox(name, value, changed);
  if (item.dtype === "string") return text(name, item, value, changed);
  if (item.dtype === "json") return json(name, item, value, changed);
  return number(name, item, value, changed);
}

function labelled(name, control, note, ...more) {
  control.id = control.id || `field-${++made}`;
  const said = note ? make("span", { className: "note", id: `${control.id}-note` }, note) : null;
  if (said) control.setAttribute("aria-describedby", said.id);
  return make(
    "div", { className: "field" }, make("label", { htmlFor: control.id }, name, said ? " " : "", said),
    control, ...more,
  );
}

function number(name, item, value, changed, bare = false) {
  const control = make("input", {
    type: "text",
    inputMode: item.dtype.startsWith("uint") ? "numeric" : "text",
    autocomplete: "off",
    placeholder: item.nullable ? "missing" : "",
    value: value === null || value === undefined ? "" : String(value),
    oninput: () => changed(),
  });
  const read = () => {
    const written = control.value.trim();
    if (written === "") {
      if (item.nullable) return null;
      throw new Fault(`${name} is empty; a number is needed.`, control);
    }
    if (!isNumber(written)) throw new Fault(`${name} is ${JSON.stringify(written)}; a number is needed.`, control);
    if (item.dtype.includes("int") && /[.eE]/.test(written)) {
      throw new Fault(`${name} is ${written}; a whole number is needed.`, control);
    }
    return new Digits(written);
  };
  return { node: bare ? control : labelled(name, control), controls: [control], read };
}

function checkbox(name, value, changed) {
  const control = make("input", { type: "checkbox", checked: value === true, onchange: () => changed() });
  const node = make("label", { className: "check" }, control, " ", name);
  return { node, controls: [control], read: () => control.checked };
}

function choice(name, item, value, changed) {
  const choices = [...item.choices];
  const shown = (entry) => String(entry);
  if (value !== undefined && !choices.some((entry) => shown(entry) === shown(value))) choices.unshift(value);
  const options = choices.map((entry, at) => make("option", { value: String(at) }, shown(entry)));
  const control = make("select", { onchange: () => changed() }, ...options);
  const at = choices.findIndex((entry) => shown(entry) === shown(value));
  control.value = String(Math.max(at, 0));
  return { node: labelled(name, control), controls: [control], read: () => choices[Number(control.value)] };
}

function text(name, item, value, changed) {
  const isBytes = isObject(value) && typeof value.b64 === "string";
  if (isBytes || name.endsWith("_bytes")) return bytes(name, isBytes ? value.b64 : "", changed);
  const written = value === null || value === undefined ? "" : String(value);
  const isLong = item.alone || written.length > 60 || written.includes("\n");
  const control = isLong
    ? make("textarea", { rows: item.alone ? 5 : 3, value: written, oninput: () => changed() })
    : make("input", { type: "text", autocomplete: "off", value: written, oninput: () => changed() });
  return { node: labelled(name, control), controls: [control], read: () => control.value };
}

function bytes(name, start, changed) {
  let b64 = start;
  const size = make("span", { className: "note" });
  const show = () => { size.textContent = `${Math.floor(b64.length * 0.75).toLocaleString("en-US")} bytes`; };
  const take = async () => {
    const [file] = control.files;
    if (!file) return;
    let binary = "";
    for (const byte of new Uint8Array(await file.arrayBuffer())) binary += String.fromCharCode(byte);
    b64 = btoa(binary);
    show();
    changed();
  };
  const control = make("input", { type: "file", onchange: take });
  show();
  return { node: labelled(name, control, "a file", size), controls: [control], read: () => ({ b64 }) };
}

function vector(name, item, size, value, changed) {
  const values = value ?? Array(size).fill(undefined);
  const parts = values.map((entry, at) => number(`${name}[${at}]`, item, entry, changed, true));
  const cells = parts.map((part, at) => {
    part.controls[0].setAttribute("aria-label", `${name}, value ${at + 1} of ${size}`);
    return make("div", { className: "cell" }, make("span", { "aria-hidden": "true" }, String(at)), part.node);
  });
  const node = make(
    "fieldset", { className: "field" }, make("legend", {}, name),
    make("div", { className: "grid" }, ...cells),
  );
  return { node, controls: parts.map((part) => part.controls[0]), read: () => parts.map((part) => part.read()) };
}

function json(name, item, value, changed) {
  const control = make("textarea", {
    className: "code",
    rows: 5,
    spellcheck: false,
    placeholder: item.dtype === "json" ? '[5.1, 3.5] or {"age": 30} or "a text"' : "",
    value: value === undefined ? "" : write(value, { width: 60 }),
    oninput: () => changed(),
  });
  const read = () => {
    if (control.value.trim() === "") throw new Fault(`${name} is empty; JSON is needed.`, control);
    try {
      return parse(control.value);
    } catch (error) {
      throw new Fault(`${name} is not JSON: ${error.message}`, control);
    }
  };
  return { node: labelled(name, control, shapeOf(item)), controls: [control], read };
}

function shapeOf(item) {
  if (item.dtype === "json") return "JSON";
  if (item.shape === null) return `${item.dtype}, JSON of any shape`;
  const sizes = (item.shape ?? [null]).slice(1).map((size) => size ?? "any");
  return `${item.dtype}, JSON of ${sizes.join(" × ")}`;
}

