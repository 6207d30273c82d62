import { get, part, post, remove } from "./api.js";
import { button, field, h, table } from "./dom.js";
import { number } from "./format.js";
import { act, submitted, sure } from "./shell.js";

export const title = "Snapshots";

export const load = (signal) => get("/snapshots", signal);

export function render({ snapshots }) {
  return [
    h("h1", { tabindex: "-1" }, title),
    h("p", { class: "quiet" }, "All that a cluster in memory has, to go back to. Nothing is copied before it changes."),
    table("Snapshots", [["Name"], ["Of", ""], ["Topics", "num"], ["", "right"]], snapshots.map((one) => ({
      key: one.name,
      cells: [one.name, h("span", { class: "mono" }, one.now), number(one.topics), h("div", { class: "row end" },
        button("restore", () => restore(one.name), { class: "plain small", "aria-label": `restore ${one.name}` }),
        button("delete", () => act(() => remove(`/snapshots/${part(one.name)}`), `${one.name} is gone.`), { class: "plain small", "aria-label": `delete ${one.name}` }))],
    })), "None yet."),
    h("form", { class: "row", onsubmit: submitted(make) }, field("Name", h("input", { name: "name", required: true, autocomplete: "off" })), h("button", null, "Make one")),
  ];
}

function make({ name }, form) {
  act(async () => {
    await post("/snapshots", { name });
    form.reset();
  }, `${name} is kept.`);
}

async function restore(name) {
  if (await sure(`Go back to ${name}? What came after it is lost, and connections are reset.`, "Restore")) {
    await act(() => post(`/snapshots/${part(name)}/restore`), `The cluster is as it was in ${name}.`);
  }
}
