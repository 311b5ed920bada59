// The values of a chart as a table, for those who cannot see it.

import { element } from "./dom.js";
import { clock, count } from "./text.js";

// Rows of the table: enough to see the course of a curve.
const ROWS = 20;

/** Fill the box with a table of the part of the curve that the card shows. */
export function fillTable(box, card) {
  const { format, line, raw, second } = card.description;
  const { x, mean, low, high, average, second: other } = card.columns;
  const [from, to] = card.group.shown;
  const inside = x.map((value, i) => i).filter((i) => average[i] != null && (from == null || x[i] >= from) && (to == null || x[i] <= to));
  const step = Math.max(1, Math.ceil(inside.length / ROWS));
  const chosen = inside.filter((_, i) => i % step === step - 1 || i === inside.length - 1);
  const axis = { episode: "Episode", step: "Step", time: "Time" }[card.group.axis];
  const heads = [axis, line, ...(second ? [second] : []), ...(raw ? ["value", "lowest", "highest"] : [])];
  const place = card.group.axis === "time" ? clock : count;
  const rows = chosen.map((i) => {
    const values = [average[i], ...(second ? [other[i]] : []), ...(raw ? [mean[i], low[i], high[i]] : [])];
    return element("tr", {}, element("th", { scope: "row" }, place(x[i])),
      ...values.map((value) => element("td", { class: "n" }, value == null ? "–" : format(value))));
  });
  box.replaceChildren(element("table", {},
    element("caption", { class: "hidden" }, `${card.description.title}: ${count(chosen.length)} of ${count(inside.length)} points`),
    element("thead", {}, element("tr", {}, ...heads.map((head, i) => element("th", { scope: "col", class: i ? "n" : null }, head)))),
    element("tbody", {}, ...rows)));
}
