import { get, part, post, remove } from "./api.js";
import { badge, button, field, h, table } from "./dom.js";
import { number } from "./format.js";
import { act, submitted, sure } from "./shell.js";

export const title = "Faults";

export const load = (signal) => get("/faults", signal);

export function render({ faults }) {
  return [
    h("div", { class: "row" }, h("h1", { tabindex: "-1" }, title), h("span", { class: "grow" }),
      faults.length ? button("Remove all", clear, { class: "plain danger" }) : null),
    table("Faults", [["Fault"], ["When and then", "wide"], ["Asked", "num"], ["Hit", "num"], ["State"], ["", "right"]], faults.map((one) => ({
      key: one.name,
      cells: [one.name, h("span", { class: "mono small" }, Object.entries(one.fault).filter(([word]) => word !== "name").map(([word, value]) => `${word}=${value}`).join("  ")),
        number(one.calls), number(one.hits), one.spent ? badge("spent") : badge("waits", "busy"),
        button("remove", () => take(one.name), { class: "plain small", "aria-label": `remove ${one.name}` })],
    })), "No faults: all goes well."),
    h("h2", null, "New fault"),
    h("form", { class: "row", onsubmit: submitted(add) },
      field("Words, as `kafka-emulator fault add` takes them", h("input", { name: "words", required: true, size: 70, spellcheck: "false", autocomplete: "off",
        placeholder: "api=Produce topic=orders error=NOT_LEADER_OR_FOLLOWER times=2" }), { class: "field wide" }),
      h("button", null, "Add")),
  ];
}

function add({ words }, form) {
  const fault = {};
  for (const word of words.trim().split(/\s+/)) {
    const at = word.indexOf("=");
    fault[at < 0 ? word : word.slice(0, at)] = at < 0 ? "" : word.slice(at + 1);
  }
  act(async () => {
    const made = await post("/faults", fault);
    form.reset();
    return made;
  }, (made) => `${made.name} waits.`);
}

const take = (name) => act(() => remove(`/faults/${part(name)}`), `${name} is gone.`);

async function clear() {
  if (await sure("Remove all faults?", "Remove")) await act(() => remove("/faults"), "No faults any more.");
}
