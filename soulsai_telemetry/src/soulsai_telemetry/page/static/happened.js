// What happened in the run, as a list; and the marks that the charts have for it.

import { get, unlessGone } from "./api.js";
import { $, element } from "./dom.js";
import { KINDS } from "./markers.js";
import { clock, count } from "./text.js";

// Newest events in the list.
const SHOWN = 100;

/** Loads the events when there are new ones, shows them, and gives them to the groups of charts. */
export class Happened {
  constructor(groups) {
    this.groups = groups;
    this.known = -1;
  }

  async update(number) {
    if (number === this.known) return;
    this.known = number;
    const answer = await unlessGone(get("api/happened"));
    if (!answer) return;
    const { events } = answer;
    this.groups.forEach((group) => group.mark(events));
    this.showKeys(events);
    const rows = events.slice(-SHOWN).reverse().map((event) => element("li", {},
      element("time", { datetime: new Date(event.time * 1000).toISOString() }, clock(event.time)), " ",
      element("span", { class: `sign sign-${event.kind}`, "aria-hidden": "true" }, KINDS[event.kind]?.sign ?? "•"), " ", event.text,
      element("small", {}, ` episode ${count(event.episode)}, step ${count(event.step)}`)));
    if (rows.length) $("happened").replaceChildren(...rows);
  }

  showKeys(events) {
    const kinds = [...new Set(events.map((event) => event.kind))].filter((kind) => KINDS[kind]);
    $("marks").replaceChildren(...kinds.map((kind) => element("span", { class: "mark-key" },
      element("span", { class: `sign sign-${kind}`, "aria-hidden": "true" }, KINDS[kind].sign), ` ${KINDS[kind].text}`)));
  }
}
