import { get } from "./api.js";
import { badge, h, table } from "./dom.js";
import { duration, number } from "./format.js";

export const title = "ZooKeeper";

export const load = (signal) => get("/zookeeper", signal);

const KINDS = { leader: "good", follower: "good", observer: "good", standalone: "good" };

export function render({ connect, about, servers }) {
  const serving = servers.filter((one) => one.role in KINDS).length;
  return [
    h("h1", { tabindex: "-1" }, title),
    connect === null ? h("p", { class: "empty" }, "The brokers are registered in no ensemble: there is no zookeeper.connect.") : [
      h("p", { class: "quiet" }, h("span", { class: "mono" }, connect), ` · ${serving} of ${servers.length} serve`),
      about === null ? [] : h("p", {}, about),
      table("Servers", [["Server"], ["Role"], ["Epoch", "num"], ["Zxid", "num"], ["In sync", "num"], ["Last tick", "num"], ["Sessions", "num"], ["Why"]], servers.map((one) => ({
        key: one.address,
        cells: [h("span", { class: "mono" }, one.id === null ? one.address : `${one.id} · ${one.address}`), badge(one.role, KINDS[one.role] ?? "bad"),
          number(one.epoch), h("span", { class: "mono" }, one.zxid ?? "–"), one.in_sync === null ? number(one.in_sync_count) : one.in_sync.join(", ") || "–",
          one.last_tick_ms === null ? "–" : `${duration(one.last_tick_ms)} ago`, number(one.sessions), one.reason ?? ""],
      }))),
      servers.some((one) => one.role === "leader" && one.in_sync === null && one.in_sync_count === null)
        ? h("p", { class: "quiet" }, "How many are in sync, and the last tick, are told by servers whose zoo.cfg has mntr in 4lw.commands.whitelist.") : null,
    ],
  ];
}
