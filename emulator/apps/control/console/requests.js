import { get, post, query } from "./api.js";
import { badge, button, field, h, table } from "./dom.js";
import { duration, number } from "./format.js";
import { act, look } from "./shell.js";

export const title = "Requests";

const MOST = 300;
const asked = { api: "", client_id: "", errors: false, paused: false };
let latest = { kept: 0, requests: [] };

export async function load(signal) {
  if (asked.paused) return latest;
  latest = await get(`/requests?${query({ api: asked.api, client_id: asked.client_id, last: asked.errors ? 10_000 : MOST })}`, signal);
  return latest;
}

export function render({ kept, requests }) {
  const found = requests.filter((one) => !asked.errors || one.errors.length).slice(-MOST).reverse();
  const change = (name, read = (input) => input.value) => (event) => { asked[name] = read(event.target); look(); };
  return [
    h("h1", { tabindex: "-1" }, title),
    h("div", { class: "row" },
      kept ? button("Keep none", () => keep(0), { class: "plain" }) : button("Keep the newest 10,000", () => keep(10_000)),
      kept ? [button(asked.paused ? "Go on" : "Pause", () => { asked.paused = !asked.paused; look(); }, { class: "plain", "aria-pressed": String(asked.paused) }),
        field("API", h("input", { oninput: change("api"), value: asked.api, size: 14, placeholder: "Fetch", autocomplete: "off" })),
        field("Client", h("input", { oninput: change("client_id"), value: asked.client_id, size: 14, placeholder: "client id", autocomplete: "off" })),
        h("label", { class: "check" }, h("input", { type: "checkbox", checked: asked.errors, onchange: change("errors", (input) => input.checked) }), "with errors only")] : null),
    kept ? table("Requests", [["No.", "num"], ["Time"], ["Client"], ["Broker", "num"], ["API"], ["Took", "num"], ["Request and answer", "most"]], found.map((one) => ({
      key: one.number,
      kind: one.errors.length ? "wrong" : "",
      cells: [number(one.number), h("span", { class: "mono time" }, one.now.slice(11, 23)), h("span", { title: one.client }, one.client_id ?? one.client), one.broker,
        [one.api, h("span", { class: "quiet" }, ` v${one.version}`)], one.outcome === "under way" ? badge("under way", "busy") : duration(one.duration_ms),
        h("div", { class: "mono small" }, h("div", null, one.request), h("div", { class: one.errors.length ? "bad" : "quiet" },
          one.outcome === "answered" ? `→ ${one.response}` : one.outcome === "under way" ? null : `→ ${one.outcome}`))],
    })), "None of those yet.") : h("p", { class: "empty" }, "What clients ask is not kept now."),
  ];
}

const keep = (most) => act(() => post("/requests/keep", { most }), most ? "Requests are kept from now on." : "No requests are kept any more.");
