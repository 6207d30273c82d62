import { button, h, table } from "./dom.js";
import { moment } from "./format.js";
import { lines } from "./api.js";
import { look } from "./shell.js";

export const title = "Events";

const MOST = 500;
const AGAIN_MS = 3000;
let happened = [];
let control = null;
let count = 0;
let listens = false;

export function enter() {
  control = new AbortController();
  listen(control.signal);
}

async function listen(signal) {
  while (!signal.aborted) {
    try {
      await lines("/events", signal, () => { listens = true; look(); }, (one) => {
        count += 1;
        happened = [{ number: count, ...one }, ...happened].slice(0, MOST);
        look();
      });
    } catch { /* the page says that it is not connected */ }
    if (signal.aborted) return;
    listens = false;
    look();
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

export function leave() {
  control?.abort();
  listens = false;
}

export const load = async () => happened;

export function render(found) {
  return [
    h("div", { class: "row" }, h("h1", { tabindex: "-1" }, title), h("span", { class: "grow" }),
      found.length ? button("Clear", () => { happened = []; look(); }, { class: "plain" }) : null),
    h("p", { class: "quiet" }, listens ? "What happens in the cluster from now on." : "Not connected."),
    table("Events", [["Time (UTC)"], ["Event"], ["Of", "most"]], found.map(({ number, event, timestamp, ...more }) => ({
      key: number,
      cells: [h("span", { class: "mono time" }, timestamp === undefined ? "" : moment(timestamp)), event, h("span", { class: "mono small" },
        Object.entries(more).map(([name, value]) => `${name}=${Array.isArray(value) ? value.join(",") : value}`).join("  "))],
    })), listens ? "Nothing yet." : "…"),
  ];
}
