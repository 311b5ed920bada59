// The settings that can be changed while the run goes on, what was changed, and how to undo it.

import { $, element, rich, setText } from "./dom.js";
import { post, withToken } from "./token.js";
import { clock, count } from "./text.js";

const known = { names: "", values: new Map(), changes: "", chosen: "" };

/** A value as it is written in a setting. */
function written(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The settings below a section one by one: ["a.b", value]. */
function leaves(values, above = "") {
  return Object.entries(values).flatMap(([key, value]) =>
    value && typeof value === "object" && !Array.isArray(value) ? leaves(value, `${above}${key}.`) : [[`${above}${key}`, value]]);
}

/** The change that an undo takes back; null if there is none. */
function newest(changes) {
  let undone = 0;
  for (const change of changes.toReversed()) {
    if (change.undoes) undone += 1;
    else if (undone) undone -= 1;
    else return change;
  }
  return null;
}

export function showSettings(run, { live, status, health }) {
  const settings = leaves(status?.live_settings ?? {});
  const changes = status?.changes ?? [];
  const running = live && health?.state !== "stopping";
  $("settings-box").hidden = !settings.length && !changes.length;
  $("settings-form").hidden = !(run.writable && status?.changes_from_page && running);
  showHow(run, status, running);
  known.values = new Map(settings);
  const names = settings.map(([name]) => name).join();
  if (names !== known.names) {
    known.names = names;
    const chosen = $("setting-name").value;
    $("setting-name").replaceChildren(...settings.map(([name]) => new Option(name, name, false, name === chosen)));
  }
  showValue();
  showChanges(changes);
}

function showHow(run, status, running) {
  let how = "Counts from the next update on, is recorded in the run's folder, and is kept when the run is resumed.";
  if (!running) how = "The run does not go on, so that its settings stay as they are.";
  else if (!run.writable) how = "The page is read-only: it has no token (telemetry.config.page.token_file). In a terminal: soulsai set NAME=VALUE.";
  else if (!status.changes_from_page) how = "The page may not change settings: that needs training.changes_from_page=true. In a terminal: soulsai set NAME=VALUE.";
  if ($("settings-how").textContent !== how) $("settings-how").replaceChildren(...rich(how));
}

/** The value of the chosen setting now, which the field begins with. */
function showValue() {
  const name = $("setting-name").value;
  if (!known.values.has(name)) return;
  const now = written(known.values.get(name));
  setText($("setting-now"), `now ${now}`);
  if (name !== known.chosen) $("setting-value").value = now;
  known.chosen = name;
}

function showChanges(changes) {
  const last = newest(changes);
  $("undo").hidden = !last || $("settings-form").hidden;
  const text = JSON.stringify(changes);
  if (text === known.changes || !changes.length) return;
  known.changes = text;
  if (last) setText($("undo"), `Undo: ${last.name.replace(/^(algorithm\.config|training)\./, "")} back to ${written(last.before)}`);
  $("changes").replaceChildren(...changes.toReversed().map((change) => element("li", {},
    element("time", { datetime: new Date(change.time * 1000).toISOString() }, clock(change.time)), ` ${change.name}: `,
    element("b", {}, `${written(change.before)} → ${written(change.after)}`), change.undoes ? " (undo)" : "",
    element("small", {}, ` by ${change.origin}, step ${count(change.env_steps)}`))));
}

async function send(button, path, body) {
  const answer = await post(button, path, body);
  if (!answer) return;
  $("settings-answer").className = answer.ok ? "good" : "bad";
  $("settings-answer").hidden = false;
  setText($("settings-answer"), answer.detail.replaceAll(" -> ", " → "));
}

$("setting-name").addEventListener("change", showValue);
$("settings-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const setting = `${$("setting-name").value}=${$("setting-value").value.trim()}`;
  withToken($("setting-change"), () => send($("setting-change"), "api/settings", { settings: [setting] }));
});
$("undo").addEventListener("click", () => withToken($("undo"), () => send($("undo"), "api/settings/undo", {})));
