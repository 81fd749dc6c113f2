/* Copyright (c) 2026 Lockstep contributors
   GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
   Sort, filter and page the tables of the page. Nothing here makes markup out of data: rows are moved or cloned, text is text. */
"use strict";
(() => {
  const PAGE = 50, PRINT = 5000;
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  const grids = new Map();
  const el = (tag, attributes, text) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };

  class Grid {
    constructor(table) {
      this.table = table;
      this.rows = Array.from(table.querySelectorAll(":scope > tbody > tr"));
      this.body = table.tBodies[0];
      for (const rest of Array.from(table.tBodies).slice(1)) rest.remove();
      this.shown = this.rows;
      this.at = 0;
      this.size = Number(table.dataset.page) || PAGE;
      this.want = null;
      this.refs = null;
      if (this.rows.length > 5) this.tools();
      this.heads();
      this.body.addEventListener("click", (event) => {
        const button = event.target.closest("button.more");
        if (button) toggle(button, button.closest("tr"));
      });
      this.draw();
    }

    tools() {
      const name = this.table.dataset.grid;
      const tools = el("div", { class: "tools" });
      this.input = el("input", { type: "search", placeholder: "Filter " + name + " …", "aria-label": "Filter " + name });
      let timer;
      this.input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => this.filter(), 120); });
      tools.append(this.input);
      if (this.table.dataset.facets) {
        this.choice = el("select", { "aria-label": "Show only" });
        this.choice.append(el("option", { value: "" }, "all " + name));
        for (const facet of this.table.dataset.facets.split("|")) {
          const [token, label] = facet.split("=");
          this.choice.append(el("option", { value: token }, label));
        }
        this.choice.addEventListener("change", () => { this.refs = null; this.want = this.choice.value || null; this.filter(); });
        tools.append(this.choice);
      }
      this.clear = el("button", { type: "button", hidden: "" }, "Show all");
      this.clear.addEventListener("click", () => this.only(null, null));
      this.count = el("span", { class: "soft", "aria-live": "polite" });
      tools.append(this.clear, this.count);
      const scroll = this.table.closest(".scroll");
      scroll.before(tools);
      this.pager = el("div", { class: "pager" });
      this.back = el("button", { type: "button" }, "← Previous");
      this.forth = el("button", { type: "button" }, "Next →");
      this.where = el("span");
      this.back.addEventListener("click", () => this.turn(-1));
      this.forth.addEventListener("click", () => this.turn(1));
      this.pager.append(this.back, this.where, this.forth);
      scroll.after(this.pager);
    }

    heads() {
      Array.from(this.table.tHead.rows[0].cells).forEach((head, column) => {
        if (this.rows.length < 2) return;
        const button = el("button", { type: "button", class: "sort" }, head.textContent);
        head.replaceChildren(button);
        button.addEventListener("click", () => this.sort(head, column));
      });
    }

    sort(head, column) {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of this.table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keyed = this.rows.map((row) => [row.cells[column].dataset.sort ?? row.cells[column].textContent.trim(), row]);
      keyed.sort((one, two) => (down ? -1 : 1) * compare(one[0], two[0]));
      this.rows = keyed.map((pair) => pair[1]);
      this.filter();
    }

    only(want, refs) {
      this.want = want;
      this.refs = refs;
      if (this.input) this.input.value = "";
      if (this.choice) this.choice.value = want || "";
      this.filter();
    }

    filter() {
      const words = (this.input ? this.input.value : "").toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = this.refs ? new Set(this.refs) : null;
      this.shown = this.rows.filter((row) => {
        if (this.want || wanted) {
          const own = (row.dataset.refs || "").split(" ");
          if (this.want && !own.includes(this.want)) return false;
          if (wanted && !own.some((ref) => wanted.has(ref))) return false;
        }
        if (!words.length) return true;
        const text = (row.dataset.words ??= row.textContent.toLowerCase());
        return words.every((word) => text.includes(word));
      });
      if (this.clear) this.clear.hidden = !(words.length || this.want || this.refs);
      this.at = 0;
      this.draw();
    }

    turn(pages) { this.at += pages * this.size; this.draw(); }

    draw(all) {
      const rows = all ? this.shown.slice(0, PRINT) : this.shown.slice(this.at, this.at + this.size);
      for (const open of this.body.querySelectorAll("button.more[aria-expanded=true]")) open.setAttribute("aria-expanded", "false");
      rows.forEach(expandable);
      this.body.replaceChildren(...rows);
      if (!this.pager) return;
      const total = this.shown.length, last = Math.min(total, this.at + this.size);
      this.count.textContent = total === this.rows.length ? total.toLocaleString("en") + " in all" :
        total.toLocaleString("en") + " of " + this.rows.length.toLocaleString("en");
      this.where.textContent = total ? (this.at + 1).toLocaleString("en") + " to " + last.toLocaleString("en") + " of " + total.toLocaleString("en") : "none";
      this.back.disabled = this.at === 0;
      this.forth.disabled = last >= total;
      this.pager.hidden = total <= this.size;
    }
  }

  const expandable = (row) => {
    const head = row.cells[0];
    if (row.dataset.ready || !row.querySelector || !/(^| )[sn]\d/.test(row.dataset.refs || "") || !head) return;
    row.dataset.ready = "1";
    const button = el("button", { type: "button", class: "more", "aria-expanded": "false" }, head.textContent.trim());
    head.replaceChildren(button);
  };

  const toggle = (button, row) => {
    const open = row.nextElementSibling;
    if (open && open.classList.contains("detail")) {
      open.remove();
      button.setAttribute("aria-expanded", "false");
      return;
    }
    const detail = el("tr", { class: "detail" });
    const cell = el("td", { colspan: String(row.cells.length) });
    detail.append(cell);
    const clones = (prefix) => (row.dataset.refs || "").split(" ").filter((ref) => ref[0] === prefix && /^.\d+$/.test(ref))
      .map((ref) => source(ref)).filter(Boolean).map((node) => node.cloneNode(true));
    const notes = clones("n");
    if (notes.length) {
      const list = el("ul");
      list.append(...notes);
      cell.append(list);
    }
    const steps = clones("s");
    if (steps.length) {
      const table = el("table");
      const head = document.getElementById("step-head").content.cloneNode(true);
      const body = el("tbody");
      body.append(...steps);
      table.append(head, body);
      cell.append(table);
    }
    for (const node of cell.querySelectorAll("[id]")) node.removeAttribute("id");
    row.after(detail);
    button.setAttribute("aria-expanded", "true");
  };

  const rows = document.getElementById("rows");
  const source = (ref) => rows && rows.content.getElementById(ref);

  for (const table of document.querySelectorAll("table[data-grid]")) grids.set(table.id, new Grid(table));

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-show]");
    const grid = link && grids.get("hosts-table");
    if (!grid) return;
    if (link.dataset.show.startsWith("f-")) grid.only(link.dataset.show, null);
    else grid.only(null, link.dataset.show.split(" "));
  });
  addEventListener("beforeprint", () => grids.forEach((grid) => grid.draw(true)));
  addEventListener("afterprint", () => grids.forEach((grid) => grid.draw()));
})();
