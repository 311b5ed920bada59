// The table of clients. On a phone each row becomes a small card.

import { $, element, rich, setText } from "./dom.js";
import { clock, count, counted, duration, milliseconds, number, perSecond, share } from "./text.js";

// Seconds without a heartbeat after which a client is shown as lost.
const LOST = 15;

export function lost(client) {
  return client.silent >= LOST;
}

export function showClients(state) {
  const { clients, health } = state;
  const live = Boolean(health?.live);
  const here = clients.filter((client) => !lost(client)).length;
  const gone = clients.length - here;
  setText($("clients-note"), !live && clients.length ? "as they were when the training node last reported" : gone ? `${count(here)} present, ${count(gone)} lost within the last hour` : "");
  const admitted = clients.reduce((sum, client) => sum + client.admitted, 0);
  const rows = clients.map((client) => row(client, state, admitted, live));
  if (clients.length) $("clients").replaceChildren(...rows);
  showInvitation(state);
}

/** What each contributor has contributed; nothing if nobody was invited. */
export function showContributors({ contributors }) {
  $("contributors-box").hidden = !contributors?.length;
  if (!contributors?.length) return;
  const samples = contributors.reduce((sum, found) => sum + found.samples, 0);
  $("contributors").replaceChildren(...contributors.map((found) => {
    const cells = [
      [null, element("b", {}, found.name)],
      ["Since", found.since == null ? "–" : clock(found.since)],
      ["Clients now", count(found.clients)],
      ["Samples", count(found.samples)],
      ["Share", samples ? share(found.samples / samples) : "–"],
      ["Time", duration(found.seconds)],
      ["Episodes", count(found.episodes)],
      ["Return", number(found.mean_return)],
      ["Best", number(found.best)],
      ["Rejected", count(found.rejected)],
    ];
    return element("tr", {}, ...cells.map(([label, ...parts], i) => element(i ? "td" : "th",
      { "data-label": label, class: i > 1 ? "n" : null, scope: i ? null : "row" }, ...parts)));
  }));
}

/** How to start another client, while the training goes on. */
function showInvitation({ health, status }) {
  $("invite").hidden = !health?.live || !status.join;
  if ($("invite").hidden) return;
  const parts = ["On this machine, or on one that reaches its server: ", element("code", {}, status.join), ". ",
    ...rich("For a player elsewhere make an invitation with soulsai invite NAME; the line that it prints starts their client.")];
  if (!$("invite-text").hasChildNodes()) $("invite-text").append(...parts);
}

function row(client, { time }, admitted, live) {
  const rejected = Object.entries(client.rejected);
  const total = rejected.reduce((sum, [, n]) => sum + n, 0);
  const gone = lost(client) || !live;
  const warnings = [
    client.restarts ? `${counted(client.restarts, "restart")} of the environment` : "",
    client.dropped ? `${counted(client.dropped, "step")} not sent` : "",
  ].filter(Boolean);
  const names = [client.id, client.version && `version ${client.version}`].filter(Boolean).join(", ");
  const cells = [
    [null, element("b", {}, client.host), element("small", {}, names),
      ...(warnings.length ? [element("small", { class: "flag" }, `! ${warnings.join(", ")}`)] : [])],
    ["Since", clock(client.since), element("small", {}, duration(time - client.since))],
    ["Speed", gone ? "–" : perSecond(client.steps_per_second)],
    ["Share", admitted ? share(client.admitted / admitted) : "–"],
    ["Episodes", count(client.episodes)],
    ["Return", number(client.last_return)],
    ["Admitted", count(client.admitted)],
    ["Rejected", count(total), ...rejected.map(([reason, n]) => element("small", { class: "flag" }, `! ${count(n)} ${reason}`))],
    ["Latency", gone || !client.latency ? "–" : milliseconds(client.latency)],
    ["Last seen", client.silent == null ? "–" : gone ? clock(time - client.silent) : "now"],
  ];
  const made = cells.map(([label, ...parts], i) => element(i ? "td" : "th",
    { "data-label": label, class: i > 1 ? "n" : null, scope: i ? null : "row" }, ...parts));
  return element("tr", { class: gone ? "gone" : null, "data-client": client.id }, ...made);
}
