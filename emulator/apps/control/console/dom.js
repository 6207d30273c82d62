// Elements made of values, never of markup, and a page brought up to date without losing focus, selection or what stands in fields.

const HANDLERS = ["onclick", "onsubmit", "oninput", "onchange", "ontoggle"];
const OF_THE_READER = new Set(["open", "value", "checked", "selected"]);

/** h("a", {href: "#/"}, "text", child, [children], null)
 *
 * What has {same: "..."} takes one child, a function that gives its children: called once, however often the page is looked at. */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element[name] = value;
    else if (name === "key" || name === "same") element.dataset[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  if (props?.same) {
    later.set(element, children[0]);
    return element;
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false).map(asNode));
  return element;
}

const later = new WeakMap(); // element -> what gives its children

function settled(node) {
  const waiting = node instanceof Element ? [node, ...node.querySelectorAll("[data-same]")].filter((one) => later.has(one)) : [];
  for (const one of waiting) {
    one.append(...[later.get(one)()].flat(Infinity).filter(Boolean).map(asNode));
    later.delete(one);
  }
  return node;
}

const asNode = (child) => (child instanceof Node ? child : document.createTextNode(String(child)));

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A line through values, the last at the right. */
export function spark(values, label) {
  const [width, height, most] = [120, 28, Math.max(1, ...values)];
  const points = values.map((value, at) => `${width - (values.length - 1 - at) * 3},${(height - 2 - (value / most) * (height - 4)).toFixed(1)}`);
  return svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, svg("polyline", { points: points.join(" ") }));
}

/** How much of the most there is. */
export const bar = (value, most, label) => svg("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": label },
  svg("rect", { width: most ? (100 * value) / most : 0, height: 8 }));

/** The children of `element` become these; those that are there already, by key or by place, stay and are changed. */
export function fill(element, ...children) {
  morphChildren(element, h("div", null, ...children));
}

function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || keyOf(from) !== keyOf(to)) {
    from.replaceWith(settled(to));
    return;
  }
  if (from.dataset?.same && from.dataset.same === to.dataset.same) return;
  settled(to);
  if (from.nodeType === Node.TEXT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && !OF_THE_READER.has(name)) from.removeAttribute(name);
  for (const { name, value } of to.attributes) if (!OF_THE_READER.has(name) && from.getAttribute(name) !== value) from.setAttribute(name, value);
  for (const name of HANDLERS) if (from[name] !== to[name]) from[name] = to[name];
  morphChildren(from, to);
}

function morphChildren(from, to) {
  const keyed = new Map([...from.children].filter(keyOf).map((child) => [keyOf(child), child]));
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const key = keyOf(wanted);
    const found = key ? keyed.get(key) : at && !keyOf(at) ? at : undefined;
    if (!found) from.insertBefore(settled(wanted), at);
    else {
      if (found === at) at = at.nextSibling;
      else from.insertBefore(found, at);
      morph(found, wanted);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

const keyOf = (node) => (node.dataset && node.dataset.key) || "";

/** A table: `columns` are [heading, class or ""], `rows` arrays of cells, or {key, class, cells, below}; `empty` is said where there is none. */
export function table(caption, columns, rows, empty = "None.") {
  if (!rows.length) return h("p", { class: "empty" }, empty);
  const head = h("tr", null, columns.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)));
  const body = rows.flatMap((row) => {
    const { key, kind, cells, below } = Array.isArray(row) ? { cells: row } : row;
    const made = h("tr", { key, class: kind }, cells.map((cell, at) => h("td", { class: columns[at][1] }, cell)));
    return below ? [made, h("tr", { key: `${key} below`, class: "below" }, h("td", { colspan: columns.length }, below))] : [made];
  });
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", null, h("caption", { class: "unseen" }, caption), h("thead", null, head), h("tbody", null, body)));
}

export const badge = (text, kind = "") => h("span", { class: `badge ${kind}` }, text);
export const button = (text, onclick, props) => h("button", { type: "button", onclick, ...props }, text);
export const field = (label, input, props) => h("label", { class: "field", ...props }, h("span", null, label), input);
