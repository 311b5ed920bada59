// The chart of a card, drawn by uPlot.

import { drawGoal, drawMarks } from "./markers.js";
import { logMarks, xScale, yScale } from "./scale.js";
import { tick, timeTick } from "./text.js";

const uPlot = window.uPlot;
const COLORS = ["accent", "muted", "line", "second", "point", "good", "bad", "text", "other-1", "other-2", "other-3", "other-4", "other-5", "other-6"];
// Dashes of the lines of other runs, so that they differ by more than their color.
const DASHES = [[10, 4], [3, 3], [12, 4, 3, 4], [6, 6], [2, 5], [14, 3]];
// Of their evaluations.
const DOTS = [1, 4];
const FONT_SIZE = 11;
// Pixels around an axis' label.
const ROOM = 14;

function colorsNow() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(COLORS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

function faint(hex, share) {
  const value = parseInt(hex.slice(1), 16);
  return `rgb(${value >> 16} ${(value >> 8) & 255} ${value & 255} / ${share})`;
}

/** Pixels of the widest label in this font. */
function widest(plot, font, labels) {
  plot.ctx.save();
  plot.ctx.font = font;
  const width = Math.max(0, ...labels.map((label) => plot.ctx.measureText(label ?? "").width));
  plot.ctx.restore();
  return width;
}

/** Pixels between two marks of a part of so many seconds: labels with seconds are wider. */
function timeSpace(seconds) {
  return seconds > 240 ? 44 : 70;
}

function axes(card, colors, kind) {
  const { ticks = tick } = card.description;
  const time = card.group.axis === "time";
  const font = `${FONT_SIZE}px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: colors.muted, grid: { stroke: colors.line, width: 1 }, ticks: { show: false }, font };
  const logs = card.group.logarithmic;
  const across = time
    ? (plot, values, index, space, step) => values.map((value) => timeTick(value, step))
    : (plot, values, index, space, step) => values.map((value) => (Number.isInteger(value) ? tick(value, logs ? 0 : step) : ""));
  const up = (plot, values, index, space, step) =>
    values.map((value) => (value == null ? "" : ticks(value, kind === "linear" ? step : 0)));
  return [
    { ...axis, size: 30, space: (plot, index, low, high) => (time ? timeSpace(high - low) : 55), values: across, ...(logs ? { splits: (plot, index, low, high) => logMarks(low, high), filter: (plot, marks) => marks } : {}) },
    { ...axis, size: (plot, labels) => Math.ceil(Math.max(30, ROOM + widest(plot, font, labels ?? []))), values: up },
  ];
}

function series(card, colors) {
  const line = (stroke, width, dash) => ({ stroke, width, dash, points: { show: false }, spanGaps: false });
  const raw = { ...line("transparent", 0), paths: () => null };
  const { second, raw: hasPoints } = card.description;
  return [
    {},
    line("transparent", 0),
    line("transparent", 0),
    { ...raw, points: { show: Boolean(hasPoints), size: 4, width: 0, fill: colors.point } },
    line(colors.accent, 2.25),
    ...(second ? [line(colors.second, 1.75, [6, 4])] : []),
    ...card.overlays().map(({ color, evaluation }) => line(colors[`other-${color}`], 2, evaluation ? DOTS : DASHES[color - 1])),
  ];
}

/** A chart of the card's data, with a vertical axis of this kind. */
export function makePlot(card, kind) {
  const colors = colorsNow();
  const { goal = null } = card.description;
  const plot = new uPlot({
    width: card.plotBox.clientWidth || 300,
    height: card.plotHeight(),
    padding: [10, 30, 0, 0],
    cursor: {
      sync: { key: card.group.box.id, setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { size: 7 },
      y: false,
    },
    select: { show: true },
    legend: { show: false },
    scales: { x: xScale(card.group), y: yScale(kind, goal) },
    axes: axes(card, colors, kind),
    bands: [{ series: [2, 1], fill: faint(colors.accent, 0.16) }],
    series: series(card, colors),
    hooks: {
      setSelect: [(made) => card.select(made)],
      setCursor: [(made) => card.showValues(made.cursor.idx)],
      draw: [(made) => {
        drawGoal(made, goal, colors.good);
        drawMarks(made, card.group.events, card.group.axis, colors);
      }],
    },
  }, card.data, card.plotBox);
  Object.assign(plot, { kind, points: Boolean(card.description.raw) });
  plot.over.addEventListener("dblclick", () => card.group.zoom(null, null));
  return plot;
}
