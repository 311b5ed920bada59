// The columns of a curve: x, mean, low, high and average, of equal length; in a gap all but x are null.

const COLUMNS = ["mean", "low", "high", "average"];

/** A curve without points. */
export function emptyCurve() {
  return { x: [], mean: [], low: [], high: [], average: [] };
}

/** Add a point. `gap` is the length on the axis from which on there is a gap before it, null if there is none. */
export function addPoint(curve, x, value, average, gap) {
  const last = curve.x.at(-1);
  if (gap != null && last != null && x - last > gap) {
    curve.x.push((x + last) / 2);
    for (const name of COLUMNS) curve[name].push(null);
  }
  curve.x.push(x);
  for (const name of ["mean", "low", "high"]) curve[name].push(value);
  curve.average.push(average);
}

/** The last value that is there, undefined without one. */
export function lastOf(column) {
  return column.findLast((value) => value != null);
}

/** The first value that is there, undefined without one. */
export function firstOf(column) {
  return column.find((value) => value != null);
}

/** Whether any point stands for several values. */
export function isMerged({ low, high }) {
  return low.some((value, i) => value != null && value < high[i]);
}

/** Whether the values follow a plan, such as that of epsilon: they rise or fall without going back much. */
export function isSchedule({ mean }) {
  const values = mean.filter((value) => value != null);
  if (values.length < 8) return false;
  const ways = values.slice(1).map((value, i) => Math.abs(value - values[i]));
  const way = ways.reduce((sum, step) => sum + step, 0);
  return way <= 1.1 * Math.abs(values.at(-1) - values[0]);
}
