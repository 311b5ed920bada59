// Builds the page: loads the history of the run, then follows the server's events.

import { Group } from "./charts.js";
import { clock, count, duration, element, millisecondTick, milliseconds, number } from "./text.js";
import { offerSaving } from "./saving.js";
import { lost, showClients } from "./clients.js";

const $ = (id) => document.getElementById(id);
// Points of a curve that are loaded; with more than MAX_POINTS after new episodes, the history is loaded again.
const POINTS = 800;
const MAX_POINTS = 2400;
const STATUS_POINTS = 400;
const MAX_STATUS_POINTS = 1000;
const AXES = { episode: "Episodes", step: "Steps", time: "Time" };
const RANGES = { all: "All", half: "Last half", tenth: "Last tenth" };

let run = null;
let names = [];
let curves = {};
let statusCurves = {};
let range = "all";
let loading = 0; // number of the newest request for the history; answers to older ones are ignored

const metrics = new Group($("metrics"), {
  height: 230,
  changed: (from) => { range = from == null ? "all" : ""; mark("range", range); loadHistory(); },
  describe: (name) => ({
    title: name, unit: number, raw: true,
    legend: `points: episodes; line: mean of the last ${run?.window ?? ""}`,
  }),
});

const STATUS_CHARTS = {
  rate: { title: "Environment steps per second", unit: number, pair: true,
    legend: element("span", {}, element("b", {}, "admitted"), "  ", element("b", { class: "second" }, "rejected")) },
  "learner.update_seconds": { title: "Update time", unit: milliseconds, ticks: millisecondTick, legend: "of one model iteration" },
  staleness: { title: "Staleness", unit: number, legend: "model iterations between acting and learning" },
};

/** A group of charts over time. */
function timeGroup(id, describe) {
  const group = new Group($(id), { height: 150, changed: (from, to) => zoomStatus(from, to), describe });
  group.axis = "time";
  return group;
}

const node = timeGroup("status-history", (name) => STATUS_CHARTS[name]);
const learner = timeGroup("learner", (name) => ({ title: name.replace("learner.", "").replaceAll("_", " "), unit: number, legend: "" }));

async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

// -- curves

async function loadHistory() {
  const request = ++loading;
  follow();
  const answer = await get(`api/history?axis=${metrics.axis}&points=${POINTS}${part(metrics)}`);
  if (request !== loading) return;
  curves = answer.metrics;
  metrics.extent = answer.extent;
  follow();
  drawMetrics();
}

function part({ shown: [from, to] }) {
  return (from == null ? "" : `&start=${from}`) + (to == null ? "" : `&end=${to}`);
}

function drawMetrics() {
  const all = names.length ? names : Object.keys(curves);
  metrics.draw([...all].sort((a, b) => (b === run?.best) - (a === run?.best)), curves);
}

/** Move the shown part on with the run, if it is the last half or the last tenth. */
function follow() {
  const share = { half: 0.5, tenth: 0.1 }[range];
  const [low, high] = metrics.extent;
  if (share && high > low) metrics.shown = [high - (high - low) * share, null];
}

function chooseRange(chosen) {
  range = chosen;
  metrics.shown = [null, null];
  return loadHistory();
}

function addEpisodes(records) {
  if (metrics.shown[1] != null) return; // a zoomed part stays as it is
  for (const record of records) {
    metrics.extent[1] = Math.max(metrics.extent[1], record[metrics.axis]);
    for (const [name, [value, average]] of Object.entries(record.values)) {
      const c = (curves[name] ??= { x: [], mean: [], low: [], high: [], average: [] });
      if (metrics.axis === "episode" && c.x.at(-1) >= record.episode) continue;
      c.x.push(record[metrics.axis]);
      c.mean.push(value);
      c.low.push(value);
      c.high.push(value);
      c.average.push(average);
    }
  }
  if (Object.values(curves).some((c) => c.x.length > MAX_POINTS)) loadHistory();
  else {
    follow();
    drawMetrics();
  }
}

// -- the training node

async function loadStatus() {
  const answer = await get(`api/status-history?axis=time&points=${STATUS_POINTS}${part(node)}`);
  statusCurves = answer.metrics;
  node.extent = learner.extent = answer.extent;
  drawStatus();
}

function zoomStatus(from, to) {
  node.shown = learner.shown = [from, to];
  loadStatus();
}

function drawStatus() {
  if (!statusCurves.admitted?.x.length) return;
  const drawn = Object.fromEntries(Object.keys(statusCurves).map((name) => [name, lineOnly(statusCurves[name])]));
  drawn.rate = { ...lineOnly(statusCurves.admitted), second: statusCurves.rejected.average };
  node.draw(Object.keys(STATUS_CHARTS), drawn);
  const reported = Object.keys(statusCurves).filter((name) => name.startsWith("learner.") && !STATUS_CHARTS[name]);
  $("learner-box").hidden = !reported.length;
  if ($("learner-box").open) learner.draw(reported, drawn);
}

/** The curve without raw points, which would repeat the line. */
function lineOnly(c) {
  const none = c.x.map(() => null);
  return { x: c.x, mean: none, low: none, high: none, average: c.average };
}

function addStatus(state) {
  if (!state.alive || node.shown[1] != null) return;
  node.extent[1] = learner.extent[1] = state.time;
  const { status } = state;
  const values = { admitted: state.rates[0], rejected: state.rates[1], staleness: status.staleness.iterations };
  for (const [name, value] of Object.entries(status.learner)) values[`learner.${name}`] = value;
  for (const [name, value] of Object.entries(values)) {
    const c = statusCurves[name];
    if (!c || c.x.at(-1) >= state.time) continue;
    for (const column of [c.mean, c.low, c.high, c.average]) column.push(value);
    c.x.push(state.time);
  }
  if (!statusCurves.admitted || statusCurves.admitted.x.length > MAX_STATUS_POINTS) loadStatus();
  else drawStatus();
}

// -- the summary

function showState(state) {
  names = state.metrics;
  showPill(state);
  showLead();
  showFacts(state);
  showBest(state);
  showGoal(state.status);
  showClients(state);
  const odd = Object.entries(state.reports).filter(([, n]) => n);
  $("reports").textContent = odd.length ? `Episode reports: ${odd.map(([kind, n]) => `${count(n)} ${kind}`).join(", ")}` : "";
  showLogNames(state.logs);
  addStatus(state);
}

function showPill({ alive, status }) {
  if (!status) return pill("", "waiting for the training node");
  if (alive) return pill("good", `running for ${duration(status.elapsed)}`);
  return status.state === "running" ? pill("bad", "training node does not report") : pill("", "training has ended");
}

function pill(kind, text) {
  $("state").className = `pill ${kind}`;
  if ($("state").textContent !== text) $("state").textContent = text;
}

function showLead() {
  const curve = curves[run.best];
  $("lead-name").textContent = run.best;
  const last = metrics.shown[1] == null ? curve?.average.at(-1) : undefined;
  if (last != null) $("lead").textContent = number(last);
  $("lead-note").textContent = `mean of the last ${run.window} episodes`;
}

function showFacts(state) {
  const { status } = state;
  if (!status) return;
  const rejected = Object.values(status.rejected).reduce((a, b) => a + b, 0);
  const facts = [
    ["Episodes", count(state.episodes)],
    ["Environment steps", count(status.env_steps)],
    ["Steps per second", count(state.rates[0])],
    ["Clients", count(state.clients.filter((client) => !lost(client)).length)],
    ["Model iteration", count(status.iteration), `${number(status.iterations_per_second)}/s`],
    ["Update time", milliseconds(status.learner.update_seconds)],
    ["Admitted", `${(status.acceptance * 100).toFixed(rejected ? 1 : 0)} %`],
    ["Staleness", number(status.staleness.iterations), "iterations"],
  ];
  $("facts").replaceChildren(...facts.map(([name, value, note]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value, ...(note ? [" ", element("small", {}, note)] : [])))));
}

function showBest({ best, saved }) {
  if (!best) return;
  $("best-score").textContent = number(best.score);
  const savedNote = saved ? `Saved ${number(saved.score)} in ${saved.path.split(/[\\/]/).pop()}/ at ${clock(saved.time)}` : "Not saved yet";
  $("best-note").textContent = `mean ${best.metric} at episode ${count(best.episode)}. ${savedNote}.`;
}

function showGoal(status) {
  $("goal").hidden = !status?.goal_env_steps;
  if (!status?.goal_env_steps) return;
  const share = Math.min(100, (100 * status.env_steps) / status.goal_env_steps);
  $("goal-bar").style.width = `${share}%`;
  $("goal-bar").parentElement.setAttribute("aria-valuenow", share.toFixed(0));
  const left = (status.goal_env_steps - status.env_steps) / status.steps_per_second;
  const rest = status.steps_per_second > 0 && left > 0 ? `, about ${duration(left)} left` : "";
  $("goal-note").textContent = `${share.toFixed(0)} % of ${count(status.goal_env_steps)} steps${rest}`;
}

// -- log and configuration

function showLogNames(logs) {
  const select = $("log-name");
  if ([...select.options].map((o) => o.value).join() === logs.join()) return;
  const chosen = select.value || (logs.includes("training-node") ? "training-node" : logs[0]);
  select.replaceChildren(...logs.map((name) => element("option", { value: name }, name)));
  if (logs.includes(chosen)) select.value = chosen;
  if ($("log-box").open) loadLog();
}

async function loadLog() {
  const box = $("log");
  const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
  const { lines } = await get(`api/log?name=${encodeURIComponent($("log-name").value)}`);
  box.textContent = lines.join("\n") || "This log is empty.";
  if (atEnd) box.scrollTop = box.scrollHeight;
}

/** Nested settings as YAML-like lines. */
function lines(value, indent = "") {
  return Object.entries(value).flatMap(([key, inner]) => {
    const nested = inner && typeof inner === "object" && !Array.isArray(inner) && Object.keys(inner).length;
    return nested ? [`${indent}${key}:`, ...lines(inner, `${indent}  `)] : [`${indent}${key}: ${JSON.stringify(inner)}`];
  });
}

// -- controls

function choice(id, options, chosen, change) {
  for (const [value, text] of Object.entries(options)) {
    const input = element("input", { type: "radio", name: id, value, checked: value === chosen ? "" : null });
    input.addEventListener("change", () => change(value));
    $(id).append(element("label", {}, input, element("span", {}, text)));
  }
}

function mark(id, value) {
  for (const input of $(id).querySelectorAll("input")) input.checked = input.value === value;
}

function chooseAxis(axis) {
  metrics.setAxis(axis);
  mark("range", range || "all");
  chooseRange(range || "all");
}

const THEMES = { "": ["Auto", "as the system"], light: ["Light", "light"], dark: ["Dark", "dark"] };

function showTheme() {
  const [text, description] = THEMES[document.documentElement.dataset.theme ?? ""];
  $("theme").textContent = text;
  $("theme").setAttribute("aria-label", `Colors: ${description}`);
}

$("theme").addEventListener("click", () => {
  const order = Object.keys(THEMES);
  const next = order[(order.indexOf(document.documentElement.dataset.theme ?? "") + 1) % order.length];
  if (next) document.documentElement.dataset.theme = next;
  else delete document.documentElement.dataset.theme;
  localStorage.setItem("theme", next);
  showTheme();
  [metrics, node, learner].forEach((group) => group.rebuild());
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => [metrics, node, learner].forEach((group) => group.rebuild()));
$("learner-box").addEventListener("toggle", drawStatus);
$("log-name").addEventListener("change", loadLog);
$("log-box").addEventListener("toggle", () => $("log-box").open && loadLog());
setInterval(() => $("log-box").open && !document.hidden && loadLog(), 3000);

// -- start

async function load() {
  run = await get("api/run");
  document.title = `${run.environment} · SoulsAI`;
  $("environment").textContent = run.environment || run.run_id;
  $("run-id").textContent = [run.algorithm, run.run_id].filter(Boolean).join(" · ");
  $("config").textContent = lines(run.config).join("\n");
  offerSaving(run.writable);
  await loadHistory();
  await loadStatus();
  showState(await get("api/state"));
}

function listen() {
  const events = new EventSource("api/events");
  const on = (name, act) => events.addEventListener(name, (event) => act(JSON.parse(event.data)));
  on("hello", ({ run_id: runId }) => (run && runId !== run.run_id ? location.reload() : load()));
  on("state", (state) => run && showState(state));
  on("episodes", (records) => run && addEpisodes(records));
  on("reload", () => run && loadHistory());
  on("stopped", () => pill("", "training has ended"));
  events.onerror = () => pill("bad", "no connection");
}

choice("axis", AXES, "episode", chooseAxis);
choice("range", RANGES, "all", chooseRange);
showTheme();
listen();
