import { get, part } from "./api.js";
import { badge, h, table } from "./dom.js";
import { number } from "./format.js";

export const title = "Groups";

export const load = (signal) => get("/groups", signal);

export function render({ groups }) {
  return [
    h("h1", { tabindex: "-1" }, title),
    table("Groups", [["Group"], ["Protocol"], ["State"], ["Coordinator", "num"], ["Members", "num"], ["Lag", "num"]], groups.map((one) => ({
      key: one.id,
      cells: [h("a", { href: `#/groups/${part(one.id)}` }, one.id || "(no name)"), one.type, state(one.state), one.coordinator, number(one.members), lag(one.lag)],
    })), "No groups yet."),
  ];
}

export const state = (name) => badge(name, { Stable: "good", Empty: "", Dead: "bad" }[name] ?? "busy");
export const lag = (count) => (count ? h("span", { class: "bad" }, number(count)) : number(count));
