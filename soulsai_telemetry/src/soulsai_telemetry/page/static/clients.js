// The table of clients. On a phone each row becomes a small card.

import { clock, count, duration, element, number } from "./text.js";

// Seconds without a heartbeat after which a client is shown as lost.
const LOST = 15;

export function showClients({ clients, time }) {
  const here = clients.filter((client) => !lost(client)).length;
  document.getElementById("clients-note").textContent = clients.length > here ? `${here} present, ${clients.length - here} lost within the last hour` : "";
  if (clients.length) document.getElementById("clients").replaceChildren(...clients.map((client) => row(client, time)));
}

export function lost(client) {
  return client.silent >= LOST;
}

function row(client, time) {
  const rejected = Object.entries(client.rejected);
  const total = rejected.reduce((sum, [, n]) => sum + n, 0);
  const warnings = [
    client.restarts ? `environment restarts: ${count(client.restarts)}` : "",
    client.dropped ? `steps not sent: ${count(client.dropped)}` : "",
  ].filter(Boolean);
  const cells = [
    [null, element("b", {}, client.host), element("small", {}, client.id),
      ...(warnings.length ? [element("small", { class: "flag" }, warnings.join(", "))] : [])],
    ["Since", duration(time - client.since), element("small", {}, clock(client.since))],
    ["Steps/s", number(client.steps_per_second)],
    ["Episodes", count(client.episodes)],
    ["Return", number(client.last_return)],
    ["Admitted", count(client.admitted)],
    ["Rejected", count(total), ...rejected.map(([reason, n]) => element("small", { class: "flag" }, `${count(n)} ${reason}`))],
    ["Last seen", lost(client) ? `${duration(client.silent)} ago` : client.silent == null ? "–" : "now"],
  ];
  const made = cells.map(([label, ...parts], i) => element("td", { "data-label": label, class: i > 1 ? "n" : null }, ...parts));
  return element("tr", { class: lost(client) ? "gone" : null, "data-client": client.id }, ...made);
}
