// The logs of the run's processes, and the configuration.

import { get } from "./api.js";
import { $ } from "./dom.js";

const NODE = "training-node";
// Milliseconds between two looks at a log that is open.
const REFRESH = 3000;

export function showLogNames(logs) {
  const select = $("log-name");
  if ([...select.options].map((option) => option.value).join() === logs.join()) return;
  const chosen = select.value || (logs.includes(NODE) ? NODE : logs[0]);
  select.replaceChildren(...logs.map((name) => new Option(name, name, false, name === chosen)));
  if ($("log-box").open) loadLog();
}

async function loadLog() {
  const box = $("log");
  const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
  const { lines } = await get(`api/log?name=${encodeURIComponent($("log-name").value)}`).catch(() => ({ lines: ["The log cannot be read now."] }));
  box.textContent = lines.join("\n") || "This log is empty.";
  if (atEnd) box.scrollTop = box.scrollHeight;
}

/** Nested settings as lines, like YAML. */
function lines(value, indent = "") {
  return Object.entries(value).flatMap(([key, inner]) => {
    const nested = inner && typeof inner === "object" && !Array.isArray(inner) && Object.keys(inner).length;
    return nested ? [`${indent}${key}:`, ...lines(inner, `${indent}  `)] : [`${indent}${key}: ${JSON.stringify(inner)}`];
  });
}

export function showConfig(config) {
  $("config").textContent = lines(config).join("\n");
}

$("log-name").addEventListener("change", loadLog);
$("log-box").addEventListener("toggle", () => $("log-box").open && loadLog());
setInterval(() => $("log-box").open && !document.hidden && loadLog(), REFRESH);
