// Numbers, times and durations as people read them: the same digits as in the terminal (soulsai_core/node/formatting.py).

const grouped = new Intl.NumberFormat("en");
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function signed(text) {
  return text.replace("-", "−");
}

/** 1234567 as "1,234,567". */
export function count(value) {
  return value == null ? "–" : signed(grouped.format(Math.round(value)));
}

/** 1 and "client" as "1 client", 1200 as "1,200 clients". */
export function counted(value, noun) {
  return `${count(value)} ${noun}${Math.round(value) === 1 ? "" : "s"}`;
}

/** About three digits: 1234.5 as "1,234", 188.62 as "188.6", 9.5 as "9.50", 0.00123 as "0.0012". */
export function number(value) {
  if (value == null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e7) return signed(value.toExponential(2));
  if (size >= 1000) return count(value);
  if (size >= 10) return signed(value.toFixed(1));
  if (size >= 0.1 || size === 0) return signed(value.toFixed(2));
  return signed(size >= 1e-4 ? String(Number(value.toPrecision(2))) : value.toExponential(1));
}

/** 0.9987 as "99.8%": rounded down, so that "100%" means all. */
export function share(value) {
  if (value == null) return "–";
  return value >= 1 ? "100%" : `${(Math.floor(value * 1000) / 10).toFixed(1)}%`;
}

export function perSecond(value) {
  return `${number(value)}/s`;
}

/** 45 as "45 s", 125 as "2 min 05 s", 3723 as "1 h 02 min", 190000 as "2 d 4 h". */
export function duration(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  const whole = Math.max(Math.floor(seconds), 0);
  const two = (value) => String(value).padStart(2, "0");
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) {
    const minutes = `${Math.floor(whole / MINUTE)} min`;
    return whole < 10 * MINUTE ? `${minutes} ${two(whole % MINUTE)} s` : minutes;
  }
  if (whole < DAY) return `${Math.floor(whole / HOUR)} h ${two(Math.floor((whole % HOUR) / MINUTE))} min`;
  return `${Math.floor(whole / DAY)} d ${Math.floor((whole % DAY) / HOUR)} h`;
}

export function milliseconds(seconds) {
  if (seconds == null) return "–";
  return seconds < 1 ? `${number(seconds * 1000)} ms` : `${number(seconds)} s`;
}

export function bytes(value) {
  if (value == null) return "–";
  return value < 2 ** 30 ? `${number(value / 2 ** 20)} MB` : `${number(value / 2 ** 30)} GB`;
}

// Digits behind the point beyond which numbers are no longer told apart.
const MOST_DIGITS = 12;

/** Digits behind the point that multiples of `step` need, at most as many as floating point keeps. */
function digits(step) {
  if (!(step > 0)) return 0;
  const enough = (count) => Math.abs(step * 10 ** count - Math.round(step * 10 ** count)) < 1e-6 * step * 10 ** count;
  let count = 0;
  while (count < MOST_DIGITS && !enough(count)) count += 1;
  return count;
}

/**
 * A number at an axis whose marks are `step` apart, so that neighbors differ; without a step, as at a logarithmic axis,
 * with four digits. No zeros behind the point that say nothing, and millions in short.
 */
export function tick(value, step = 0) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${plain(value / 1e6, step / 1e6)}M`;
  if (size !== 0 && size < 1e-4) {
    const more = step > 0 ? Math.max(0, Math.floor(Math.log10(size)) + digits(step)) : 0;
    return signed(value.toExponential(Math.min(more, MOST_DIGITS)));
  }
  return plain(value, step);
}

function plain(value, step) {
  const shown = step > 0 ? Number(value.toFixed(digits(step))) : Number(value.toPrecision(4));
  return signed(shown.toLocaleString("en", { maximumFractionDigits: MOST_DIGITS }));
}

export function millisecondTick(seconds, step = 0) {
  return tick(seconds * 1000, step * 1000);
}

export function shareTick(value, step = 0) {
  return `${tick(value * 100, step * 100)}%`;
}

const minute = { hour: "2-digit", minute: "2-digit", hour12: false };
const day = { month: "short", day: "numeric" };

/** Labels of a time axis whose marks are `step` seconds apart. */
export function timeTick(seconds, step) {
  const date = new Date(seconds * 1000);
  if (step >= DAY) return date.toLocaleDateString("en", day);
  return date.toLocaleTimeString("en", step < MINUTE ? { ...minute, second: "2-digit" } : minute);
}

/** A time as "14:02", with its date if it is not of the last 20 hours. */
export function clock(seconds) {
  const date = new Date(seconds * 1000);
  const recent = Math.abs(Date.now() - date) < 20 * HOUR * 1000;
  return recent ? date.toLocaleTimeString("en", minute) : date.toLocaleString("en", { ...day, ...minute });
}
