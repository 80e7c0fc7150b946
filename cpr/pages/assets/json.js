// JSON in which numbers keep the digits they were written with: 1.0 stays 1.0, and an
// integer of 64 bits stays whole.

export class Digits {
  constructor(text) { this.text = text; }
  valueOf() { return Number(this.text); }
  toString() { return this.text; }
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

export const isNumber = (text) => NUMBER.test(text);

export const isDigits = (value) => value instanceof Digits || typeof value === "number";

export const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Digits);

export function parse(text) {
  return JSON.parse(text, (key, value, context) =>
    typeof value === "number" && context && context.source ? new Digits(context.source) : value);
}

// Answers may hold NaN and Infinity, where the server was told to write them.
export function parseAnswer(text) {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const bare = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;
    return parse(text.replace(bare, (found) => found.startsWith('"') ? found : `"${found}"`));
  }
}

const JSON_WORDS = { true: "true", false: "false", null: "null", quote: JSON.stringify };
export const PYTHON_WORDS = {
  true: "True",
  false: "False",
  null: "None",
  // The escapes of JSON are Python's too, but for the slash and halves of pairs.
  quote: (text) => JSON.stringify(text),
};

// What is short stays on one line; what is long gets a line for each item.
export function write(value, { words = JSON_WORDS, width = 0, indent = "", step = "  " } = {}) {
  if (value === null || value === undefined) return words.null;
  if (typeof value === "boolean") return words[String(value)];
  if (typeof value === "string") return words.quote(value);
  if (isDigits(value)) return String(value);
  const isList = Array.isArray(value);
  const [open, close] = isList ? "[]" : "{}";
  const inner = indent + step;
  const items = (deeper) => isList
    ? value.map((item) => write(item, deeper))
    : Object.entries(value).map(([key, item]) => `${words.quote(key)}: ${write(item, deeper)}`);
  const flat = `${open}${items({ words }).join(", ")}${close}`;
  if (!width || indent.length + flat.length <= width) return flat;
  const lines = items({ words, width, indent: inner, step }).map((item) => inner + item);
  return `${open}\n${lines.join(",\n")}\n${indent}${close}`;
}

// A body laid out to be read, without changing a digit of it.
export function layOut(text, limit = 400_000) {
  if (text.length > limit) return `${text.slice(0, limit)} …`;
  try {
    return write(parseAnswer(text), { width: 76 });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return text;
  }
}
