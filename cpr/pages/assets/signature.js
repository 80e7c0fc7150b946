// What the form shows for a signature, and how its fields and an instance become each other.

import { isDigits, isObject } from "./json.js";

// The signature of that name; of a routine that tells nothing, what a sample looks like.
export function signatureOf(description, name) {
  const known = description.signatures?.[name];
  if (known && known.form !== "any") {
    const nullable = ["scikit-learn", "xgboost"].includes(description.kind);
    const inputs = Object.fromEntries(Object.entries(known.inputs).map(([alias, item]) => [alias, {
      ...item,
      nullable: nullable && item.dtype.startsWith("float"),
      alone: Object.keys(known.inputs).length === 1,
    }]));
    return { form: known.form, inputs };
  }
  return inferred(description.samples?.[0]?.instances);
}

function inferred(instances) {
  const first = Array.isArray(instances) ? instances[0] : undefined;
  if (isObject(first)) {
    const inputs = Object.entries(first).map(([name, value]) => [name, likeness(value)]);
    return { form: "object", inputs: Object.fromEntries(inputs) };
  }
  if (Array.isArray(first) && first.length && first.length <= 200 && first.every((value) => likeness(value).dtype !== "json")) {
    return { form: "row", inputs: Object.fromEntries(first.map((value, at) => [`x${at}`, likeness(value)])) };
  }
  return { form: "value", inputs: { instance: { ...likeness(first), alone: true } } };
}

function likeness(value) {
  const scalar = (dtype) => ({ dtype, shape: [null] });
  if (typeof value === "string") return scalar("string");
  if (typeof value === "boolean") return scalar("bool");
  if (isDigits(value)) return scalar("float64");
  return scalar("json");
}

// The values of the fields in an instance, by input; null where it is not of this form.
export function split(signature, instance) {
  const names = Object.keys(signature.inputs);
  if (signature.form === "value") {
    const isWrapped = isObject(instance) && names[0] !== "instance" && Object.hasOwn(instance, names[0]);
    return new Map([[names[0], isWrapped ? instance[names[0]] : instance]]);
  }
  const { inputs } = signature;
  const isFit = (name, value) => inputs[name].dtype === "json" || value === null || !(isObject(value) && !("b64" in value));
  let entries = null;
  if (Array.isArray(instance) && instance.length === names.length) {
    entries = names.map((name, at) => [name, instance[at]]);
  } else if (isObject(instance) && signature.form === "object") {
    if (Object.keys(instance).some((key) => !names.includes(key))) return null;
    entries = names.map((name) => [name, Object.hasOwn(instance, name) ? instance[name] : undefined]);
  }
  return entries && entries.every(([name, value]) => isFit(name, value)) ? new Map(entries) : null;
}

// The instance that the fields' values make.
export function join(signature, values) {
  if (signature.form === "value") return [...values.values()][0];
  if (signature.form === "row") return [...values.values()];
  return Object.fromEntries(values);
}

// An instance of which nothing was filled in.
export function empty(signature) {
  const entries = Object.entries(signature.inputs).map(([name, item]) => [name, blank(name, item)]);
  return join(signature, new Map(entries));
}

function blank(name, item) {
  if (item.choices?.length) return item.choices[0];
  let value = 0;
  if (item.dtype === "string") value = name.endsWith("_bytes") ? { b64: "" } : "";
  if (item.dtype === "bool") value = false;
  if (item.dtype === "json") return undefined;
  for (const size of [...(item.shape ?? [null])].slice(1).reverse()) value = Array(size ?? 1).fill(value);
  return value;
}
