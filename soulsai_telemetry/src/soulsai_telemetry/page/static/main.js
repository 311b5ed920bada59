// Puts the page together: loads what there is, then listens to what is new.

import { Group } from "./charts.js";
import { clock, count, duration, element, millisecondTick, milliseconds, number } from "./text.js";
import { offerSaving } from "./saving.js";
import { lost, showClients } from "./clients.js";

const $ = (id) => document.getElementById(id);
const POINTS = 800;
const MOST_POINTS = 2400;
const AXES = { episode: "Episodes", step: "Steps", time: "Time" };
const RANGES = { all: "All", half: "Last half", tenth: "Last tenth" };

let run = null;
let names = [];
let curves = {};
let vitals = {};
let range = "all";
let loading = 0;

const metrics = new Group($("metrics"), {
  height: 230,
  changed: (from) => { range = from == null ? "all" : ""; mark("range", range); loadHistory(); },
  describe: (name) => ({
    title: name, unit: number, raw: true,
    drawn: `points: each episode; line: mean of the last ${run?.window ?? ""}`,
  }),
});

const VITALS = {
  rate: { title: "Samples per second", unit: number, pair: true,
    drawn: element("span", {}, element("b", {}, "admitted"), "  ", element("b", { class: "second" }, "rejected")) },
  "learner.update_seconds": { title: "Update time", unit: milliseconds, ticks: millisecondTick, drawn: "of one model iteration" },
  age: { title: "Age of samples", unit: number, drawn: "model iterations between acting and learning" },
};

/** The charts of the training node share a time axis. */
function timed(id, describe) {
  const group = new Group($(id), { height: 150, changed: (from, to) => showVitals(from, to), describe });
  group.axis = "time";
  return group;
}

const node = timed("vitals", (name) => VITALS[name]);
const learner = timed("learner", (name) => ({ title: name.replace("learner.", "").replaceAll("_", " "), unit: number, drawn: "" }));

async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

// -- curves

async function loadHistory() {
  const mine = ++loading;
  follow();
  const answer = await get(`api/history?axis=${metrics.axis}&points=${POINTS}${part(metrics)}`);
  if (mine !== loading) return;
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

/** "Last half" moves on with the run. */
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
  if (metrics.shown[1] != null) return; // a part that was chosen stays as it is
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
  if (Object.values(curves).some((c) => c.x.length > MOST_POINTS)) loadHistory();
  else {
    follow();
    drawMetrics();
  }
}

// -- the training node

async function loadVitals() {
  const answer = await get(`api/vitals?axis=time&points=400${part(node)}`);
  vitals = answer.metrics;
  node.extent = learner.extent = answer.extent;
  drawVitals();
}

function showVitals(from, to) {
  node.shown = learner.shown = [from, to];
  loadVitals();
}

function drawVitals() {
  if (!vitals.admitted?.x.length) return;
  const drawn = Object.fromEntries(Object.keys(vitals).map((name) => [name, steady(vitals[name])]));
  drawn.rate = { ...steady(vitals.admitted), second: vitals.rejected.average };
  node.draw(Object.keys(VITALS), drawn);
  const reported = Object.keys(vitals).filter((name) => name.startsWith("learner.") && !VITALS[name]);
  $("learner-box").hidden = !reported.length;
  if ($("learner-box").open) learner.draw(reported, drawn);
}

/** Only the line: raw points would repeat it. */
function steady(c) {
  const none = c.x.map(() => null);
  return { x: c.x, mean: none, low: none, high: none, average: c.average };
}

function addVitals(state) {
  if (!state.alive || node.shown[1] != null) return;
  node.extent[1] = learner.extent[1] = state.time;
  const { status } = state;
  const values = { admitted: state.rates[0], rejected: state.rates[1], age: status.age.iterations };
  for (const [name, value] of Object.entries(status.learner)) values[`learner.${name}`] = value;
  for (const [name, value] of Object.entries(values)) {
    const c = vitals[name];
    if (!c || c.x.at(-1) >= state.time) continue;
    for (const column of [c.mean, c.low, c.high, c.average]) column.push(value);
    c.x.push(state.time);
  }
  if (!vitals.admitted || vitals.admitted.x.length > 1000) loadVitals();
  else drawVitals();
}

// -- at a glance

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
  addVitals(state);
}

function showPill({ alive, status }) {
  if (!status) return pill("", "waiting for the training node");
  if (alive) return pill("good", `running for ${duration(status.elapsed)}`);
  return status.state === "running" ? pill("bad", "training node is silent") : pill("", "training has ended");
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
    ["Age of samples", `${number(status.age.iterations)}`, "iterations"],
  ];
  $("facts").replaceChildren(...facts.map(([name, value, note]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value, ...(note ? [" ", element("small", {}, note)] : [])))));
}

function showBest({ best, saved }) {
  if (!best) return;
  $("best-score").textContent = number(best.score);
  const kept = saved ? `Saved ${number(saved.score)} in ${saved.path.split(/[\\/]/).pop()}/ at ${clock(saved.time)}` : "Not saved yet";
  $("best-note").textContent = `mean ${best.metric} at episode ${count(best.episode)}. ${kept}.`;
}

function showGoal(status) {
  $("goal").hidden = !status?.goal_env_steps;
  if (!status?.goal_env_steps) return;
  const share = Math.min(100, (100 * status.env_steps) / status.goal_env_steps);
  $("goal-bar").style.width = `${share}%`;
  $("goal-bar").parentElement.setAttribute("aria-valuenow", share.toFixed(0));
  const left = (status.goal_env_steps - status.env_steps) / status.steps_per_second;
  const rest = status.steps_per_second > 0 && left > 0 ? `, about ${duration(left)} to go` : "";
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
  box.textContent = lines.join("\n") || "No lines here.";
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
  $("theme").setAttribute("aria-label", `Colours: ${description}`);
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
$("learner-box").addEventListener("toggle", drawVitals);
$("log-name").addEventListener("change", loadLog);
$("log-box").addEventListener("toggle", () => $("log-box").open && loadLog());
setInterval(() => $("log-box").open && !document.hidden && loadLog(), 3000);

// -- beginning

async function load() {
  run = await get("api/run");
  document.title = `${run.environment} · SoulsAI`;
  $("environment").textContent = run.environment || run.run_id;
  $("run-id").textContent = [run.algorithm, run.run_id].filter(Boolean).join(" · ");
  $("config").textContent = lines(run.config).join("\n");
  offerSaving(run.writable);
  await loadHistory();
  await loadVitals();
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
