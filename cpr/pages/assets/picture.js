// Inputs that take a picture: a file is drawn at the model's size and becomes its numbers.

import { make } from "./dom.js";

const SHORTEST = 8;
let made = 0;

export function takesPicture(dtype, sizes) {
  if (sizes === null || dtype === "string" || dtype === "bool") return false;
  const [height, width, channels] = sizes;
  const isFlat = sizes.length === 2 && height === width;
  const hasColours = sizes.length === 3 && [1, 3, 4].includes(channels);
  return (isFlat || hasColours) && [height, width].every((size) => size === null || size >= SHORTEST);
}

export function pictureField(name, sizes, start, changed) {
  let values = start;
  let bitmap = null;
  const canvas = make("canvas", { className: "picture", hidden: true, "aria-hidden": "true" });
  const note = make("span", { className: "note", id: `picture-${++made}-note` });
  const scale = make(
    "select", { "aria-label": `Range of ${name}` },
    make("option", { value: "255" }, "values 0 to 1"),
    make("option", { value: "1" }, "values 0 to 255"),
  );
  const show = () => {
    const [height, width, channels = 1] = sizesOf(values);
    note.textContent = `${height} × ${width} × ${channels} values`;
  };
  const draw = () => {
    if (bitmap === null) return;
    canvas.height = sizes[0] ?? bitmap.height;
    canvas.width = sizes[1] ?? bitmap.width;
    const ink = canvas.getContext("2d", { willReadFrequently: true });
    ink.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    canvas.hidden = false;
    values = numbers(ink.getImageData(0, 0, canvas.width, canvas.height), sizes, Number(scale.value));
    show();
    changed();
  };
  const take = async () => {
    const [file] = control.files;
    if (!file) return;
    try {
      bitmap = await createImageBitmap(file);
    } catch (error) {
      note.textContent = `${file.name} is not a picture that this browser reads.`;
      return;
    }
    draw();
  };
  const control = make("input", {
    type: "file", accept: "image/*", id: `picture-${made}`, "aria-describedby": note.id, onchange: take,
  });
  scale.addEventListener("change", draw);
  show();
  const node = make(
    "div", { className: "field" }, make("label", { htmlFor: control.id }, name),
    make("div", { className: "row" }, control, scale), make("div", { className: "row" }, canvas, note),
  );
  return { node, controls: [control], read: () => values };
}

const sizesOf = (value) => Array.isArray(value) ? [value.length, ...sizesOf(value[0])] : [];

// Rows of pixels: a number each, or a list of as many channels as the model takes.
function numbers(image, sizes, divisor) {
  const channels = sizes.length === 3 ? sizes[2] : 0;
  const exact = (value) => divisor === 1 ? value : Math.round(value / divisor * 1e4) / 1e4;
  const pixel = (at) => {
    const [red, green, blue, alpha] = image.data.subarray(at, at + 4);
    const grey = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
    if (channels === 0) return exact(grey);
    return (channels === 1 ? [grey] : [red, green, blue, alpha].slice(0, channels)).map(exact);
  };
  return Array.from({ length: image.height }, (_, row) =>
    Array.from({ length: image.width }, (_, column) => pixel(4 * (row * image.width + column))));
}
