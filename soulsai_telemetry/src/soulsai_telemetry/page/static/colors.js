// The choice of colors: those of the system, light or dark.

import { $ } from "./dom.js";

const THEMES = { "": ["Auto", "as the system"], light: ["Light", "light"], dark: ["Dark", "dark"] };
const root = document.documentElement;

function show() {
  const [text, description] = THEMES[root.dataset.theme ?? ""];
  $("theme").textContent = text;
  $("theme").setAttribute("aria-label", `${text}: colors ${description}`);
}

/** Offer the choice; `changed` is called after each change. */
export function offerColors(changed) {
  $("theme").addEventListener("click", () => {
    const order = Object.keys(THEMES);
    const next = order[(order.indexOf(root.dataset.theme ?? "") + 1) % order.length];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    localStorage.setItem("theme", next);
    show();
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  show();
}
