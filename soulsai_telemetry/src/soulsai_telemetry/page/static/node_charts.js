// The charts of the training node over time: rates, update time, staleness, and the learner's own numbers.

import { curvePath, get, unlessGone } from "./api.js";
import { Group } from "./charts.js";
import { addPoint } from "./columns.js";
import { $ } from "./dom.js";
import { millisecondTick, number, perSecond } from "./text.js";

const POINTS = 400;
const MAX_POINTS = 1000;
const LEARNER = "learner.";

const CHARTS = {
  rate: { title: "Environment steps", unit: "steps/s", format: perSecond, line: "admitted", second: "rejected" },
  "learner.update_seconds": { title: "Update time", unit: "ms", format: (seconds) => `${number(seconds * 1000)} ms`, ticks: millisecondTick, line: "of one iteration" },
  staleness: { title: "Staleness", unit: "iterations", format: number, line: "mean of admitted samples" },
};

export class NodeCharts {
  constructor() {
    this.curves = {};
    this.gap = null;
    this.node = this.group("status-history", (name) => CHARTS[name]);
    this.learner = this.group("learner", (name) => ({ title: name.replace(LEARNER, "").replaceAll("_", " "), format: number, line: "last value" }));
    $("learner-box").addEventListener("toggle", () => this.draw());
  }

  group(id, describe) {
    return new Group($(id), { height: 150, axis: "time", changed: (from, to) => this.zoom(from, to), describe });
  }

  get groups() {
    return [this.node, this.learner];
  }

  load() {
    return unlessGone(this.loadCurves());
  }

  async loadCurves() {
    const answer = await get(curvePath("status-history", { axis: "time", points: POINTS, part: this.node.shown }));
    this.curves = Object.fromEntries(answer.series.map((one) => [one.metric, one]));
    this.gap = answer.gap;
    this.node.extent = this.learner.extent = answer.extent;
    this.draw();
  }

  zoom(from, to) {
    this.node.shown = this.learner.shown = [from, to];
    return this.load();
  }

  draw() {
    const { admitted, rejected } = this.curves;
    if (!admitted?.x.length) return;
    const drawn = Object.fromEntries(Object.entries(this.curves).map(([name, curve]) => [name, lineOnly(curve)]));
    drawn.rate = { ...lineOnly(admitted), second: rejected.average };
    this.node.draw(Object.keys(CHARTS), drawn);
    const reported = Object.keys(this.curves).filter((name) => name.startsWith(LEARNER) && !CHARTS[name]);
    $("learner-box").hidden = !reported.length;
    if ($("learner-box").open) this.learner.draw(reported, drawn);
  }

  /** Take in the newest state. While the node is silent there is nothing to add. */
  add({ health, time, rates, status }) {
    if (!health?.live || this.node.shown[1] != null) return;
    this.node.extent[1] = this.learner.extent[1] = time;
    const values = { admitted: rates[0], rejected: rates[1], staleness: status.staleness.iterations };
    for (const [name, value] of Object.entries(status.learner)) values[LEARNER + name] = value;
    for (const [name, value] of Object.entries(values)) {
      const curve = this.curves[name];
      if (curve && !(curve.x.at(-1) >= time)) addPoint(curve, time, value, value, this.gap);
    }
    if (!this.curves.admitted || this.curves.admitted.x.length > MAX_POINTS) this.load();
    else this.draw();
  }
}

/** The curve without points, which would repeat the line. */
function lineOnly({ x, average }) {
  const none = x.map(() => null);
  return { x, mean: none, low: none, high: none, average };
}
