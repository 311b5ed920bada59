// The machine on which telemetry runs, which is usually that of the training node.

import { $, element, setText } from "./dom.js";
import { bytes, count, counted, number, share } from "./text.js";

export function showMachine({ machine, status, health }) {
  $("machine-box").hidden = !machine;
  if (!machine) return;
  setText($("machine-name"), machine.name);
  const facts = [
    ["CPU", share(machine.cpu), `of ${counted(machine.cores, "core")}`],
    ["Memory", bytes(machine.memory), `of ${bytes(machine.memory_total)}`],
    ["Free on the disk", bytes(machine.disk_free)],
    ...machine.gpus.flatMap((gpu) => [["GPU", share(gpu.busy), gpu.name], ["GPU memory", bytes(gpu.memory), `of ${bytes(gpu.memory_total)}`]]),
  ];
  if (machine.node_memory != null) {
    facts.push(["Training node", machine.node_cpu == null ? "–" : `${number(machine.node_cpu)} cores`, bytes(machine.node_memory)]);
  }
  if (status && health.live) facts.push(["Waiting samples", count(status.backlog), "messages"]);
  $("machine").replaceChildren(...facts.map(([name, value, note]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value, ...(note ? [" ", element("small", {}, note)] : [])))));
}
