// The vertical axis of a chart: linear or logarithmic.

/** The kind of the vertical axis for these columns: "linear", "log", or "symlog" where a value is not positive. */
export function kindOf(wanted, columns) {
  if (wanted !== "log") return "linear";
  const values = columns.flat().filter((value) => value != null);
  return values.length && values.every((value) => value > 0) ? "log" : "symlog";
}

/** The options of uPlot for the horizontal scale of a group. */
export function xScale({ axis, logarithmic }) {
  // With a range of its own it ends at the last point, not at the next power of ten.
  return { time: axis === "time", auto: false, ...(logarithmic ? { distr: 3, range: (plot, low, high) => [low, high] } : {}) };
}

/** Marks of a logarithmic axis: powers of ten, with 2 and 5 between them where there is room; of a short part, as of a
 * linear axis. */
export function logMarks(low, high) {
  if (high < 4 * low) {
    const step = 10 ** Math.floor(Math.log10(high - low));
    const count = Math.floor(high / step) - Math.ceil(low / step) + 1;
    return Array.from({ length: count }, (_, i) => (Math.ceil(low / step) + i) * step);
  }
  const between = Math.log10(high / low) > 3 ? [1] : [1, 2, 5];
  const marks = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
    marks.push(...between.map((factor) => factor * power));
  }
  return marks.filter((mark) => mark >= low && mark <= high);
}

/** The options of uPlot for the vertical scale; `goal` is a value that must be in sight, null without one. */
export function yScale(kind, goal) {
  if (kind === "log") return { distr: 3, range: (plot, low, high) => (low == null ? [1, 10] : [low * 0.9, high * 1.1]) };
  const range = (plot, low, high) => padded(low, high, goal);
  return kind === "symlog" ? { distr: 4, asinh: 1, range } : { range };
}

/** A little room above and below, and some height even if all values are equal. */
function padded(low, high, goal) {
  if (low == null) return [0, 1];
  const [least, most] = goal == null ? [low, high] : [Math.min(low, goal), Math.max(high, goal)];
  const room = (most - least) * 0.06 || Math.abs(most) * 0.1 || 1;
  return [least >= 0 && least - room < 0 ? 0 : least - room, most + room];
}
