// Small hands for building the page. Nothing here takes markup: all text is set as text.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const byId = (id) => document.getElementById(id);

// Text is only touched when it changes, so that a reader's selection and a screen reader are left in peace.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Each level has a shape of its own: it can be told without its colour.
const SHAPES = {
  ok: ["M10 2a8 8 0 1 0 0 16a8 8 0 1 0 0-16", "M6.2 10.3l2.6 2.6l5-5.4"],
  warn: ["M10 2.6L18.4 17.2H1.6Z", "M10 8v4M10 14.4v.4"],
  crit: ["M6.7 2h6.6L18 6.7v6.6L13.3 18H6.7L2 13.3V6.7Z", "M7.2 7.2l5.6 5.6M12.8 7.2l-5.6 5.6"],
  wait: ["M10 2a8 8 0 1 0 0 16a8 8 0 1 0 0-16", "M10 5.8V10l3 2.4"],
  unknown: ["M10 2a8 8 0 1 0 0 16a8 8 0 1 0 0-16", "M7.8 7.8a2.2 2.2 0 1 1 3.3 1.9q-1.1.7-1.1 1.8M10 14v.3"],
  skip: ["M10 2a8 8 0 1 0 0 16a8 8 0 1 0 0-16", "M6.6 10h6.8"],
  lost: ["M4.2 13.4l-1.1-1.1a3.6 3.6 0 0 1 0-5L4.9 5.5M15.8 6.6l1.1 1.1a3.6 3.6 0 0 1 0 5l-1.8 1.8", "M3 3l14 14M8 3.4l.6 2M12 16.6l-.6-2"],
};

function shape(level) {
  const [outline, mark] = SHAPES[level] ?? SHAPES.unknown;
  const dashed = level === "unknown" || level === "skip" ? { "stroke-dasharray": "2.6 2.4" } : {};
  return [["path", { d: outline, "fill-opacity": level === "lost" ? "0" : "0.14", ...dashed }], ["path", { d: mark, "fill-opacity": "0" }]];
}

const STROKE = { fill: "currentColor", stroke: "currentColor", "stroke-width": "1.6", "stroke-linecap": "round", "stroke-linejoin": "round" };

export function icon(level) {
  return svg("svg", { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true", ...STROKE }, ...shape(level).map(([tag, attributes]) => svg(tag, attributes)));
}

export function chevron() {
  return svg("svg", { class: "chevron", viewBox: "0 0 16 16", "aria-hidden": "true", ...STROKE, fill: "none" }, svg("path", { d: "M6 3.5L10.5 8L6 12.5" }));
}

const ICON_COLOURS = { ok: "#0b9a76", warn: "#dd9200", crit: "#d93a26", lost: "#d93a26", wait: "#2a6fd8" };

// The tab's own sign: the same shapes, as a picture in an address.
export function favicon(level) {
  const colour = ICON_COLOURS[level] ?? "#7b8490";
  const parts = shape(level).map(([tag, attributes]) => `<${tag} ${Object.entries(attributes).map(([name, value]) => `${name}="${value}"`).join(" ")}/>`);
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20" fill="${colour}" stroke="${colour}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${parts.join("")}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(picture)}`;
}

export function setLevel(node, level) {
  if (node.dataset.level === level) return false;
  node.dataset.level = level;
  return true;
}

// Makes the children of `parent` those of `items`, keeping each item's row and what the reader opened in it.
export function keyed(parent, items, keyOf, make, update) {
  const rows = (parent.rows ??= new Map());
  const wanted = new Set(items.map(keyOf));
  for (const [key, row] of rows) {
    if (!wanted.has(key)) { row.node.remove(); rows.delete(key); }
  }
  items.forEach((item, index) => {
    const key = keyOf(item);
    if (!rows.has(key)) rows.set(key, make(item));
    const row = rows.get(key);
    if (parent.children[index] !== row.node) parent.insertBefore(row.node, parent.children[index] ?? null);
    update(row, item);
  });
  while (parent.children.length > items.length) parent.lastElementChild.remove();
}

// Nested facts as a list of names and values.
export function facts(value) {
  const list = el("dl");
  const add = (name, item) => {
    if (item !== null && typeof item === "object" && Object.keys(item).length && !(Array.isArray(item) && item.every((one) => typeof one !== "object"))) {
      for (const [inner, one] of Object.entries(item)) add(name ? `${name}.${inner}` : inner, one);
      return;
    }
    const text = item === null ? "–" : typeof item === "object" ? listed(Object.values(item)) : typeof item === "number" ? number(item) : String(item);
    list.append(el("dt", {}, name), el("dd", {}, text));
  };
  for (const [name, item] of Object.entries(value ?? {})) add(name, item);
  return list;
}

function listed(items) {
  const inline = items.join(", ");
  return inline.length > 80 ? items.join("\n") : inline || "none";
}

function number(value) {
  return Number.isInteger(value) ? value.toLocaleString("en-US") : String(Number(value.toPrecision(6)));
}
