// The control API, from the page's own origin.

export class Refused extends Error {}
export class Unknown extends Refused {} // a token is asked for

let authorization = {}; // in this page's memory alone: a cookie would go to every port of this host

export const tell = (token) => { authorization = { Authorization: `Bearer ${token}` }; };

async function asked_for(path, options) {
  const response = await fetch(path, { ...options, cache: "no-store", headers: { ...authorization, ...options.headers } });
  if (response.ok) return response;
  const { error } = await response.json();
  throw new (response.status === 401 ? Unknown : Refused)(error ?? response.statusText);
}

async function ask(method, path, asked, signal) {
  const options = { method, signal };
  if (method === "POST") {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(asked ?? {});
  }
  return (await asked_for(path, options)).json();
}

/** Calls take(object) for each line of an answer that goes on, begun() once it does; returns when it ends. */
export async function lines(path, signal, begun, take) {
  const reader = (await asked_for(path, { signal })).body.pipeThrough(new TextDecoderStream()).getReader();
  begun();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const whole = (rest + value).split("\n");
    rest = whole.pop();
    for (const line of whole) if (line.trim()) take(JSON.parse(line));
  }
}

export const get = (path, signal) => ask("GET", path, undefined, signal);
export const post = (path, asked) => ask("POST", path, asked);
export const remove = (path) => ask("DELETE", path);
export const part = encodeURIComponent;
export const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== null)).toString();
