// One card per metric, with its chart. The charts of a group show the same part of the axis and share their cursor.

import { clock, compact, element, tick, timeTick } from "./text.js";

const uPlot = window.uPlot;

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function faint(hex, share) {
  const value = parseInt(hex.slice(1), 16);
  return `rgb(${value >> 16} ${(value >> 8) & 255} ${value & 255} / ${share})`;
}

/** Cards that zoom together. `changed(from, to)` is called with the part to show; null stands for an open end. */
export class Group {
  constructor(box, { height, changed, describe }) {
    this.box = box;
    this.height = height;
    this.changed = changed;
    this.describe = describe;
    this.cards = new Map();
    this.axis = "episode";
    this.shown = [null, null];
    this.extent = [0, 0];
    this.sync = uPlot.sync(box.id);
    new ResizeObserver(() => this.cards.forEach((card) => card.resize())).observe(box);
  }

  /** Draw `curves`: name -> columns. New names get a card at the end. */
  draw(names, curves) {
    for (const name of names) {
      if (!curves[name]) continue;
      this.box.querySelector(".empty")?.remove();
      if (!this.cards.has(name)) this.cards.set(name, new Card(this, name));
      this.cards.get(name).draw(curves[name]);
    }
  }

  /** Build all charts again, after a change of the colors. */
  rebuild() {
    this.cards.forEach((card) => card.rebuild());
  }

  zoom(from, to) {
    this.shown = [from, to];
    this.changed(from, to);
  }

  /** Change the axis; the next `draw` builds the charts again. */
  setAxis(axis) {
    this.axis = axis;
    this.extent = [0, 0];
    this.cards.forEach((card) => card.clear());
  }
}

class Card {
  constructor(group, name) {
    this.group = group;
    this.name = name;
    this.columns = { x: [] };
    this.current = element("span", { class: "current" });
    this.values = element("p", { class: "values" });
    this.plotBox = element("div", { class: "plot", tabindex: "0", role: "img", "aria-describedby": "zoom-hint" });
    this.card = element("article", { class: "chart", "data-metric": name },
      element("header", {}, element("h3", {}, group.describe(name).title), this.current), this.values, this.plotBox);
    group.box.append(this.card);
    this.plotBox.addEventListener("keydown", (event) => this.key(event));
  }

  draw(columns) {
    this.columns = columns;
    const { unit, pair } = this.group.describe(this.name);
    const last = columns.average.at(-1);
    this.current.textContent = last == null ? "" : unit(last);
    const second = pair ? [columns.second] : [];
    this.data = [columns.x, columns.low, columns.high, columns.mean, columns.average, ...second];
    this.plotBox.setAttribute("aria-label", `${this.card.querySelector("h3").textContent}: now ${this.current.textContent}, ` +
      `from ${unit(columns.average[0])} at the left`);
    if (this.plot) this.plot.setData(this.data, false);
    else this.build();
    this.fit();
    this.showValues(null);
  }

  fit() {
    const [from, to] = this.group.shown;
    const x = this.columns.x;
    if (!x.length) return;
    const first = from ?? x[0];
    const last = Math.max(to ?? x[x.length - 1], first + 1e-6);
    this.plot.setScale("x", { min: first, max: last });
    [this.plotBox.dataset.from, this.plotBox.dataset.to] = [first, to ?? x[x.length - 1]];
  }

  clear() {
    this.plot?.destroy();
    this.plot = null;
  }

  rebuild() {
    this.clear();
    if (this.data) this.draw(this.columns);
  }

  resize() {
    const width = this.plotBox.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: this.height() });
  }

  height() {
    return this.plotBox.clientWidth < 420 ? Math.min(this.group.height, 170) : this.group.height;
  }

  build() {
    const { pair, ticks = tick } = this.group.describe(this.name);
    const [accent, muted, line, second] = ["accent", "muted", "line", "second"].map(color);
    const grid = { stroke: line, width: 1 };
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: muted, grid, ticks: { show: false }, font };
    const time = this.group.axis === "time";
    const across = time
      ? (plot, values, axis, space, step) => values.map((value) => timeTick(value, step))
      : (plot, values) => values.map((value) => (Number.isInteger(value) ? compact(value) : ""));
    const lineOf = (stroke, width) => ({ stroke, width, points: { show: false }, spanGaps: true });
    // More points than that would cover the line.
    const few = () => this.shownPoints() < 700;
    this.plot = new uPlot({
      width: this.plotBox.clientWidth || 300,
      height: this.height(),
      padding: [8, 16, 0, 0],
      cursor: {
        sync: { key: this.group.sync.key, setSeries: false },
        drag: { x: true, y: false, setScale: false },
        points: { size: 7 },
        y: false,
      },
      select: { show: true },
      scales: { x: { time, auto: false }, y: { range: padded } },
      axes: [
        { ...axis, size: 30, space: time ? 70 : 50, values: across },
        { ...axis, size: 54, values: (plot, values) => values.map(ticks) },
      ],
      bands: [{ series: [2, 1], fill: faint(accent, 0.13) }],
      series: [
        {},
        { ...lineOf("transparent", 0) },
        { ...lineOf("transparent", 0) },
        { ...lineOf(faint(accent, 0.28), 1), paths: () => null, points: { show: few, size: 4, width: 0, fill: faint(accent, 0.5) } },
        lineOf(accent, 2.25),
        ...(pair ? [lineOf(second, 1.75)] : []),
      ],
      hooks: {
        setSelect: [(plot) => this.select(plot)],
        setCursor: [(plot) => this.showValues(plot.cursor.idx)],
      },
    }, this.data, this.plotBox);
    this.plot.over.addEventListener("dblclick", () => this.group.zoom(null, null));
  }

  shownPoints() {
    if (!this.plot) return this.columns.x.length;
    const { min, max } = this.plot.scales.x;
    return this.columns.x.filter((x) => x >= min && x <= max).length;
  }

  select(plot) {
    if (plot.select.width < 8) return; // pixels: a click, no drag
    const from = plot.posToVal(plot.select.left, "x");
    const to = plot.posToVal(plot.select.left + plot.select.width, "x");
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.group.zoom(from, to);
  }

  /** Show the values at the cursor; without one, the legend. */
  showValues(index) {
    const { unit, pair, raw, legend } = this.group.describe(this.name);
    const { x, mean, average } = this.columns;
    if (index == null || x[index] == null) {
      this.values.replaceChildren(legend);
      return;
    }
    const at = this.group.axis === "time" ? clock(x[index]) : `${this.group.axis} ${compact(x[index])}`;
    const parts = [`${at}  ·  `, element("b", {}, unit(average[index]))];
    if (pair) parts.push("  ", element("b", { class: "second" }, unit(this.columns.second[index])));
    else if (raw) parts.push(`  ·  ${unit(mean[index])} in this episode`);
    this.values.replaceChildren(...parts);
  }

  key(event) {
    const [low, high] = this.group.extent;
    const [from, to] = [this.group.shown[0] ?? low, this.group.shown[1] ?? high];
    const width = to - from;
    const moves = {
      "+": () => [from + width / 4, to - width / 4],
      "=": () => [from + width / 4, to - width / 4],
      "-": () => [from - width / 2, to + width / 2],
      ArrowLeft: () => [from - width / 4, to - width / 4],
      ArrowRight: () => [from + width / 4, to + width / 4],
      Escape: () => [low, high],
    };
    if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    let [left, right] = moves[event.key]();
    if (left < low) [left, right] = [low, Math.min(high, right + (low - left))];
    if (right > high) [left, right] = [Math.max(low, left - (right - high)), high];
    if (left <= low && right >= high) this.group.zoom(null, null);
    else this.group.zoom(left, right);
  }
}

/** The range of the y axis: a little room above and below, and some height even if all values are equal. */
function padded(plot, low, high) {
  if (low == null) return [0, 1];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
}
