// Which view is shown, and how often it is brought up to date.

import { Refused, Unknown, get, post, tell } from "./api.js";
import { button, field, fill, h } from "./dom.js";
import { duration, moment } from "./format.js";
import { act, onAgain, say, submitted } from "./shell.js";
import * as events from "./events.js";
import * as faults from "./faults.js";
import * as group from "./group.js";
import * as groups from "./groups.js";
import * as overview from "./overview.js";
import * as requests from "./requests.js";
import * as snapshots from "./snapshots.js";
import * as topic from "./topic.js";
import * as topics from "./topics.js";
import * as zookeeper from "./zookeeper.js";

const EVERY_MS = 1500;
const VIEWS = { "": overview, topics, groups, requests, events, faults, snapshots, zookeeper };
const OF_ONE = { topics: topic, groups: group };

const main = document.getElementById("main");
let shown = {}; // view, args and the AbortController of what is asked for it
let timer;
let failing = false;

function route() {
  const [name = "", ...args] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const view = (args[0] && OF_ONE[name]) || VIEWS[name];
  return view ? { name, args, view } : { name: "", args: [], view: overview };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function go() {
  if (location.hash === "#main") return; // the link that skips to the content
  const begins = !shown.view;
  shown.control?.abort();
  shown.view?.leave?.();
  shown = { ...route(), control: new AbortController() };
  document.title = [...shown.args, shown.view.title, "kafka-emulator"].filter(Boolean).join(" · ");
  navigation();
  fill(main, h("h1", { tabindex: "-1" }, shown.args[0] ?? shown.view.title), h("p", { class: "empty" }, "…"));
  shown.view.enter?.(...shown.args);
  await refresh();
  if (!begins && document.activeElement === document.body) main.focus({ preventScroll: true });
  scrollTo(0, 0);
}

async function refresh() {
  clearTimeout(timer);
  const { view, args, control } = shown;
  const began = performance.now();
  try {
    const data = await view.load(control.signal, ...args);
    if (control !== shown.control) return;
    control.gated = false;
    fill(main, ...[view.render(data, ...args)].flat());
    if (failing) say("The server answers again.");
    failing = false;
  } catch (error) {
    if (control.signal.aborted) return;
    if (error instanceof Unknown) return gate(control);
    failing = !(error instanceof Refused);
    fill(main, h("h1", null, args[0] ?? view.title), h("p", { class: "failed", role: "alert" }, failing ? "The server does not answer." : error.message));
  } finally {
    if (control === shown.control && !control.gated) timer = setTimeout(() => (document.hidden ? wait() : refresh()), Math.max(EVERY_MS, 10 * (performance.now() - began)));
  }
}

/** Where the port takes a token, nothing goes on before the reader has said it. */
function gate(control) {
  if (control.gated) return say("That is not its token.", true);
  control.gated = true;
  fill(main, h("h1", { tabindex: "-1" }, "Token"), h("p", { class: "quiet" }, "The server has printed it at its start, or has it from a file."),
    h("form", { class: "row", onsubmit: submitted(({ token }) => { tell(token); Promise.all([refresh(), status()]); }) },
      field("Token", h("input", { name: "token", type: "password", required: true, size: 48, autocomplete: "off", autofocus: true })), h("button", null, "Enter")));
}

const wait = () => document.addEventListener("visibilitychange", refresh, { once: true });

function navigation() {
  fill(document.getElementById("views"), Object.keys(VIEWS).map((name) =>
    h("li", null, h("a", { href: `#/${name}`, "aria-current": name === shown.name ? "page" : null }, VIEWS[name].title))));
}

// The clock ---------------------------------------------------------------------------------------

const box = document.getElementById("clock");

async function clock() {
  try {
    const { clock: kind, now_ms: now } = await get("/clock");
    const time = h("time", { class: "mono", title: `the server's clock, UTC; it is ${kind}` }, moment(now).slice(0, 19));
    fill(box, kind === "real" ? time : [time, h("details", { class: "menu" }, h("summary", null, "Advance"), h("div", { class: "sheet" },
      h("p", { class: "quiet" }, "Time stands still. All that falls due on the way happens."),
      h("div", { class: "row" }, ["1s", "1m", "1h", "1d", "7d"].map((by) => button(`+${by}`, () => advance({ by })))),
      h("form", { onsubmit: submitted(advance) },
        field("By", h("input", { name: "by", required: true, placeholder: "1h30m", size: 10, autocomplete: "off" })),
        h("label", { class: "check" }, h("input", { type: "checkbox", name: "expire" }), "sessions of members may end, too"),
        h("button", null, "Advance"))))]);
  } catch { /* the view says so */ }
  setTimeout(clock, EVERY_MS);
}

const advance = ({ by, expire }) => act(() => post("/clock/advance", { by, expire_sessions: Boolean(expire) }), ({ happened }) => {
  const what = Object.entries(happened).map(([name, count]) => `${count} ${name}`).join(", ");
  return `Advanced by ${by}: ${what || "nothing was due"}.`;
});

// ------------------------------------------------------------------------------------------------

async function status() {
  try {
    const { bootstrap, uptime_ms: age, version } = await get("/status");
    fill(document.getElementById("where"), h("span", { title: `version ${version}, up for ${duration(age)}` }, bootstrap));
  } catch { /* likewise */ }
}

onAgain(refresh);
addEventListener("hashchange", go);
addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const open of document.querySelectorAll("details.menu[open]")) open.open = false;
});
addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.menu[open]")) if (!open.contains(event.target)) open.open = false;
});
await Promise.all([go(), clock(), status()]);
