// The page: what is chosen, the request as a form or as JSON, sending it, and what came back.

import * as code from "./code.js";
import { fill, find, make, tabs } from "./dom.js";
import { show as showExplanations } from "./explanations.js";
import { Fault } from "./fields.js";
import { Form } from "./form.js";
import { isObject, layOut, parse, parseAnswer, write } from "./json.js";
import { show as showPredictions } from "./predictions.js";
import { empty, signatureOf } from "./signature.js";
import { milliseconds, show as showTiming } from "./timing.js";

const KINDS = {
  tensorflow: "TensorFlow SavedModel", keras: "Keras model", litert: "LiteRT model", onnx: "ONNX model",
  "scikit-learn": "scikit-learn model", xgboost: "XGBoost model", vertex: "Vertex AI routine", custom: "Custom routine",
};
const served = JSON.parse(find("served").textContent);
// Samples once more, with the digits that they were written with.
const exact = parse(find("served").textContent);
const chosen = { model: null, version: null, signature: "", isJson: false };
const form = new Form((fault) => fault instanceof Fault ? refuse(fault) : changed());

function start() {
  if (served.models.length === 0) return;
  find("workspace").hidden = false;
  const single = served.models.length === 1;
  find("model-choice").hidden = single;
  fill(find("model"), served.models.map(({ name }) => [name, name]));
  chooseModel(served.models[0].name);
}

function chooseModel(name) {
  chosen.model = served.models.find((model) => model.name === name);
  find("model-name").textContent = name;
  document.title = `${name} – cpr playground`;
  const { versions, default: usual } = chosen.model;
  find("version-choice").hidden = versions.length < 2;
  fill(find("version"), versions.map((version) => [version.name, versionText(version, usual)]), usual);
  chooseVersion(usual);
}

const versionText = ({ name, state }, usual) =>
  [name, name === usual ? "(default)" : "", state === "ready" ? "" : `– ${state}`].filter(Boolean).join(" ");

function chooseVersion(name) {
  chosen.version = chosen.model.versions.find((version) => version.name === name) ?? { name, description: {} };
  const { description } = chosen.version;
  const signatures = Object.keys(description.signatures ?? {});
  chosen.signature = description.default_signature || signatures[0] || "";
  find("signature-choice").hidden = signatures.length < 2;
  fill(find("signature"), signatures.map((signature) => [signature, signature]), chosen.signature);
  showContext(description);
  const samples = samplesOf();
  find("sample-choice").hidden = samples.length < 2;
  fill(find("sample"), [...samples.map((_, at) => [String(at), `sample ${at + 1}`]), ["", "nothing"]]);
  showRoutes(description);
  find("code").hidden = true; // until there is a request
  find("unknown").hidden = samples.length > 0 || Object.values(description.signatures ?? {}).some(({ form: kind }) => kind !== "any");
  showBody(samples[0] ?? blank());
}

function samplesOf() {
  const model = exact.models.find(({ name }) => name === chosen.model.name);
  return model.versions.find(({ name }) => name === chosen.version.name)?.description.samples ?? [];
}

function showContext(description) {
  const isOwn = ["custom", "vertex"].includes(description.kind);
  find("context").replaceChildren(
    make("span", {}, KINDS[description.kind] ?? "No description yet"),
    ...(chosen.model.versions.length === 1 ? [make("span", {}, `version ${chosen.version.name}`)] : []),
    ...(isOwn ? [make("code", {}, description.name)] : []),
    ...(description.summary ? [make("span", { dir: "auto" }, description.summary)] : []),
    ...(description.labels?.length ? [make("span", { dir: "auto" }, classesIn(description.labels))] : []),
  );
}

function classesIn(labels) {
  const names = labels.join(", ");
  return names.length > 80 ? `${labels.length} classes` : `classes: ${names}`;
}

// TensorFlow Serving's route feeds tensors as they are; labels and preprocessing are AI Platform's.
function showRoutes({ kind, parameters = [], signatures = {} }) {
  const version = chosen.version.name === chosen.model.default ? "" : `/versions/${chosen.version.name}`;
  const paths = [`/v1/models/${chosen.model.name}${version}:predict`, `/v1/projects/local/models/${chosen.model.name}${version}:predict`];
  const isPrepared = Object.values(signatures).some(({ inputs }) => Object.values(inputs).some((item) => !("tensor" in item)));
  const needsAiPlatform = kind === "tensorflow" && (parameters.length > 0 || isPrepared);
  fill(find("route"), paths.map((path) => [path, path]), paths[needsAiPlatform ? 1 : 0]);
}

function blank() {
  const { description } = chosen.version;
  const body = { instances: [empty(signatureOf(description, chosen.signature))] };
  return chosen.signature && chosen.signature !== description.default_signature
    ? { signature_name: chosen.signature, ...body } : body;
}

function showBody(body) {
  const { description } = chosen.version;
  if (isObject(body) && Object.hasOwn(description.signatures ?? {}, body.signature_name ?? "")) {
    chosen.signature = body.signature_name;
    find("signature").value = chosen.signature;
  }
  find("body").value = write(body, { width: 64 });
  const signature = signatureOf(description, chosen.signature);
  const isFit = form.show(signature, description.parameters ?? [], body);
  if (!isFit && !chosen.isJson) {
    chosen.isJson = true;
    selectTab("json-tab");
    changed();
    find("body-fault").textContent = "This request does not fit into the form.";
    return;
  }
  changed();
}

// The body as it stands; throws Fault.
function current() {
  if (chosen.isJson) {
    try {
      return parse(find("body").value);
    } catch (error) {
      throw new Fault(`This is not JSON: ${error.message}`, find("body"));
    }
  }
  const { description } = chosen.version;
  const isNamed = chosen.signature && Object.keys(description.signatures ?? {}).length > 1
    && chosen.signature !== description.default_signature;
  return { ...(isNamed ? { signature_name: chosen.signature } : {}), ...form.read() };
}

const url = () => `${window.location.origin}${served.root}${find("route").value}`;

function changed() {
  form.unmark();
  find("body").removeAttribute("aria-invalid");
  find("body-fault").textContent = "";
  try {
    const body = current();
    const needsToken = !find("token-choice").hidden;
    find("curl").textContent = code.curl(url(), body, needsToken);
    find("python").textContent = code.python(url(), body, needsToken);
    find("code").hidden = false;
    find("save").hidden = !code.isLong(body);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    // What is half filled in is said when it is sent.
    if (chosen.isJson) find("body-fault").textContent = error.message;
  }
}

function refuse(fault) {
  if (fault.control) {
    fault.control.setAttribute("aria-invalid", "true");
    fault.control.focus();
  }
  showOutcome("failed", "Not sent", "");
  find("answer-tabs").hidden = true;
  showAnswer(message(fault.message));
}

// How many labels of an instance are explained, where the request does not say.
const LABELS = 3;

async function send(verb = "predict") {
  let request;
  try {
    request = current();
    if (verb === "explain") request = { ...request, explain: { top_k: LABELS, ...request.explain } };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    refuse(error);
    return;
  }
  form.unmark();
  const token = find("token").value;
  const headers = { "Content-Type": "application/json", "X-Cpr-Timing": "1", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  wait(verb);
  const started = performance.now();
  try {
    const target = url().replace(/predict$/, verb);
    const response = await fetch(target, { method: "POST", headers, body: write(request) });
    const text = await response.text();
    showResponse(response, text, performance.now() - started, request.instances);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    showOutcome("failed", "No answer", "");
    find("answer-tabs").hidden = true;
    showAnswer(message("The server did not answer. It may have been stopped, or the network is gone."));
  } finally {
    wait("");
  }
  if (find("answer").getBoundingClientRect().top > window.innerHeight * 0.8) find("answer").scrollIntoView({ block: "start" });
}

function wait(verb) {
  for (const id of ["send", "explain"]) find(id).disabled = verb !== "";
  find("send").textContent = verb === "predict" ? "Sending…" : "Send";
  find("explain").textContent = verb === "explain" ? "Explaining…" : "Explain";
  find("answer").setAttribute("aria-busy", String(verb !== ""));
}

function showResponse(response, text, total, instances) {
  find("raw").textContent = layOut(text);
  find("answer-tabs").hidden = false;
  let answer = null;
  try {
    answer = parseAnswer(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const explanations = response.ok && isObject(answer) ? answer.explanations : undefined;
  find("predictions-tab").textContent = explanations ? "Explanation" : "Predictions";
  if (Array.isArray(explanations)) {
    const count = explanations.length;
    showOutcome("ok", String(response.status), `${count} explanation${count === 1 ? "" : "s"} in ${milliseconds(total)}`);
    showAnswer(showExplanations(explanations, instances));
  } else if (response.ok && isObject(answer) && !("error" in answer)) {
    const predictions = answer.predictions ?? answer.outputs ?? answer;
    const count = Array.isArray(predictions) ? predictions.length : 1;
    showOutcome("ok", String(response.status), `${count} prediction${count === 1 ? "" : "s"} in ${milliseconds(total)}`);
    showAnswer(showPredictions(predictions, chosen.version.description.labels));
  } else {
    const said = errorOf(answer) ?? text;
    showOutcome("failed", statusText(response), `after ${milliseconds(total)}`);
    showAnswer(message(said || "The answer has no body."));
    if (!chosen.isJson) form.mark(said);
    if (response.status === 401) askForToken();
  }
  find("timing").replaceChildren(...[showTiming(response.headers.get("server-timing"), total)].filter(Boolean));
}

// Some servers shout their reasons.
const statusText = ({ status, statusText: reason }) =>
  `${status} ${reason.toLowerCase().replace(/\b[a-z]/g, (first) => first.toUpperCase())}`.trim();

function errorOf(answer) {
  if (!isObject(answer)) return null;
  const { error, detail } = answer;
  if (isObject(error)) return String(error.message ?? write(error));
  return typeof (error ?? detail) === "string" ? error ?? detail : null;
}

function askForToken() {
  find("token-choice").hidden = false;
  find("token").focus();
  changed();
}

const message = (text) => make("p", { className: "notice failed", role: "alert", dir: "auto" }, text);

function showOutcome(kind, status, text) {
  find("outcome").replaceChildren(make("span", { className: `badge ${kind}` }, status), " ", text);
  find("timing").replaceChildren();
}

function showAnswer(node) {
  find("predictions-panel").replaceChildren(node);
  selectAnswerTab("predictions-tab");
}

const selectAnswerTab = tabs(find("answer-tabs"));
const selectTab = tabs(find("request").querySelector("[role=tablist]"), (id) => {
  const isJson = id === "json-tab";
  find("add").hidden = isJson;
  if (isJson !== chosen.isJson && chosen.model !== null) turn(isJson);
});

// From the form to JSON or back, with what is written there. What cannot be read stays where it is.
function turn(isJson) {
  let body;
  try {
    body = current();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (!isJson) selectTab("json-tab");
    else chosen.isJson = true;
    find("body-fault").textContent = error.message;
    return;
  }
  chosen.isJson = isJson;
  showBody(body);
}

tabs(find("code").querySelector("[role=tablist]"));

find("model").addEventListener("change", (event) => chooseModel(event.target.value));
find("version").addEventListener("change", (event) => chooseVersion(event.target.value));
find("signature").addEventListener("change", (event) => {
  chosen.signature = event.target.value;
  showBody(blank());
});
find("sample").addEventListener("change", (event) => showBody(samplesOf()[event.target.value] ?? blank()));
find("add").addEventListener("click", () => form.add());
find("route").addEventListener("change", changed);
find("body").addEventListener("input", changed);
find("fields").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || find("send").disabled) return;
  event.preventDefault();
  send();
});
find("explain").addEventListener("click", () => send("explain"));
find("save").addEventListener("click", () => {
  const source = URL.createObjectURL(new Blob([write(current())], { type: "application/json" }));
  make("a", { href: source, download: "request.json" }).click();
  URL.revokeObjectURL(source);
});
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const was = button.firstChild.data;
    await copy(find(button.dataset.copy));
    button.firstChild.data = "Copied";
    window.setTimeout(() => { button.firstChild.data = was; }, 1500);
  });
}

// Where the page is not from https or localhost there is no clipboard; the text is selected then.
async function copy(node) {
  window.getSelection().selectAllChildren(node);
  if (navigator.clipboard) await navigator.clipboard.writeText(node.textContent);
  else document.execCommand("copy");
}

start();
