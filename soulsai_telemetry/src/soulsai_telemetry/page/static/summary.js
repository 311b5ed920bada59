// What is seen at first: the state and what to do next, the newest mean, facts, the best model, the goal.

import { lost } from "./clients.js";
import { $, element, rich, setText } from "./dom.js";
import { clock, count, counted, duration, milliseconds, number, perSecond, share } from "./text.js";

const KINDS = { learning: "good", collecting: "good", waiting: "warn", rejecting: "warn", stuck: "bad", silent: "bad", killed: "bad", failed: "bad", finished: "done" };
const SINCE = ["silent", "killed", "finished", "failed"];
// Milliseconds between two announcements to a screen reader.
const ANNOUNCE = 10_000;

const announcement = { text: "", at: -ANNOUNCE, timer: null };

/** Say a change of the state to a screen reader, at most every ten seconds; of several only the last one. */
function announce(text) {
  if (text === announcement.text) return;
  announcement.text = text;
  const wait = announcement.at + ANNOUNCE - performance.now();
  clearTimeout(announcement.timer);
  announcement.timer = setTimeout(() => {
    announcement.at = performance.now();
    setText($("announced"), announcement.text);
  }, Math.max(0, wait));
}

export function showPill(kind, text) {
  $("state").className = `pill ${kind}`;
  setText($("state"), text);
  announce(text);
}

/** Everything that the state of the run says. */
export function showSummary(run, state) {
  showName(run, state.status);
  showHealth(run, state);
  showLead(run, state.lead);
  showFacts(state);
  showBest(run, state);
  showGoal(state);
}

function showName(run, status) {
  const seed = run.seed == null ? "" : `seed ${run.seed}`;
  const origin = status?.origin ? `began with ${status.origin}` : "";
  setText($("run-id"), [run.algorithm, run.run_id, seed, origin].filter(Boolean).join(" · "));
}

function showHealth(run, state) {
  const { health, live } = state;
  if (!health) {
    showPill(live ? "warn" : "", live ? "waiting for the training node" : "not running");
    showNotice([live ? [] : ["This run was not watched by telemetry, so that its curves are all there is."]]);
    return;
  }
  const when = SINCE.includes(health.state) ? ` ${health.state === "silent" ? "since" : "at"} ${clock(health.since)}` : "";
  showPill(KINDS[health.state] ?? "", `${health.label}${when}`);
  const said = health.conditions.map(({ sentence, advice }) => [element("strong", {}, sentence), " ", ...rich(advice)]);
  if (health.state === "finished") said.push(...ending(run, health, state));
  else if (!said.length && health.state !== "learning") said.push([health.sentence]);
  showNotice(said, KINDS[health.state]);
}

function ending(run, health, { lead, best, status }) {
  const result = lead ? ` The mean ${lead.metric} of the last ${counted(lead.values, "episode")} is ${number(lead.value)}.` : "";
  const model = `${run.folder}/${best ? "best_model" : "checkpoint"}`;
  const learned = !status || status.iteration > 0 || status.origin;
  const next = [
    ...(learned ? [["Measure what it has learned", `soulsai eval ${model}`], ["Watch it play", `soulsai play ${model}`]] : []),
    ["Resume", `soulsai train --resume ${run.folder}${further(status)}`],
    ["Open this page again", `soulsai telemetry --run-folder ${run.folder}`],
  ];
  return [
    [element("strong", {}, health.sentence), result, learned ? "" : " Nothing was learned: no update was made."],
    ["Last model: ", element("code", {}, `${run.folder}/checkpoint`)],
    best ? ["Best model: ", element("code", {}, `${run.folder}/best_model`)] : [],
    ...next.map(([what, command]) => [`${what}: `, element("code", {}, command)]),
  ];
}

/** The options without which a resumed training would end at once, since its goal is reached. */
function further({ beyond_goal: settings }) {
  return (settings ?? "").split(" ").filter(Boolean).map((setting) => ` --set ${setting}`).join("");
}

/** Show sentences below the title, each a list of texts and elements; nothing if there are none. */
function showNotice(sentences, kind = "") {
  const said = sentences.filter((parts) => parts.length);
  const text = said.map((parts) => parts.map((part) => part.textContent ?? part).join("")).join("\n");
  $("notice").hidden = !said.length;
  $("notice").className = `notice ${kind}`;
  // Only if it changes: a text that somebody selects must stay.
  if ($("notice").dataset.text === text) return;
  $("notice").dataset.text = text;
  $("notice").replaceChildren(...said.map((parts) => element("p", {}, ...parts)));
}

/** The newest mean: `value`, of so many `values`. */
export function showLead(run, lead) {
  setText($("lead-name"), run.best);
  setText($("lead"), lead ? (run.conditions[run.best] ? share(lead.value) : number(lead.value)) : "–");
  setText($("lead-note"), lead ? `mean of the last ${counted(lead.values, "episode")}` : "no episode has ended yet");
}

function showFacts(state) {
  const { status, health } = state;
  if (!status) return;
  const live = health.live;
  const judged = status.env_steps > 0 || Object.keys(status.rejected).length > 0;
  const here = state.clients.filter((client) => !lost(client)).length;
  const ago = status.activity?.checkpoint ?? (state.checkpoint && state.time - state.checkpoint.time);
  const saved = state.checkpoint?.time ?? (ago == null ? null : health.since - ago);
  const facts = [
    ["Episodes", count(state.episodes)],
    ["Environment steps", count(status.env_steps)],
    ["Steps per second", live ? perSecond(state.rates[0]) : "–"],
    ["Clients", live ? count(here) : "–"],
    ["Model iteration", count(status.iteration), live ? perSecond(status.iterations_per_second) : ""],
    ["Update time", milliseconds(status.learner.update_seconds)],
    ["Admitted", judged ? share(status.acceptance) : "–"],
    ["Staleness", judged ? number(status.staleness.iterations) : "–", judged ? "iterations" : ""],
    ["Trained for", duration(status.elapsed)],
    ["Last checkpoint", saved == null ? "–" : live ? `${duration(ago)} ago` : clock(saved)],
  ];
  $("facts").replaceChildren(...facts.map(([name, value, note]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value, ...(note ? [" ", element("small", {}, note)] : [])))));
}

function showBest(run, { best, highest, episodes }) {
  const format = run.conditions[run.best] ? share : number;
  const shown = run.saves_best ? best : highest;
  setText($("best-score"), shown ? format(shown.score) : "–");
  const evaluated = shown?.metric.startsWith("evaluation_");
  const window = evaluated ? `mean ${run.best} of an evaluation` : `mean ${run.best} of ${counted(run.window, "episode")}`;
  let note;
  if (!run.saves_best) note = `${window}; no model is saved, as telemetry.config.best.save says`;
  else if (best) {
    const folder = best.path.split(/[\\/]/).pop();
    note = `${window}, at episode ${count(best.episode)}. Saved in ${folder}/ at ${clock(best.time)}.`;
    const other = highest?.metric === best.metric && format(highest.score) !== format(best.score);
    if (other) note += ` Between two saves the mean was ${format(highest.score)} (episode ${count(highest.episode)}).`;
  } else if (highest) note = `The ${window} was ${format(highest.score)} at best; that model is not saved yet.`;
  else note = `None yet: it needs ${counted(run.window, "episode")}, and ${count(episodes)} have ended.`;
  setText($("best-note"), note);
}

function showGoal({ status, health }) {
  const done = status?.share_done ?? (status?.goal_env_steps ? Math.min(1, status.env_steps / status.goal_env_steps) : null);
  $("goal").hidden = done == null;
  if (done == null) return;
  $("goal-bar").style.width = `${done * 100}%`;
  $("goal-bar").parentElement.setAttribute("aria-valuenow", Math.floor(done * 100));
  const left = status.seconds_left;
  const rest = health.live && left > 0 ? `, about ${duration(left)} left` : "";
  const goal = status.goal_env_steps ? ` of ${count(status.goal_env_steps)} steps` : " of the goal";
  setText($("goal-note"), `${share(done)}${goal}${rest}`);
}
