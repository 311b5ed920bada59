// The runs next to this one: a list, and the choice of those whose lines are drawn as well.

import { get } from "./api.js";
import { $, element } from "./dom.js";
import { clock, count, duration, number } from "./text.js";

// Lines of other runs that can still be told apart.
const MOST = 5;
const REFRESH = 15_000;

export class Runs {
  constructor(compare) {
    this.compare = compare;
    this.chosen = [];
    $("runs-box").addEventListener("toggle", () => this.refresh());
    setInterval(() => this.refresh(), REFRESH);
  }

  async refresh() {
    if (!$("runs-box").open || document.hidden) return;
    const { runs } = await get("api/runs").catch(() => ({ runs: [] }));
    const focused = document.activeElement?.value;
    const rows = runs.map((run) => this.row(run));
    if (rows.length) $("runs").replaceChildren(...rows);
    if (focused) $("runs").querySelector(`input[value="${CSS.escape(focused)}"]`)?.focus();
  }

  row(run) {
    const input = element("input", { type: "checkbox", value: run.name, "aria-label": `Compare ${run.name}` });
    input.checked = this.chosen.includes(run.name);
    input.disabled = run.shown || (!input.checked && this.chosen.length >= MOST);
    input.addEventListener("change", () => this.choose(run.name, input.checked));
    const color = this.chosen.indexOf(run.name) + 1;
    const name = [element("b", {}, run.name), element("small", {}, [run.environment, run.algorithm, run.seed == null ? "" : `seed ${run.seed}`].filter(Boolean).join(", "))];
    if (run.page?.startsWith("http")) name.push(element("small", {}, element("a", { href: run.page, rel: "noreferrer" }, "its page")));
    const cells = [
      ["Compare", run.shown ? element("span", { class: "muted" }, "this run") : element("label", { class: "check" }, input, ...(color ? [element("span", { class: `key other other-${color}` }, "drawn")] : []))],
      [null, ...name],
      ["State", run.state || "–"],
      ["Episodes", count(run.episodes)],
      ["Steps", count(run.steps)],
      ["Trained for", duration(run.elapsed)],
      [run.metric ? `Mean ${run.metric}` : "Mean", number(run.average), ...(run.window ? [element("small", {}, `of the last ${count(run.window)}`)] : [])],
      ["Best saved", number(run.best)],
      ["Last report", run.time == null ? "–" : clock(run.time)],
    ];
    return element("tr", {}, ...cells.map(([label, ...parts], i) => element(i === 1 ? "th" : "td",
      { "data-label": label, class: i > 2 ? "n" : null, scope: i === 1 ? "row" : null }, ...parts)));
  }

  async choose(name, wanted) {
    this.chosen = wanted ? [...this.chosen, name].slice(0, MOST) : this.chosen.filter((other) => other !== name);
    await this.compare(this.chosen);
    await this.refresh();
  }
}
