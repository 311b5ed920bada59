// The token, which all that changes something needs. The tab keeps it until it is closed.

import { $ } from "./dom.js";

const KEY = "token";
const asked = { opener: null, then: null };

export function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => ($("toast").hidden = true), 8000);
}

/** Call `act` once there is a token; the keyboard goes on at `opener`, however the dialog is closed. */
export function withToken(opener, act) {
  if (!isSecureContext) {
    toast("The token is not sent over an open network: open the page over https, at localhost, or through a tunnel (ssh -L 8081:localhost:8081 HOST).");
  } else if (sessionStorage.getItem(KEY)) {
    act();
  } else {
    Object.assign(asked, { opener, then: act });
    $("token-box").showModal();
  }
}

/** Ask the server to do something; while it does, `button` is busy. Returns { ok, detail }. */
export async function post(button, path, body = {}) {
  // Not `disabled`, which would take the keyboard's focus away.
  if (button.getAttribute("aria-disabled") === "true") return null;
  button.setAttribute("aria-disabled", "true");
  try {
    const headers = { "X-Page-Token": sessionStorage.getItem(KEY), "Content-Type": "application/json" };
    const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), cache: "no-store" });
    const answer = await response.json();
    if (response.status === 403) sessionStorage.removeItem(KEY);
    return { ok: Boolean(answer.ok), detail: answer.detail ?? answer.error };
  } catch {
    return { ok: false, detail: "The telemetry node did not answer." };
  } finally {
    button.setAttribute("aria-disabled", "false");
  }
}

$("token-cancel").addEventListener("click", () => $("token-box").close());
$("token-box").addEventListener("close", () => asked.opener?.focus());
$("token-form").addEventListener("submit", () => {
  sessionStorage.setItem(KEY, $("token").value.trim());
  $("token").value = "";
  asked.then?.();
});
