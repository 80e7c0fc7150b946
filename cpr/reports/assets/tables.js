// A table of the page's data: searched, filtered, sorted and shown a page at a time.
class DataTable {
  constructor(root, source) {
    this.root = root;
    this.source = source;
    this.noun = root.dataset.noun;
    this.columns = Object.fromEntries(
      Object.entries(source.columns).map(([name, packed]) => [name, column(packed)]),
    );
    this.headings = [...root.querySelectorAll("thead th")].map((cell) => ({
      cell,
      name: cell.dataset.name,
      kind: cell.dataset.kind,
      label: cell.textContent,
      decimals: cell.dataset.decimals,
      isMinor: cell.classList.contains("minor"),
    }));
    this.body = root.querySelector("tbody");
    this.search = root.querySelector("input[type=search]");
    this.size = root.querySelector("[data-rows]");
    this.size.value = "25";
    this.page = 0;
    this.open = new Set();
    this.order = Uint32Array.from({ length: source.rows }, (_, at) => at);
    this.sorted = null;
    this.listen();
    this.filter();
  }

  listen() {
    this.search.addEventListener("input", () => this.filter());
    this.size.addEventListener("change", () => this.turn(0));
    for (const heading of this.headings) {
      heading.cell.firstChild.addEventListener("click", () => this.sortBy(heading));
    }
    for (const button of this.root.querySelectorAll("[data-equals] button")) {
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
        this.filter();
      });
    }
    for (const select of this.root.querySelectorAll("[data-least]")) {
      select.addEventListener("change", () => this.filter());
    }
    for (const button of this.root.querySelectorAll("[data-page]")) {
      button.addEventListener("click", () => this.turn(this.pages()[button.dataset.page]));
    }
    this.body.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-row]");
      if (button) this.toggle(button);
    });
  }

  // What is searched in each row, in lower case; made at the first search.
  get haystack() {
    if (!this.searched) {
      const texts = this.source.search.map((name) => this.columns[name]);
      this.searched = Array.from({ length: this.source.rows }, (_, row) =>
        texts.map((text) => text[row] ?? "").join("\n").toLowerCase(),
      );
    }
    return this.searched;
  }

  filter() {
    const tests = [];
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length) {
      const haystack = this.haystack;
      tests.push((row) => words.every((word) => haystack[row].includes(word)));
    }
    for (const group of this.root.querySelectorAll("[data-equals]")) {
      const pressed = [...group.querySelectorAll("[aria-pressed=true]")];
      const wanted = new Set(pressed.map((button) => button.dataset.value));
      const values = this.columns[group.dataset.equals];
      if (wanted.size) tests.push((row) => wanted.has(values[row]));
    }
    for (const select of this.root.querySelectorAll("[data-least]")) {
      const values = this.columns[select.dataset.least];
      const limit = Number(select.value);
      if (select.value) tests.push((row) => values[row] >= limit);
    }
    this.rows = this.order.filter((row) => tests.every((test) => test(row)));
    this.turn(0);
  }

  sortBy(heading) {
    const isSame = this.sorted === heading;
    // Numbers begin with the greatest: what is slow or far off is what one looks for.
    const first = heading.kind === "number" ? -1 : 1;
    this.sign = isSame ? -this.sign : first;
    this.sorted = heading;
    for (const { cell } of this.headings) cell.removeAttribute("aria-sort");
    heading.cell.setAttribute("aria-sort", this.sign > 0 ? "ascending" : "descending");
    const keys = this.keys(heading);
    this.order.sort((a, b) => this.sign * (keys[a] - keys[b]) || a - b);
    this.filter();
  }

  // A number for each row, by which it is sorted; what is missing or no number comes last.
  keys({ name, kind }) {
    const values = this.columns[name];
    if (kind === "number") {
      return values.map((value) => {
        const number = value === null ? Number.NaN : Number(value);
        return Number.isNaN(number) ? this.sign * Number.MAX_VALUE : number;
      }).map((number) => Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, number)));
    }
    const collator = new Intl.Collator("en", { numeric: true });
    const ranks = new Map([...new Set(values)].sort(collator.compare).map((v, at) => [v, at]));
    return values.map((value) => ranks.get(value));
  }

  pages() {
    const last = Math.max(0, Math.ceil(this.rows.length / this.size.value) - 1);
    const { page } = this;
    const previous = Math.max(0, page - 1);
    return { first: 0, previous, next: Math.min(last, page + 1), last };
  }

  turn(page) {
    this.page = page;
    const start = page * this.size.value;
    const rows = [...this.rows.slice(start, start + Number(this.size.value))];
    this.body.replaceChildren(...rows.flatMap((row) => this.draw(row)));
    if (!rows.length) this.body.append(this.nothing());
    this.tell(start, rows.length);
  }

  tell(start, drawn) {
    const { length } = this.rows;
    const total = this.source.rows;
    const noun = `${this.noun}${total === 1 ? "" : "s"}`;
    const shown = length === total ? `${whole.format(total)} ${noun}`
      : `${whole.format(length)} of ${whole.format(total)} ${noun}`;
    this.root.querySelector(".shown").textContent = shown;
    const pages = this.pages();
    this.root.querySelector(".page-place").textContent = drawn
      ? `${whole.format(start + 1)} to ${whole.format(start + drawn)} of ${whole.format(length)}`
      : "";
    for (const button of this.root.querySelectorAll("[data-page]")) {
      const isBack = ["first", "previous"].includes(button.dataset.page);
      button.disabled = isBack ? this.page === 0 : this.page === pages.last;
    }
    this.root.querySelector(".pager").hidden = total <= 10;
  }

  nothing() {
    const clear = make("button", { type: "button" }, "Show all");
    clear.addEventListener("click", () => {
      this.clear();
      this.search.focus();
    });
    const text = `No ${this.noun} is like that. `;
    return make("tr", {}, make("td", { colSpan: this.headings.length, class: "nothing" }, text, clear));
  }

  clear() {
    this.search.value = "";
    for (const button of this.root.querySelectorAll("[data-equals] button")) {
      button.setAttribute("aria-pressed", "false");
    }
    for (const select of this.root.querySelectorAll("[data-least]")) select.value = "";
    this.filter();
  }

  find(text) {
    this.clear();
    this.search.value = text;
    this.filter();
    this.search.focus();
  }

  draw(row) {
    const line = make("tr", { class: this.columns.status?.[row] ?? "" });
    for (const heading of this.headings) line.append(this.cell(heading, row));
    if (this.source.details) this.addOpener(line, row);
    return this.open.has(row) ? [line, this.details(row)] : [line];
  }

  cell({ name, kind, isMinor, decimals }, row) {
    const value = this.columns[name][row];
    const node = make("td", { class: isMinor ? `${kind} minor` : kind });
    if (value === null || value === undefined) node.append("–");
    else if (kind === "number") node.append(figure(value, decimals));
    else if (kind === "status") node.append(make("span", { class: `badge ${value}` }, value));
    else node.append(value);
    return node;
  }

  addOpener(line, row) {
    const isOpen = this.open.has(row);
    const name = this.columns[this.headings[0].name][row];
    const label = `Details of ${name}`;
    const opener = make("button", { type: "button", class: "opener", "aria-label": label });
    opener.dataset.row = row;
    opener.setAttribute("aria-expanded", String(isOpen));
    line.firstChild.prepend(opener);
  }

  toggle(button) {
    const row = Number(button.dataset.row);
    const line = button.closest("tr");
    if (this.open.delete(row)) line.nextSibling.remove();
    else {
      this.open.add(row);
      line.after(this.details(row));
    }
    button.setAttribute("aria-expanded", String(this.open.has(row)));
  }

  details(row) {
    const cell = make("div", { class: "inside" });
    for (const [name, label] of this.source.details) {
      const text = this.columns[name][row];
      if (text) cell.append(make("h3", {}, label), make("pre", {}, text));
    }
    if (this.source.parts) cell.append(...this.partsOf(row));
    const list = make("dl", { class: "facts" });
    for (const heading of this.headings.filter(({ isMinor }) => isMinor)) {
      const value = this.cell({ ...heading, isMinor: false }, row);
      list.append(make("div", {}, make("dt", {}, heading.label), make("dd", {}, ...value.childNodes)));
    }
    cell.append(list);
    const room = make("td", { colSpan: this.headings.length }, cell);
    return make("tr", { class: "details" }, room);
  }

  // The rows of another table that belong to a row of this one, and how many there are in all.
  partsOf(row) {
    const [name, counts] = this.source.parts;
    const total = this.columns[counts][row];
    const other = tables[name];
    if (!total || !other) return [];
    const rows = [...other.order.filter((at) => other.columns.request[at] === row)].slice(0, 20);
    const few = rows.length < total ? `${whole.format(rows.length)} of ${whole.format(total)}` : "";
    const title = make("h3", {}, few ? `Differences, ${few}` : "Differences");
    if (!rows.length) return [title, make("p", {}, "This report holds worse ones only.")];
    const headings = other.headings.filter(({ name: column }) => column !== "place");
    const head = headings.map(({ label, kind }) => make("th", { scope: "col", class: kind }, label));
    const lines = rows.map((at) =>
      make("tr", {}, ...headings.map((heading) => other.cell(heading, at))),
    );
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...lines));
    return [title, make("div", { class: "scroll parts" }, table)];
  }
}
