import { get, part, post } from "./api.js";
import { badge, field, h, table } from "./dom.js";
import { bytes, number, plural } from "./format.js";
import { act, look, submitted } from "./shell.js";

export const title = "Topics";

const asked = { name: "", internal: false };

export const load = (signal) => get("/topics", signal);

export function render({ topics }) {
  const found = topics.filter((one) => (asked.internal || !one.internal) && one.name.includes(asked.name));
  const most = 500;
  return [
    h("h1", { tabindex: "-1" }, title),
    h("div", { class: "row" },
      field("Name", h("input", { type: "search", oninput: (event) => { asked.name = event.target.value; look(); }, value: asked.name, placeholder: "part of it" })),
      h("label", { class: "check" }, h("input", { type: "checkbox", checked: asked.internal, onchange: (event) => { asked.internal = event.target.checked; look(); } }),
        "Kafka's own, too"),
      h("span", { class: "grow" }),
      h("details", { class: "menu right" }, h("summary", null, "New topic"), h("form", { class: "sheet", onsubmit: submitted(create) },
        field("Name", h("input", { name: "name", required: true, autocomplete: "off" })),
        field("Partitions", h("input", { name: "partitions", type: "number", min: 1, max: 10000, placeholder: "num.partitions" })),
        field("Replicas", h("input", { name: "factor", type: "number", min: 1, max: 32767, placeholder: "default.replication.factor" })),
        field("Configs", h("textarea", { name: "configs", rows: 3, placeholder: "retention.ms=60000", spellcheck: "false" })),
        h("button", null, "Create")))),
    table("Topics", [["Topic"], ["Partitions", "num"], ["Replicas", "num"], ["Records", "num"], ["Size", "num"], ["State"]], found.slice(0, most).map((one) => ({
      key: one.name,
      cells: [h("a", { href: `#/topics/${part(one.name)}` }, one.name), number(one.partitions.length), number(Math.max(0, ...one.partitions.map((each) => each.replicas.length))),
        number(one.partitions.reduce((sum, each) => sum + each.end_offset - each.start_offset, 0)), bytes(one.partitions.reduce((sum, each) => sum + each.bytes, 0)),
        state(one)],
    })), topics.length ? "None of that name." : "No topics yet."),
    found.length > most ? h("p", { class: "quiet" }, `and ${plural(found.length - most, "more", "more")}`) : null,
  ];
}

function state(topic) {
  const without = topic.partitions.filter((one) => one.leader < 0).length;
  const under = topic.partitions.filter((one) => one.isr.length < one.replicas.length).length;
  return [topic.internal ? badge("internal") : null, " ", without ? badge(`${without} without a leader`, "bad") : under ? badge(`${under} not fully in sync`, "bad") : badge("in sync", "good")];
}

function create({ name, partitions, factor, configs }, form) {
  const pairs = configs.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const at = line.indexOf("=");
    return [line.slice(0, at < 0 ? undefined : at).trim(), at < 0 ? "" : line.slice(at + 1).trim()];
  });
  act(async () => {
    const made = await post("/topics", { name, partitions: Number(partitions), replication_factor: Number(factor), configs: Object.fromEntries(pairs) });
    form.reset();
    form.closest("details").open = false;
    return made;
  }, `There is ${name} now.`);
}
