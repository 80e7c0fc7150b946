// The form: the instances of a request one at a time, and its parameters.

import { find, make } from "./dom.js";
import { Fault, field } from "./fields.js";
import { isDigits } from "./json.js";
import { empty, join, split } from "./signature.js";

const TYPES = { boolean: "bool", integer: "int64", number: "float64", string: "string" };

export class Form {
  // `changed` is called whenever something is filled in.
  constructor(changed) {
    this.changed = changed;
    this.instances = [];
    this.at = 0;
    this.fields = [];
    this.parameters = [];
  }

  // Shows a body; false where it is not of the signature's form.
  show(signature, parameters, body) {
    const { instances, ...rest } = body;
    const names = parameters.map(({ name }) => name);
    this.fields = [];
    const isFit = Array.isArray(instances) && instances.length > 0
      && instances.every((instance) => split(signature, instance) !== null)
      && Object.keys(rest).every((name) => name === "signature_name" || names.includes(name));
    this.signature = isFit ? signature : null;
    if (!isFit) return false;
    this.instances = [...instances];
    this.at = Math.min(this.at, instances.length - 1);
    this.#showParameters(parameters, rest);
    this.#showInstance();
    return true;
  }

  // The body that is filled in; throws Fault.
  read() {
    this.#keep();
    const given = this.parameters.map(({ name, read }) => [name, read()]).filter(([, value]) => value !== undefined);
    return { instances: [...this.instances], ...Object.fromEntries(given) };
  }

  // Marks the field that a message names: instances[0][2] or instances[0].age.
  mark(message) {
    const found = /instances\[(\d+)\](?:\[(\d+)\])?/.exec(message);
    if (!found || !this.signature || Number(found[1]) >= this.instances.length) return;
    if (Number(found[1]) !== this.at) this.#go(Number(found[1]));
    const rest = message.slice(found.index + found[0].length);
    const named = this.fields.filter(([name]) => rest.startsWith(`.${name}`));
    named.sort(([one], [other]) => other.length - one.length);
    const entry = named[0] ?? this.fields[found[2]] ?? (this.fields.length === 1 ? this.fields[0] : null);
    entry?.[1].controls[0].setAttribute("aria-invalid", "true");
  }

  // Another instance, to begin with like the one that is shown.
  add() {
    const count = this.instances.length;
    this.#guarded(() => {
      this.#keep();
      this.instances.push(this.instances[this.at] ?? empty(this.signature));
      this.#go(count);
      this.changed();
    }, `[data-at="${count}"]`);
  }

  unmark() {
    for (const control of find("fields").querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
  }

  #keep() {
    if (!this.signature) throw new Fault("The request does not fit into the form.", null);
    const values = new Map(this.fields.map(([name, part]) => [name, part.read()]));
    this.instances[this.at] = join(this.signature, values);
  }

  #go(at, change = () => {}) {
    change();
    this.at = at;
    this.#showInstance();
  }

  #showInstance() {
    const values = split(this.signature, this.instances[this.at]);
    this.fields = Object.entries(this.signature.inputs).map(([name, item]) =>
      [name, field(name, item, values.get(name), this.changed)]);
    const count = this.fields.length;
    const nodes = this.fields.map(([, part]) => part.node);
    const columns = count > 1 && nodes.every((node) => !node.querySelector("textarea, .grid"));
    find("inputs").replaceChildren(count
      ? make("div", { className: columns ? "inputs several" : "inputs" }, ...nodes)
      : make("p", { className: "note" }, "This signature takes no inputs."));
    this.#showTabs();
  }

  #showTabs() {
    const turn = (at) => () => this.#guarded(() => this.#go(at, () => this.#keep()), `[data-at="${at}"]`);
    const numbers = this.instances.map((_, at) => make("button", {
      type: "button", "data-at": String(at), "aria-pressed": String(at === this.at), "aria-label": `Instance ${at + 1}`, onclick: turn(at),
    }, String(at + 1)));
    const remove = make("button", { type: "button", "aria-label": `Remove instance ${this.at + 1}`, onclick: () => {
      this.instances.splice(this.at, 1);
      this.#go(Math.max(0, this.at - 1));
      this.changed();
      find("instances").querySelector("[aria-pressed=true]")?.focus();
    } }, "Remove");
    const several = this.instances.length > 1;
    find("instances").replaceChildren(...(several ? [make("span", { className: "note" }, "Instance"), ...numbers, remove] : []));
  }

  // A change that needs the fields to be filled in well; else the fault is shown.
  #guarded(change, focus) {
    try {
      change();
      find("instances").querySelector(focus)?.focus();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.changed(error);
    }
  }

  #showParameters(parameters, given) {
    this.parameters = parameters.map(({ name, type, required, default: usual }) => {
      const value = Object.hasOwn(given, name) ? given[name] : usual;
      const isOptional = !required && usual === undefined;
      const item = { dtype: TYPES[type] ?? "json", shape: [null] };
      const part = field(name, item, value, this.changed);
      const read = () => {
        const [control] = part.controls;
        if (isOptional && control.type !== "checkbox" && control.value.trim() === "") return undefined;
        const now = part.read();
        return !Object.hasOwn(given, name) && same(now, usual) ? undefined : now;
      };
      return { name, read, node: part.node };
    });
    const nodes = this.parameters.map(({ node }) => node);
    find("parameters").replaceChildren(...(nodes.length
      ? [make("fieldset", { className: "parameters" }, make("legend", {}, "Parameters"), ...nodes)] : []));
  }
}

const same = (one, other) => one === other || (isDigits(one) && isDigits(other) && Number(one) === Number(other));

