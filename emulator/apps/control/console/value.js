// A key or a value as people read it: one line of it, and all of it. Whatever it holds, it becomes text and nothing else.

import { button, h } from "./dom.js";
import { bytes, number, plural } from "./format.js";

const LINE = 160; // characters
const DEEPEST = 40; // that is indented
const WHOLE = 50_000; // characters, or bytes of what is no text, that are shown at once

/** What there is of `name` in a record of the API: {kind: "none" | "text" | "json" | "bytes", text, data, hint} */
export function read(one, name) {
  const encoded = one[`${name}_base64`];
  if (encoded) {
    const data = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
    return { kind: "bytes", data, hint: meaning(data) };
  }
  const text = one[name];
  if (text === null || text === undefined) return { kind: "none" };
  return { kind: isJson(text) ? "json" : "text", text };
}

function isJson(text) {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What some serializers would have written so. */
function meaning(data) {
  const view = new DataView(data.buffer);
  if (data.length === 4) return `32-bit number ${view.getInt32(0)}`;
  if (data.length === 8) return `64-bit number ${view.getBigInt64(0)}, or double ${view.getFloat64(0)}`;
  if (data.length === 16) return `UUID ${hex(data).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}`;
  if (data.length > 5 && data[0] === 0) return `schema ${view.getUint32(1)}, then ${plural(data.length - 5, "byte")}`;
  return "";
}

const hex = (data) => Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** One line, cut where it is long. */
export function line(value) {
  if (value.kind === "none") return h("span", { class: "quiet" }, "null");
  if (value.kind === "bytes") {
    return [h("span", { class: "mono" }, hex(value.data.subarray(0, 16)) + (value.data.length > 16 ? "…" : "")), " ",
      h("span", { class: "quiet" }, value.hint || plural(value.data.length, "byte"))];
  }
  if (value.text === "") return h("span", { class: "quiet" }, "empty");
  const cut = value.text.slice(0, LINE).replace(/\s+/g, " ");
  return [h("span", { class: "mono" }, cut + (value.text.length > LINE ? "…" : "")),
    value.text.length > LINE ? h("span", { class: "quiet" }, ` ${number(value.text.length)} characters`) : null];
}

/** All of it, as far as a page can bear it. */
export function whole(title, value) {
  if (value.kind === "none") return h("section", null, h("h3", null, title), h("p", { class: "quiet" }, "null"));
  const size = value.kind === "bytes" ? value.data.length : value.text.length;
  const body = value.kind === "bytes" ? dump(value.data.subarray(0, WHOLE)) : value.kind === "json" && size <= WHOLE ? indented(value.text) : value.text.slice(0, WHOLE);
  return h("section", null,
    h("div", { class: "row" }, h("h3", null, title),
      h("span", { class: "quiet" }, value.kind === "bytes" ? [bytes(size), value.hint ? `, ${value.hint}` : ""] : plural(size, "character")),
      button("Copy", (event) => copy(value, event.currentTarget), { class: "plain small", "aria-label": `Copy ${title.toLowerCase()}` })),
    h("pre", { tabindex: "0", "aria-label": title }, body),
    size > WHOLE ? h("p", { class: "quiet" }, `The first ${number(WHOLE)} of ${number(size)}. All of it: kafka-emulator records --json`) : null);
}

async function copy(value, pressed) {
  try {
    await navigator.clipboard.writeText(value.kind === "bytes" ? hex(value.data) : value.text);
    pressed.textContent = "Copied";
  } catch {
    pressed.textContent = "The browser does not allow it";
  }
}

function dump(data) {
  const lines = [];
  for (let at = 0; at < data.length; at += 16) {
    const row = data.subarray(at, at + 16);
    const seen = Array.from(row, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${hex(row).replace(/(..)/g, "$1 ").padEnd(49)} ${seen}`);
  }
  return lines.join("\n");
}

const TOKEN = /\s+|("(?:[^"\\]|\\.)*")(\s*:)?|([[{]\s*[\]}])|([[{])|([\]}])|(,)|([^\s[\]{},:"]+)/g;

/** JSON with an element a line. It is not parsed for that: numbers of any size, names that are there twice stay as they stand. */
function indented(text) {
  const parts = [];
  let depth = 0;
  const newLine = () => parts.push(`\n${"  ".repeat(Math.min(depth, DEEPEST))}`);
  for (const [all, string, colon, nothing, begin, end, comma, plain] of text.matchAll(TOKEN)) {
    if (string) parts.push(h("span", { class: colon ? "name" : "string" }, string), colon ? ": " : "");
    else if (nothing) parts.push(nothing.replace(/\s+/g, ""));
    else if (begin) { parts.push(begin); depth += 1; newLine(); }
    else if (end) { depth -= 1; newLine(); parts.push(end); }
    else if (comma) { parts.push(comma); newLine(); }
    else if (plain) parts.push(h("span", { class: "number" }, plain));
    else if (!all.trim()) continue;
  }
  return parts;
}
