// The control API, from the page's own origin.

export class Refused extends Error {}

async function ask(method, path, asked, signal) {
  const options = { method, signal, cache: "no-store" };
  if (method === "POST") {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(asked ?? {});
  }
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) throw new Refused(answer.error ?? response.statusText);
  return answer;
}

export const get = (path, signal) => ask("GET", path, undefined, signal);
export const post = (path, asked) => ask("POST", path, asked);
export const remove = (path) => ask("DELETE", path);
export const part = encodeURIComponent;
export const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== null)).toString();
