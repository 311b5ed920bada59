// Numbers, times and durations as people read them.

const plain = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });

export function count(value) {
  return value == null ? "–" : plain.format(Math.round(value));
}

export function compact(value) {
  return Math.abs(value) < 100000 ? count(value) : short.format(value);
}

/** About four significant digits, without an exponent where that is readable. */
export function number(value) {
  if (value == null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e7)) return value.toExponential(1).replace("-", "−");
  if (size >= 1000) return plain.format(Math.round(value)).replace("-", "−");
  const text = Number.isInteger(value) ? String(value) : value.toFixed(size >= 100 ? 1 : size >= 1 ? 2 : 3);
  return text.replace("-", "−");
}

/** As short as an axis wants it. */
export function tick(value) {
  const text = number(value);
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

export function duration(seconds) {
  if (seconds == null || seconds < 0) return "–";
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  const hours = Math.floor(seconds / 3600);
  if (hours < 48) return `${hours} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function milliseconds(seconds) {
  if (seconds == null) return "–";
  return seconds < 1 ? `${number(seconds * 1000)} ms` : `${number(seconds)} s`;
}

export function millisecondTick(seconds) {
  return `${tick(seconds * 1000)} ms`;
}

const minute = { hour: "2-digit", minute: "2-digit", hour12: false };

/** Labels of a time axis whose marks are `step` seconds apart. */
export function timeTick(seconds, step) {
  const date = new Date(seconds * 1000);
  if (step >= 86400) return date.toLocaleDateString("en", { month: "short", day: "numeric" });
  return date.toLocaleTimeString("en", step < 60 ? { ...minute, second: "2-digit" } : minute);
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleString("en", { month: "short", day: "numeric", ...minute });
}

/** An element with text; `parts` may be strings and elements. */
export function element(tag, attributes = {}, ...parts) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value != null && value !== false) made.setAttribute(name, value);
  }
  made.append(...parts);
  return made;
}
