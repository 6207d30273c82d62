import { get, part, post, query, remove } from "./api.js";
import { badge, button, field, h, table } from "./dom.js";
import { bytes, moment, number } from "./format.js";
import { act, look, say, submitted, sure } from "./shell.js";
import { line, read, whole } from "./value.js";

export const title = "Topic";

const PAGE = 100;
const MOST = 1000; // partitions that are shown
let asked, records, open, position;

export function enter(name) {
  asked = { name, partition: "", from: "-50", follow: true, uncommitted: false };
  begin();
}

/** Records from here on are shown, and none of those before. */
function begin() {
  records = [];
  open = new Set();
  position = null;
}

export async function load(signal, name) {
  const [topic, { configs }] = await Promise.all([get(`/topics/${part(name)}`, signal), get(`/topics/${part(name)}/configs`, signal)]);
  if (!position || asked.follow) await more(signal);
  return { topic, configs };
}

async function more(signal) {
  const { name, partition, from, uncommitted } = asked;
  const page = await get(`/topics/${part(name)}/records?${query({ partition, from: position ?? from, limit: PAGE, uncommitted })}`, signal);
  position = page.next;
  asked.more = page.more;
  records = [...records, ...page.records].slice(-5 * PAGE);
}

export function render({ topic, configs }, name) {
  const set = configs.filter((one) => one.source !== "default");
  return [
    h("div", { class: "row" }, h("h1", { tabindex: "-1" }, name), topic.internal ? badge("internal") : null, h("span", { class: "grow" }),
      topic.internal ? null : button("Empty", () => empty(name), { class: "plain danger" }),
      topic.internal ? null : button("Delete", () => drop(name), { class: "plain danger" })),
    h("p", { class: "quiet" }, h("span", { class: "mono" }, topic.topic_id), set.map((one) => [" · ", h("span", { class: "mono" }, `${one.name}=${one.value}`)])),
    h("h2", null, "Partitions"),
    table("Partitions", [["Partition"], ["Leader", "num"], ["Epoch", "num"], ["Replicas"], ["First", "num"], ["End", "num"], ["Size", "num"], ["", "right"]],
      topic.partitions.slice(0, MOST).map((one) => ({ key: `partition ${one.partition}`, cells: [one.partition, one.leader < 0 ? badge("none", "bad") : one.leader, one.leader_epoch,
        replicas(one), number(one.start_offset), number(one.end_offset), bytes(one.bytes), change(name, one)] }))),
    topic.partitions.length > MOST ? h("p", { class: "quiet" }, `and ${number(topic.partitions.length - MOST)} more`) : null,
    h("h2", null, "Records"),
    h("div", { class: "row" },
      field("Partition", h("select", { onchange: (event) => { asked.partition = event.target.value; begin(); look(); } },
        h("option", { value: "" }, "all"), topic.partitions.map((one) => h("option", { value: one.partition }, one.partition)))),
      field("From", h("input", { list: "from", value: asked.from, size: 9, autocomplete: "off", onchange: (event) => { asked.from = event.target.value || "earliest"; begin(); look(); } })),
      h("datalist", { id: "from" }, ["earliest", "latest", "-50", "-500", "0"].map((value) => h("option", { value }))),
      h("label", { class: "check" }, h("input", { type: "checkbox", checked: asked.follow, onchange: (event) => { asked.follow = event.target.checked; } }), "go on as more comes"),
      h("label", { class: "check" }, h("input", { type: "checkbox", onchange: (event) => { asked.uncommitted = event.target.checked; begin(); look(); } }), "uncommitted, too"),
      h("span", { class: "grow" }),
      h("details", { class: "menu right" }, h("summary", null, "Write"), h("form", { class: "sheet", onsubmit: submitted((fields, form) => write(name, fields, form)) },
        field("Key", h("input", { name: "key", autocomplete: "off", placeholder: "none" })),
        field("Value", h("textarea", { name: "value", rows: 4, spellcheck: "false" })),
        field("Headers", h("textarea", { name: "headers", rows: 2, placeholder: "name=value", spellcheck: "false" })),
        field("Partition", h("input", { name: "partition", type: "number", min: 0, max: topic.partitions.length - 1, placeholder: "as the key says" })),
        h("label", { class: "check" }, h("input", { type: "checkbox", name: "tombstone" }), "no value: a tombstone"),
        h("button", null, "Write")))),
    table("Records", [["", "narrow"], ["Partition", "num"], ["Offset", "num"], ["Time (UTC)"], ["Key"], ["Value", "wide"], ["Headers"]],
      [...records].reverse().map((one) => row(one)), position ? "None there." : "…"),
    asked.more ? h("p", null, button("Show more", () => act(() => more()))) : null,
  ];
}

function replicas(partition) {
  return partition.replicas.map((one) => {
    const inSync = partition.isr.includes(one.broker);
    return [badge(one.broker, inSync ? "good" : "bad"), h("span", { class: "unseen" }, inSync ? " in sync" : " not in sync"),
      one.lag ? h("span", { class: "bad" }, ` −${number(one.lag)} `) : " "];
  });
}

/** What can be asked of a partition: that another leads it, that a follower leaves those in sync. */
function change(name, partition) {
  const path = `/topics/${part(name)}/partitions/${partition.partition}`;
  const made = (text, where, broker, label, done) => button(text, () => act(() => post(`${path}/${where}`, { broker }), done), { class: "plain small", "aria-label": label });
  return h("div", { class: "row end" }, partition.isr.filter((broker) => broker !== partition.leader).slice(0, 4).map((broker) => [
    made(`lead by ${broker}`, "leader", broker, `have broker ${broker} lead partition ${partition.partition}`, `Broker ${broker} leads ${name}-${partition.partition}.`),
    made(`drop ${broker}`, "isr/shrink", broker, `take broker ${broker} out of sync in partition ${partition.partition}`,
      `Broker ${broker} is out of sync in ${name}-${partition.partition}, until it fetches.`)]));
}

function row(one) {
  const key = `${one.partition}:${one.offset}`;
  const itsKey = one.decoded ? said({ [one.decoded.kind]: one.decoded.key }) : read(one, "key");
  const value = one.decoded ? said(one.decoded.value) : read(one, "value");
  const shown = open.has(key);
  const turn = () => { shown ? open.delete(key) : open.add(key); look(); };
  return {
    key,
    cells: [button(shown ? "▾" : "▸", turn, { class: "plain small turn", "aria-expanded": String(shown), "aria-label": `record ${key}` }), one.partition, number(one.offset),
      h("span", { class: "mono time" }, moment(one.timestamp)), line(itsKey), line(value), named(one.headers)],
    below: shown ? h("div", { class: "record", same: `${key} ${one.timestamp}` }, () => [whole("Key", itsKey), whole("Value", value),
      one.headers.map((header) => whole(`Header ${header.name}`, read(header, "value")))]) : null,
  };
}

/** A key or a value of one of Kafka's own topics. */
const said = (fields) => (fields === null ? { kind: "none" } : { kind: "json", text: JSON.stringify(fields) });

function named(headers) {
  const names = headers.slice(0, 3).map(({ name }) => [badge(name.length > 24 ? `${name.slice(0, 24)}…` : name), " "]);
  return headers.length > 3 ? [names, h("span", { class: "quiet" }, `+${headers.length - 3}`)] : names;
}

function write(name, { key, value, headers, partition, tombstone }, form) {
  const record = { key: key === "" ? null : key, value: tombstone ? null : value };
  record.headers = headers.split("\n").filter(Boolean).map((each) => {
    const at = each.indexOf("=");
    return { name: each.slice(0, at < 0 ? undefined : at), value: at < 0 ? null : each.slice(at + 1) };
  });
  if (partition !== "") record.partition = Number(partition);
  act(async () => {
    const { written: [one] } = await post(`/topics/${part(name)}/records`, { records: [record] });
    form.reset();
    return one;
  }, (one) => `It is in partition ${one.partition}, at offset ${one.offset}.`);
}

async function empty(name) {
  if (!await sure(`Delete all records of ${name}?`, "Empty")) return;
  await act(() => remove(`/topics/${part(name)}/records`), `${name} is empty.`);
  begin();
}

async function drop(name) {
  if (!await sure(`Delete ${name}, with all its records?`, "Delete")) return;
  try {
    await remove(`/topics/${part(name)}`);
    say(`${name} is gone.`);
    location.hash = "#/topics";
  } catch (error) {
    say(error.message, true);
  }
}
