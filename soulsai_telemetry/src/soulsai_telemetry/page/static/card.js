// One card: a chart with its title, its newest value, its legend, and its values as a table.

import { firstOf, isMerged, lastOf } from "./columns.js";
import { element } from "./dom.js";
import { moved } from "./keys.js";
import { makePlot } from "./plot.js";
import { kindOf } from "./scale.js";
import { clock, count } from "./text.js";
import { fillTable } from "./table.js";

const uPlot = window.uPlot;

export class Card {
  constructor(group, name) {
    this.group = group;
    this.name = name;
    this.columns = { x: [] };
    const { title, unit } = group.describe(name);
    this.current = element("p", { class: "current" });
    this.values = element("p", { class: "values" });
    this.plotBox = element("div", { class: "plot", tabindex: "0", role: "img", "aria-describedby": "zoom-hint" });
    this.table = element("details", { class: "data" }, element("summary", {}, "Table"), element("div", { class: "table", tabindex: "0", role: "region", "aria-label": `${title}: values` }));
    this.card = element("article", { class: "chart", "data-metric": name },
      element("header", {}, element("h3", {}, title, ...(unit ? [" ", element("small", {}, `(${unit})`)] : [])), this.current),
      this.values, this.plotBox, this.table);
    group.box.append(this.card);
    this.plotBox.addEventListener("keydown", (event) => this.key(event));
    this.table.addEventListener("toggle", () => this.fillTable());
  }

  get description() {
    return this.group.describe(this.name);
  }

  draw(columns) {
    this.columns = columns;
    this.showCurrent();
    this.data = this.aligned();
    const kind = this.kind();
    const points = Boolean(this.description.raw);
    if (this.plot && (this.plot.kind !== kind || this.plot.points !== points || this.plot.series.length !== this.data.length)) this.clear();
    if (this.plot) this.plot.setData(this.data, false);
    else this.plot = makePlot(this, kind);
    this.fit();
    this.showValues(null);
    this.fillTable();
  }

  showCurrent() {
    const { format, line } = this.description;
    const last = lastOf(this.columns.average);
    this.current.replaceChildren(element("small", {}, line), " ", last == null ? "–" : format(last));
    const first = firstOf(this.columns.average);
    this.plotBox.setAttribute("aria-label", `${this.card.querySelector("h3").textContent}, ${line}: ` +
      (last == null ? "no value yet" : `${format(first)} at the left, ${format(last)} at the right`));
  }

  overlays() {
    return this.group.overlays.get(this.name) ?? [];
  }

  /** The columns for uPlot: x, low, high, mean, average, the second line, and the lines of other runs. */
  aligned() {
    const { x, low, high, mean, average, second } = this.columns;
    // Without a range there is no band: drawn with no height, it would leave traces where the curve is steep.
    const range = isMerged(this.columns) ? [low, high] : [x, x].map((column) => column.map(() => null));
    const own = [x, ...range, mean, average, ...(second ? [second] : [])];
    const others = this.overlays();
    return others.length ? uPlot.join([own, ...others.map((other) => [other.x, other.y])]) : own;
  }

  kind() {
    const { low, high, average, second = [] } = this.columns;
    return kindOf(this.group.scale, [low, high, average, second, ...this.overlays().map((other) => other.y)]);
  }

  fit() {
    const [from, to] = this.group.shown;
    const x = this.data[0];
    if (!x.length) return;
    // A logarithmic axis has no zero.
    const first = Math.max(from ?? x[0], this.group.logarithmic ? 1 : -Infinity);
    const last = Math.max(to ?? x[x.length - 1], this.group.logarithmic ? first * 1.01 : first + 1e-6);
    this.plot.setScale("x", { min: first, max: last });
    Object.assign(this.plotBox.dataset, { from: first, to: to ?? x[x.length - 1], scale: this.group.logarithmic ? "logarithmic" : "linear" });
  }

  clear() {
    this.plot?.destroy();
    this.plot = null;
  }

  rebuild() {
    this.clear();
    if (this.data) this.draw(this.columns);
  }

  redraw() {
    this.plot?.redraw(false);
  }

  resize() {
    const width = this.plotBox.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: this.plotHeight() });
  }

  plotHeight() {
    return this.plotBox.clientWidth < 420 ? Math.min(this.group.height, 170) : this.group.height;
  }

  /** Show the values at the cursor; without one, what is drawn. */
  showValues(index) {
    const x = this.data[0]?.[index];
    this.values.replaceChildren(...(x == null ? this.legend() : this.valuesAt(index, x)));
  }

  legend() {
    const { line, raw, second, goal, format } = this.description;
    const parts = [];
    const add = (kind, text) => parts.push(element("span", { class: `key ${kind}` }, text));
    add("line", line);
    if (second) add("second", second);
    if (raw && isMerged(this.columns)) {
      add("points", "mean of neighbors");
      add("band", "their range");
    } else if (raw) add("points", raw);
    if (goal != null) add("goal", `goal ${format(goal)}`);
    this.overlays().forEach(({ label, color, evaluation }) => add(`other other-${color}${evaluation ? " evaluation" : ""}`, label));
    if (this.plot?.kind === "symlog") parts.push("values of 0 and below: logarithmic in both directions");
    return parts;
  }

  valuesAt(index, x) {
    const { format, second, raw } = this.description;
    const at = (column) => this.data[column].slice(0, index + 1).findLast((value) => value != null);
    const place = this.group.axis === "time" ? clock(x) : `${this.group.axis} ${count(x)}`;
    const parts = [`${place}: `, element("span", { class: "key line" }, format(at(4)))];
    if (second) parts.push(element("span", { class: "key second" }, format(at(5))));
    else if (raw) parts.push(element("span", { class: "key points" }, format(at(3))));
    this.overlays().forEach(({ label, color }, i) => {
      const value = at(5 + (second ? 1 : 0) + i);
      if (value != null) parts.push(element("span", { class: `key other other-${color}` }, `${label}: ${format(value)}`));
    });
    return parts;
  }

  fillTable() {
    if (this.table.open) fillTable(this.table.querySelector(".table"), this);
  }

  select(plot) {
    if (plot.select.width < 8) return; // pixels: a click, no drag
    const from = plot.posToVal(plot.select.left, "x");
    const to = plot.posToVal(plot.select.left + plot.select.width, "x");
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.group.zoom(from, to);
  }

  key(event) {
    const { shown, extent, logarithmic } = this.group;
    const part = moved(event, shown, extent, logarithmic);
    if (!part) return;
    event.preventDefault();
    this.group.zoom(...part);
  }
}
