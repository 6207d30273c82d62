import { get } from "./api.js";
import { badge, h, table } from "./dom.js";
import { duration, number } from "./format.js";

export const title = "ZooKeeper";

export const load = (signal) => get("/zookeeper", signal);

export function render({ connect, servers }) {
  const serving = servers.filter((one) => !["down", "no quorum"].includes(one.role)).length;
  return [
    h("h1", { tabindex: "-1" }, title),
    connect === null ? h("p", { class: "empty" }, "The brokers are registered in no ensemble: there is no zookeeper.connect.") : [
      h("p", { class: "quiet" }, h("span", { class: "mono" }, connect), ` · ${serving} of ${servers.length} serve`),
      table("Servers", [["Server"], ["Role"], ["Epoch", "num"], ["Zxid", "num"], ["In sync", "num"], ["Last tick", "num"]], servers.map((one) => ({
        key: one.address,
        cells: [h("span", { class: "mono" }, one.address), badge(one.role, { leader: "good", follower: "good", observer: "good", standalone: "good" }[one.role] ?? "bad"),
          number(one.epoch), h("span", { class: "mono" }, one.zxid ?? "–"), number(one.in_sync), one.last_tick_ms === null ? "–" : `${duration(one.last_tick_ms)} ago`],
      }))),
    ],
  ];
}
