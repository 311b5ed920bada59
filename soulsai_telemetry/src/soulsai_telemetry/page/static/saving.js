// The quicksave button, for those who have the token.

import { $ } from "./dom.js";
import { post, toast, withToken } from "./token.js";

export function offerSaving(writable) {
  $("quicksave").hidden = !writable;
}

async function save() {
  const answer = await post($("quicksave"), "api/quicksave");
  if (answer) toast(answer.ok ? `Saved to ${answer.detail}` : answer.detail);
}

$("quicksave").addEventListener("click", () => withToken($("quicksave"), save));
