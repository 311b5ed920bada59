// What the page asks its server for.

export async function get(path) {
  const response = await fetch(path);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `${path}: ${response.status}`);
  return answer;
}

/** For answers that may fail to come: the page says by itself that its server is gone, and loads again when it is back. */
export function unlessGone(promise) {
  return promise.catch((error) => console.info(error.message));
}

/** The path of a question about curves; `part` are the first and the last position, null for an open end. */
export function curvePath(name, { axis, points, part: [from, to], window = "", run = "" }) {
  const query = new URLSearchParams({ axis, points });
  if (from != null) query.set("start", from);
  if (to != null) query.set("end", to);
  if (window) query.set("window", window);
  if (run) query.set("run", run);
  return `api/${name}?${query}`;
}
