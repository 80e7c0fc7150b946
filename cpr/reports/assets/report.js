const page = JSON.parse(document.getElementById("data").textContent);
const tables = {};

for (const root of document.querySelectorAll("[data-table]")) {
  tables[root.dataset.table] = new DataTable(root, page.tables[root.dataset.table]);
}

// Buttons that look something up in a table: the requests with one error.
for (const button of document.querySelectorAll("[data-find]")) {
  button.addEventListener("click", () => tables[button.dataset.in].find(button.dataset.find));
}

for (const node of document.querySelectorAll(".script-only")) node.hidden = false;

// Plots are there twice, evenly spaced and by logarithm.
for (const radio of document.querySelectorAll("input[name=scale]")) {
  radio.addEventListener("change", () => {
    for (const node of document.querySelectorAll("[data-scale]")) {
      node.hidden = node.dataset.scale !== radio.value;
    }
  });
}

// The theme is the system's until it is chosen; the choice is kept where that is possible.
const themes = ["auto", "light", "dark"];
const toggle = document.getElementById("theme");

function show(theme) {
  toggle.textContent = `Theme: ${theme}`;
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function kept(change) {
  try {
    return change(window.localStorage);
  } catch (error) {
    // A sandboxed frame has no storage; the choice then lasts as long as the page.
    if (error.name !== "SecurityError" && error.name !== "QuotaExceededError") throw error;
    return null;
  }
}

let theme = kept((storage) => storage.getItem("cpr-theme"));
if (!themes.includes(theme)) theme = "auto";
show(theme);
toggle.hidden = false;
toggle.addEventListener("click", () => {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length];
  show(theme);
  kept((storage) => storage.setItem("cpr-theme", theme));
});

// What a shape in a plot says when it is pointed at.
const tip = document.getElementById("tip");
document.addEventListener("pointermove", (event) => {
  const text = event.target instanceof Element ? event.target.getAttribute("data-tip") : null;
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, room))}px`;
  tip.style.top = `${event.clientY + 16}px`;
});
