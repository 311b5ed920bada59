// Follows the server's events, and notices when none come.

import { $, element } from "./dom.js";
import { showPill } from "./summary.js";
import { clock } from "./text.js";

// Milliseconds without a state after which what is shown is out of date.
const STALE = 15_000;

/** Calls `handlers`: event -> function of its value. `last()` gives the state that is shown. */
export function follow(handlers, last) {
  const events = new EventSource("api/events");
  let heard = Date.now();
  for (const [name, act] of Object.entries(handlers)) {
    events.addEventListener(name, (event) => {
      heard = Date.now();
      if (name === "state" || name === "hello") showLost(null);
      // A server that is gone again is noticed by `onerror`.
      Promise.resolve(act(JSON.parse(event.data))).catch((error) => console.info(error.message));
    });
  }
  events.onerror = () => showLost(heard, last());
  setInterval(() => last()?.live && Date.now() - heard > STALE && showLost(heard, last()), 1000);
}

/** Say that nothing comes since `since`, in milliseconds; null: all is well. The end of a run stays what it is. */
function showLost(since, state) {
  const over = state && !state.live;
  document.body.classList.toggle("stale", Boolean(since) && !over);
  $("connection").hidden = !since;
  if (!since) return;
  if (!over) showPill("warn", `no connection since ${clock(since / 1000)}`);
  const text = over
    ? "The server of this page has ended. The end of the run stays here; this opens the page again: "
    : `The server of this page has not answered since ${clock(since / 1000)}. What you see is from then; it is tried again. Later this opens the run: `;
  $("connection").replaceChildren(text, element("code", {}, `soulsai telemetry --run-folder ${document.body.dataset.folder ?? "saves"}`));
}
