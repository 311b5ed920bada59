// Builds the page: loads the run, then follows the server's events.

import { get } from "./api.js";
import { showSettings } from "./changing.js";
import { showClients, showContributors } from "./clients.js";
import { offerColors } from "./colors.js";
import { $, setText } from "./dom.js";
import { showConfig, showLogNames } from "./files.js";
import { showFilms } from "./films.js";
import { Happened } from "./happened.js";
import { Learning } from "./learning.js";
import { follow } from "./live.js";
import { showMachine } from "./machine.js";
import { NodeCharts } from "./node_charts.js";
import { Runs } from "./runs.js";
import { offerSaving } from "./saving.js";
import { showLead, showSummary } from "./summary.js";
import { count } from "./text.js";

const learning = new Learning(showNewest);
const node = new NodeCharts();
const groups = [learning.group, ...node.groups];
const happened = new Happened(groups);
new Runs((names) => learning.compare(names));
offerColors(() => groups.forEach((group) => group.rebuild()));

let run = null;
let state = null;

function show(next) {
  state = next;
  learning.names = state.metrics;
  showSummary(run, state);
  showNewest();
  showClients(state);
  showContributors(state);
  showMachine(state);
  showReports(state.reports);
  showSettings(run, state);
  showLogNames(state.logs);
  happened.update(state.happened);
  node.add(state);
}

/** The headline is the last point of the curve, whenever that changes. */
function showNewest() {
  if (!state?.lead || learning.newest == null) return;
  const values = Math.min(run.window, Math.max(state.lead.values, learning.curves[run.best].x.length));
  showLead(run, { ...state.lead, value: learning.newest, values });
}

function showReports(reports) {
  const odd = Object.entries(reports).filter(([, n]) => n);
  setText($("reports"), odd.length ? `Episode reports left out or late: ${odd.map(([kind, n]) => `${count(n)} ${kind}`).join(", ")}` : "");
}

async function load() {
  run = await get("api/run");
  document.title = `${run.environment || run.run_id} · SoulsAI`;
  document.body.dataset.folder = run.folder;
  setText($("environment"), run.environment || run.run_id);
  showConfig(run.config);
  offerSaving(run.writable);
  learning.show(run);
  show(await get("api/state"));
  showFilms();
  await learning.load();
  await node.load();
  happened.known = -1;
  await happened.update(state.happened);
}

follow({
  hello: ({ run_id: runId }) => (run && runId !== run.run_id ? location.reload() : load()),
  state: (next) => run && show(next),
  episodes: (records) => run && learning.add(records),
  reload: () => run && learning.load(),
}, () => state);
