// Moving through a chart with the keyboard.

/** The part of the axis after this key; null if the key means nothing here. An open end is null. */
export function moved(event, shown, extent, logarithmic = false) {
  const place = (value) => (logarithmic ? Math.log(Math.max(value, 1)) : value);
  const [low, high] = extent.map(place);
  const [from, to] = extent.map((end, i) => place(shown[i] ?? end));
  const width = to - from;
  const moves = {
    "+": [from + width / 4, to - width / 4],
    "=": [from + width / 4, to - width / 4],
    "-": [from - width / 2, to + width / 2],
    ArrowLeft: [from - width / 4, to - width / 4],
    ArrowRight: [from + width / 4, to + width / 4],
    Escape: [low, high],
  };
  if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return null;
  let [left, right] = moves[event.key];
  if (left < low) [left, right] = [low, Math.min(high, right + (low - left))];
  if (right > high) [left, right] = [Math.max(low, left - (right - high)), high];
  if (left <= low && right >= high) return [null, null];
  return logarithmic ? [Math.exp(left), Math.exp(right)] : [left, right];
}
