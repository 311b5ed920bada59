// Elements of the page.

export const $ = (id) => document.getElementById(id);

/** An element with text; `parts` may be strings and elements. */
export function element(tag, attributes = {}, ...parts) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value != null && value !== false) made.setAttribute(name, value);
  }
  made.append(...parts);
  return made;
}

const LINK = /(https?:\/\/[^\s]+|\bsoulsai(?:-client)? [^.;,]*[^.;,\s])/;

/** Text in which addresses are links and commands of soulsai are set as code. Everything else stays text. */
export function rich(text) {
  return text.split(LINK).filter(Boolean).map((part) => {
    if (/^https?:/.test(part)) return element("a", { href: part.replace(/[.,;]$/, ""), rel: "noreferrer" }, part);
    return /^soulsai(-client)? /.test(part) ? element("code", {}, part) : part;
  });
}

/** Set the text only if it changes: a screen reader reads what changes. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** A group of radio buttons in the element `id`; options: value -> text. */
export function choice(id, options, chosen, change) {
  const buttons = Object.entries(options).map(([value, text]) => {
    const input = element("input", { type: "radio", name: id, value });
    input.checked = value === chosen;
    input.addEventListener("change", () => change(value));
    return element("label", {}, input, element("span", {}, text));
  });
  $(id).replaceChildren(...buttons);
}

/** Mark the option `value` of the group; none if there is no such option. */
export function mark(id, value) {
  for (const input of $(id).querySelectorAll("input")) input.checked = input.value === value;
}
