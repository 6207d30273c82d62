import { get, part, post } from "./api.js";
import { badge, button, h, spark, table } from "./dom.js";
import { bytes, duration, number } from "./format.js";
import { act, sure } from "./shell.js";

export const title = "Overview";

// What can be asked of a broker as it is, and what that does to clients.
const ACTIONS = {
  running: ["stop", "kill", "freeze", "split"], split: ["mend", "kill"], frozen: ["thaw", "kill"], stopped: ["start"], killed: ["start"],
};
const MEANT = {
  kill: "Kill it, as kill -9 does? Its connections are reset.",
  stop: "Stop it? Others lead first, then its connections are closed.",
  freeze: "Freeze it? Clients are not answered until it is thawed.",
  split: "Split it from its clients? Other brokers still reach it.",
};

export async function load(signal) {
  const [status, { brokers }, { topics }, { groups }, { apis }] = await Promise.all([
    get("/status", signal), get("/brokers", signal), get("/topics", signal), get("/groups", signal), get("/requests/counts", signal)]);
  return { status, brokers, topics, groups, apis };
}

export function render({ status, brokers, topics, groups, apis }) {
  const ours = topics.filter((one) => !one.internal);
  const partitions = topics.flatMap((one) => one.partitions);
  const under = partitions.filter((one) => one.isr.length < one.replicas.length).length;
  const without = partitions.filter((one) => one.leader < 0).length;
  measure(apis);
  const up = brokers.filter((one) => one.state === "running" && !one.fenced).length;
  return [
    h("h1", { tabindex: "-1" }, title),
    h("dl", { class: "tiles" },
      tile("Brokers", `${up} of ${brokers.length}`, up < brokers.length ? "bad" : "", "up"),
      tile("Topics", number(ours.length), "", `${number(ours.reduce((sum, one) => sum + one.partitions.length, 0))} partitions`),
      tile("Not fully in sync", number(under), under ? "bad" : "", without ? `${without} without a leader` : "partitions"),
      tile("Records", number(ours.flatMap((one) => one.partitions).reduce((sum, one) => sum + one.end_offset - one.start_offset, 0)), "",
        bytes(ours.flatMap((one) => one.partitions).reduce((sum, one) => sum + one.bytes, 0))),
      tile("Groups", number(groups.length), "", `lag ${number(groups.reduce((sum, one) => sum + one.lag, 0))}`),
      tile("Connections", number(status.connections), "", `up for ${duration(status.uptime_ms)}`),
      tile("Requests a second", number(rates.at(-1)), "", spark(rates, "the last minute"))),
    h("h2", null, "Brokers"),
    table("Brokers", [["Broker"], ["Address"], ["State"], ["Leads", "num"], ["Replicas", "num"], ["In sync", "num"], ["Lag", "num"], ["", "right"]],
      brokers.map((one) => ({
        key: `broker ${one.id}`,
        cells: [one.id, h("span", { class: "mono" }, one.address, one.rack ? h("span", { class: "quiet" }, ` ${one.rack}`) : null), state(one), number(one.leaders),
          number(one.replicas), number(one.in_sync), one.lag ? h("span", { class: "bad" }, number(one.lag)) : "0",
          h("div", { class: "row end" }, ACTIONS[one.state].map((what) => button(what, () => change(one.id, what), { class: "plain small", "aria-label": `${what} broker ${one.id}` })))],
      }))),
    h("h2", null, "Requests by API"),
    traffic(apis),
  ];
}

const tile = (name, value, kind, more) => h("div", null, h("dt", null, name), h("dd", { class: kind }, value), h("dd", { class: "quiet" }, more));

const state = (one) => [badge(one.state, one.state === "running" ? "good" : "bad"), one.fenced && one.state !== "killed" && one.state !== "stopped" ? [" ", badge("fenced", "bad")] : null,
  one.controller ? [" ", badge("controller")] : null];

async function change(broker, what) {
  if (!MEANT[what] || await sure(`Broker ${broker}. ${MEANT[what]}`, what)) await act(() => post(`/brokers/${part(broker)}/${what}`), (one) => `Broker ${broker} is ${one.state}.`);
}

let before = null;
let perSecond = new Map(); // API -> how many a second between the last two looks
let rates = []; // of all together, one a look

export function enter() {
  before = null;
  rates = [];
}

function measure(apis) {
  const at = performance.now();
  const counts = new Map(apis.map((one) => [one.api, one.requests]));
  if (before && at - before.at < 1000) return;
  if (before) {
    const seconds = (at - before.at) / 1000;
    perSecond = new Map(apis.map((one) => [one.api, Math.max(0, one.requests - (before.counts.get(one.api) ?? 0)) / seconds]));
    rates = [...rates, Math.round([...perSecond.values()].reduce((sum, one) => sum + one, 0))].slice(-40);
  }
  before = { counts, at };
}

function traffic(apis) {
  const rows = apis.map((one) => ({ key: one.api, cells: [one.api, number(one.requests), before && rates.length ? number(Math.round(perSecond.get(one.api) ?? 0)) : "–", number(one.under_way),
    limit(one.p50_ms), limit(one.p99_ms), bytes(one.request_bytes), bytes(one.response_bytes),
    Object.entries(one.errors).map(([name, count]) => [badge(`${name} ${number(count)}`, "bad"), " "])] }));
  return table("Requests by API", [["API"], ["Requests", "num"], ["A second", "num"], ["Under way", "num"], ["Half within", "num"], ["99 % within", "num"], ["In", "num"],
    ["Out", "num"], ["Errors", "wide"]], rows, "None yet.");
}

const limit = (ms) => (ms === null ? "–" : duration(ms));
