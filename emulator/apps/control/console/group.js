import { get, part, post, remove } from "./api.js";
import { bar, button, field, h, table } from "./dom.js";
import { number } from "./format.js";
import { lag, state } from "./groups.js";
import { act, say, submitted, sure } from "./shell.js";

export const title = "Group";

export const load = (signal, name) => get(`/groups/${part(name)}`, signal);

export function render(group, name) {
  const most = Math.max(1, ...group.offsets.map((one) => one.lag ?? 0));
  return [
    h("div", { class: "row" }, h("h1", { tabindex: "-1" }, name), state(group.state), h("span", { class: "grow" }),
      group.members.length ? null : button("Delete", () => drop(name), { class: "plain danger" })),
    h("p", { class: "quiet" }, `${group.type}, coordinated by broker ${group.coordinator}, lag ${number(group.lag)}`),
    h("h2", null, "Members"),
    table("Members", [["Member"], ["Client"], ["Host"], ["Has"]], group.members.map((one) => ({
      key: one.id,
      cells: [h("span", { class: "mono" }, one.id, one.instance_id ? h("span", { class: "quiet" }, ` static: ${one.instance_id}`) : null), one.client_id, one.host,
        one.assignment.map(({ topic, partitions }) => h("div", null, topic, " ", h("span", { class: "quiet" }, partitions.join(", "))))],
    })), "No members."),
    h("h2", null, "Offsets"),
    table("Offsets", [["Topic"], ["Partition", "num"], ["Committed", "num"], ["End", "num"], ["Lag", "num"], ["", "wide"]], group.offsets.map((one) => ({
      key: `${one.topic} ${one.partition}`,
      cells: [h("a", { href: `#/topics/${part(one.topic)}` }, one.topic), one.partition, number(one.offset), number(one.end_offset), lag(one.lag),
        bar(one.lag ?? 0, most, `lag of ${one.topic}-${one.partition}`)],
    })), "Nothing was committed."),
    group.members.length || !["Classic", "Consumer"].includes(group.type) ? null : h("form", { class: "row", onsubmit: submitted((fields) => seek(name, fields)) },
      field("Go on in", h("input", { name: "topic", required: true, list: "topics", autocomplete: "off", placeholder: "a topic" })),
      h("datalist", { id: "topics" }, [...new Set(group.offsets.map((one) => one.topic))].map((topic) => h("option", { value: topic }))),
      field("At", h("input", { name: "to", required: true, list: "places", autocomplete: "off", placeholder: "earliest, latest, an offset" })),
      h("datalist", { id: "places" }, ["earliest", "latest"].map((value) => h("option", { value }))),
      h("button", null, "Set")),
  ];
}

const seek = (name, { topic, to }) => act(() => post(`/groups/${part(name)}/offsets`, { topic, to }), `${name} goes on there.`);

async function drop(name) {
  if (!await sure(`Delete ${name}, with what it has committed?`, "Delete")) return;
  try {
    await remove(`/groups/${part(name)}`);
    say(`${name} is gone.`);
    location.hash = "#/groups";
  } catch (error) {
    say(error.message, true);
  }
}
