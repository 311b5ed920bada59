// Films of the agent: the newest, the best and the worst.

import { get } from "./api.js";
import { $, element } from "./dom.js";
import { clock, counted, number } from "./text.js";

const REFRESH = 20_000;
const NAMES = { newest: "Newest", best: "Best", worst: "Worst" };
let known = "";

export async function showFilms() {
  const { films } = await get("api/films").catch(() => ({ films: [] }));
  const text = JSON.stringify(films);
  const playing = [...document.querySelectorAll("#films video")].some((video) => !video.paused);
  if (text === known || playing) return; // a film that somebody watches stays
  known = text;
  $("films-box").hidden = !films.length;
  $("films").replaceChildren(...films.map(card));
}

function card({ name, time, episode_return: value, steps, kinds }) {
  const title = kinds.map((kind, i) => (i ? NAMES[kind].toLowerCase() : NAMES[kind])).join(" and ");
  const video = element("video", { src: `films/${name}`, controls: "", loop: "", muted: "", playsinline: "", preload: "metadata", "aria-label": `${title} film: return ${number(value)}` });
  return element("figure", { class: "card film" }, video,
    element("figcaption", {}, element("b", {}, title), ` return ${number(value)}, ${counted(steps, "step")}, `, element("span", { class: "muted" }, `made at ${clock(time)}`)));
}

setInterval(() => document.hidden || showFilms(), REFRESH);
