import { button, h, table } from "./dom.js";
import { moment } from "./format.js";
import { look } from "./shell.js";

export const title = "Events";

const MOST = 500;
let happened = [];
let source = null;
let count = 0;
let listens = false;

export function enter() {
  source = new EventSource("/events?format=sse");
  source.onopen = () => { listens = true; look(); };
  source.onerror = () => { listens = false; look(); };
  source.onmessage = ({ data }) => {
    count += 1;
    happened = [{ number: count, ...JSON.parse(data) }, ...happened].slice(0, MOST);
    look();
  };
}

export function leave() {
  source?.close();
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
