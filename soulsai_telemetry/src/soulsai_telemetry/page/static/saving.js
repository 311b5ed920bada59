// The quicksave button, for those who have the token.

import { $ } from "./dom.js";

export function offerSaving(writable) {
  $("quicksave").hidden = !writable;
}

function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => ($("toast").hidden = true), 8000);
}

async function save() {
  // Not `disabled`, which would take the keyboard's focus away.
  if ($("quicksave").getAttribute("aria-disabled") === "true") return;
  $("quicksave").setAttribute("aria-disabled", "true");
  try {
    const headers = { Authorization: `Bearer ${sessionStorage.getItem("token")}` };
    const response = await fetch("api/quicksave", { method: "POST", headers });
    const { ok, detail } = await response.json();
    if (response.status === 403) sessionStorage.removeItem("token");
    toast(ok ? `Saved to ${detail}` : detail);
  } catch {
    toast("The telemetry node did not answer.");
  } finally {
    $("quicksave").setAttribute("aria-disabled", "false");
  }
}

$("quicksave").addEventListener("click", () => {
  if (sessionStorage.getItem("token")) save();
  else $("token-box").showModal();
});
$("token-cancel").addEventListener("click", () => $("token-box").close());
// However the dialog was closed, the keyboard goes on at the button that opened it.
$("token-box").addEventListener("close", () => $("quicksave").focus());
$("token-form").addEventListener("submit", () => {
  sessionStorage.setItem("token", $("token").value);
  $("token").value = "";
  save();
});

// A link may carry the token behind "#", which browsers do not send to servers. It leaves the address bar at once.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname);
}
