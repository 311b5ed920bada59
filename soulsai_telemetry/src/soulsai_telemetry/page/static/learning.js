// The curves of the episodes: loading, following the run, smoothing, and the lines of compared runs.

import { curvePath, get, unlessGone } from "./api.js";
import { Group } from "./charts.js";
import { addPoint, emptyCurve, isSchedule, lastOf } from "./columns.js";
import { $, choice, mark } from "./dom.js";
import { counted, number, share, shareTick } from "./text.js";

// Points of a curve that are loaded; with more than MAX_POINTS after new episodes, the history is loaded again.
const POINTS = 800;
const MAX_POINTS = 2400;
// Milliseconds between two loads of the history for a smoothing that the server computes.
const RELOAD = 2000;
const AXES = { episode: "Episodes", step: "Steps", logstep: "Log steps", time: "Time" };
const RANGES = { all: "All", half: "Last half", tenth: "Last tenth" };
const SCALES = { linear: "Linear", log: "Log" };
const WINDOWS = [1, 10, 50, 200, 1000];
const TITLES = { return: "Return", length: "Episode length", seconds: "Episode duration" };
const TRAINING = "training";
const EVALUATION = "evaluation_"; // begins the names of metrics of evaluations

export class Learning {
  /** `drawn()` is called when the curves have changed. */
  constructor(drawn) {
    this.drawn = drawn;
    this.run = null;
    this.names = [];
    this.curves = {};
    this.others = []; // of other sources than the training: { metric, source, x, average }
    this.compared = []; // names of the runs whose lines are drawn as well
    this.range = "all";
    this.window = 0; // episodes of the moving average; 0: the run's own
    this.gap = null;
    this.loading = 0; // number of the newest request; answers to older ones are ignored
    this.group = new Group($("metrics"), {
      height: 230,
      axis: "episode",
      changed: (from) => { this.range = from == null ? "all" : ""; mark("range", this.range); this.load(); },
      describe: (name) => this.describe(name),
    });
    choice("axis", AXES, "episode", (axis) => this.chooseAxis(axis));
    choice("range", RANGES, "all", (range) => this.chooseRange(range));
    choice("scale", SCALES, "linear", (scale) => { this.group.scale = scale; this.group.rebuild(); });
    $("smoothing").addEventListener("change", () => { this.window = Number($("smoothing").value); this.load(); });
  }

  /** Begin with a run. */
  show(run) {
    this.run = run;
    const windows = [...new Set([...WINDOWS, run.window])].sort((a, b) => a - b);
    const chosen = this.window || run.window;
    $("smoothing").replaceChildren(...windows.map((size) =>
      new Option(size === 1 ? "none" : `mean of ${size.toLocaleString("en")} episodes`, size, false, size === chosen)));
  }

  describe(name) {
    const condition = this.run.conditions[name];
    const window = this.window || this.run.window;
    const schedule = this.curves[name] && isSchedule(this.curves[name]);
    return {
      title: TITLES[name] ?? name,
      unit: condition ? `share of episodes with ${condition.trim()}` : this.run.units[name],
      format: condition ? share : number,
      ticks: condition ? shareTick : undefined,
      line: schedule ? "last value" : window === 1 ? "each episode" : `mean of the last ${window.toLocaleString("en")}`,
      raw: schedule || window === 1 ? "" : "each episode",
      goal: name === "return" && this.run.goal ? this.run.goal.mean_return : undefined,
    };
  }

  load() {
    return unlessGone(this.loadCurves());
  }

  async loadCurves() {
    const request = ++this.loading;
    this.follow();
    const { axis, shown } = this.group;
    const window = this.window === this.run.window ? 0 : this.window;
    const answer = await get(curvePath("history", { axis, points: POINTS, part: shown, window }));
    const overlays = await this.loadCompared(axis, window, answer);
    if (request !== this.loading) return;
    this.curves = Object.fromEntries(answer.series.filter((one) => one.source === TRAINING).map((one) => [one.metric, one]));
    this.others = answer.series.filter((one) => one.source !== TRAINING);
    this.gap = answer.gap;
    this.group.overlays = overlays;
    this.group.extent = this.withOverlays(answer.extent, overlays);
    this.follow();
    this.draw();
  }

  /** The lines of other sources and of the compared runs: name of the metric -> lines. */
  async loadCompared(axis, window, own) {
    const lines = new Map();
    const add = (metric, line) => lines.set(metric, [...(lines.get(metric) ?? []), line]);
    own.series.filter((one) => one.source !== TRAINING).forEach(({ metric, source, x, average }) => add(metric, { label: this.sourceLabel(source), x, y: average, color: 6 }));
    for (const [i, name] of this.compared.entries()) {
      const other = await get(curvePath("history", { axis, points: POINTS, part: [null, null], window, run: name })).catch(() => null);
      // At the axis of time both runs begin at the beginning of this one.
      const shift = axis === "time" && other ? own.extent[0] - other.extent[0] : 0;
      for (const { metric, source, x, average } of other?.series ?? []) {
        const evaluation = source !== TRAINING;
        const label = evaluation ? `${name}: ${source}` : name;
        add(metric, { label, x: shift ? x.map((value) => value + shift) : x, y: average, color: i + 1, evaluation });
      }
    }
    return lines;
  }

  sourceLabel(source) {
    if (source !== "evaluation") return source;
    const episodes = this.run.config.training?.evaluation?.episodes;
    return episodes ? `evaluation without exploration, mean of ${counted(episodes, "episode")}` : "evaluation without exploration";
  }

  withOverlays([low, high], overlays) {
    const ends = [...overlays.values()].flat().map(({ x }) => x.at(-1) ?? high);
    return [low, Math.max(high, ...ends)];
  }

  compare(names) {
    this.compared = names;
    return this.load();
  }

  draw() {
    const all = (this.names.length ? this.names : Object.keys(this.curves)).filter((name) => !name.startsWith(EVALUATION));
    const sorted = [...all].sort((a, b) => (b === this.run.best) - (a === this.run.best));
    const drawn = Object.entries(this.curves).map(([name, curve]) => [name, this.describe(name).raw ? curve : withoutPoints(curve)]);
    this.group.draw(sorted, Object.fromEntries(drawn));
    this.drawn();
  }

  /** Move the shown part on with the run, if it is the last half or the last tenth. */
  follow() {
    const part = { half: 0.5, tenth: 0.1 }[this.range];
    const [low, high] = this.group.extent;
    if (part && high > low) this.group.shown = [high - (high - low) * part, null];
  }

  chooseRange(range) {
    this.range = range;
    this.group.shown = [null, null];
    return this.load();
  }

  chooseAxis(axis) {
    this.group.setAxis(axis === "logstep" ? "step" : axis, axis === "logstep");
    mark("range", this.range || "all");
    return this.chooseRange(this.range || "all");
  }

  /** The newest mean that is drawn; null if that is another mean than the run's own, or not the newest. */
  get newest() {
    const own = !this.window || this.window === this.run.window;
    const curve = this.curves[this.run.best];
    return own && curve && this.group.shown[1] == null ? lastOf(curve.average) ?? null : null;
  }

  /** Take in new episodes. */
  add(records) {
    if (this.group.shown[1] != null) return; // a zoomed part stays as it is
    const evaluated = records.some(({ values }) => Object.keys(values).some((name) => name.startsWith(EVALUATION)));
    if (evaluated || (this.window && this.window !== this.run.window)) {
      this.reload();
      return;
    }
    const { axis } = this.group;
    for (const record of records) {
      this.group.extent[1] = Math.max(this.group.extent[1], record[axis]);
      for (const [name, [value, average]] of Object.entries(record.values)) {
        const curve = (this.curves[name] ??= emptyCurve());
        if (axis === "episode" && curve.x.at(-1) >= record.episode) continue;
        addPoint(curve, record[axis], value, average, axis === "time" ? this.gap : null);
      }
    }
    if (Object.values(this.curves).some((curve) => curve.x.length > MAX_POINTS)) this.load();
    else {
      this.follow();
      this.draw();
    }
  }

  reload() {
    this.timer ??= setTimeout(() => { this.timer = null; this.load(); }, RELOAD);
  }
}

/** The curve of a schedule, or without smoothing: the line goes through the values themselves. */
function withoutPoints(curve) {
  return { ...curve, average: curve.mean };
}
