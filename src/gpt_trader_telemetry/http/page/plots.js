// Gauges, sparklines and the two plots, drawn by hand in SVG. Coordinates are percents of the drawing's box.

import { el, svg, say } from "./dom.js";
import { amount, milliseconds } from "./words.js";

const FULL = { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" };

// The thresholds stand at the same place in every gauge, so that a column of them reads at a glance:
// half of the track is fine, the next 30 % warn, and the rest is critical up to three times that threshold.
export function gaugePercent(value, warn, crit) {
  if (value === null || value <= 0) return 0;
  if (value <= warn) return 50 * (value / warn);
  if (value <= crit) return 50 + 30 * ((value - warn) / (crit - warn));
  return 80 + 20 * Math.min(1, (value - crit) / (2 * crit || 1));
}

export function makeGauge() {
  const fill = el("b"), warn = el("u", { class: "at-warn" }), crit = el("u", { class: "at-crit" });
  const node = el("span", { class: "gauge", role: "img" }, el("span", { class: "track" }, fill), el("i", { class: "at-warn" }), el("i", { class: "at-crit" }), warn, crit);
  return { node, fill, warn, crit };
}

export function updateGauge(gauge, signal) {
  const { value, unit, threshold_warn: warn, threshold_crit: crit } = signal;
  gauge.fill.style.width = `${gaugePercent(value, warn, crit)}%`;
  say(gauge.warn, amount(warn, unit));
  say(gauge.crit, amount(crit, unit));
  gauge.node.setAttribute("aria-label", `${amount(value, unit)}; warning above ${amount(warn, unit)}, critical above ${amount(crit, unit)}`);
}

// A path through the points that are known; a gap where nothing is.
function path(values, top, closed) {
  const x = (index) => (100 * index) / Math.max(1, values.length - 1);
  const y = (value) => 100 - (100 * Math.min(value, top)) / top;
  const parts = [];
  let start = null;
  values.forEach((value, index) => {
    const known = typeof value === "number", follows = typeof values[index + 1] === "number";
    if (known) parts.push(`${start === null ? "M" : "L"}${x(index).toFixed(2)} ${y(value).toFixed(2)}`);
    if (known && start === null) start = index;
    if (known && start === index && !follows && !closed) parts.push("h0.01");
    if (known && closed && !follows) parts.push(`L${x(index).toFixed(2)} 100L${x(start).toFixed(2)} 100Z`);
    if (!follows) start = null;
  });
  return parts.join("");
}

const level = (at, top, kind) => svg("line", { class: kind, x1: 0, x2: 100, y1: 100 - (100 * at) / top, y2: 100 - (100 * at) / top });

export function drawSpark(box, values, signal) {
  const known = values.filter((value) => typeof value === "number");
  if (!known.length) {
    box.replaceChildren(el("span", { class: "none" }, "no data"));
    return;
  }
  const { threshold_warn: warn, threshold_crit: crit } = signal;
  const top = Math.max(warn * 1.3, Math.max(...known) * 1.12, 1e-9);
  const picture = svg("svg", FULL, level(0, top, "grid"));
  if (warn > 0) picture.append(level(warn, top, "warn"));
  if (crit < top) picture.append(level(crit, top, "crit"));
  picture.append(svg("path", { class: "area", d: path(values, top, true) }), svg("path", { class: "line", d: path(values, top, false) }));
  box.replaceChildren(picture);
  // The point of this moment may not have been sampled yet.
  const at = values.findLastIndex((value) => typeof value === "number");
  if (at >= values.length - 3) {
    const dot = el("span", { class: "end" });
    dot.style.left = `${(100 * at) / Math.max(1, values.length - 1)}%`;
    dot.style.top = `${100 - (100 * values[at]) / top}%`;
    box.append(dot);
  }
}

const RESULTS = ["success", "rejected", "failed", "blocked"];
const TIMES = ["15 min ago", "10 min", "5 min", "now"];
const BINS = 60;

const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);

function nice(top) {
  const unit = 10 ** Math.floor(Math.log10(top));
  return [1, 1.5, 2, 3, 4, 5, 8, 10].map((step) => step * unit).find((step) => step >= top * 0.999);
}

// A plot keeps its box and its tip between two drawings, so that the reader's pointer stays where it is.
function frame(box) {
  if (box.canvas) return box;
  box.canvas = el("div", { class: "canvas", role: "img" });
  box.keys = el("div", { class: "keys" });
  box.tip = el("div", { class: "tip", hidden: "" });
  const times = el("div", { class: "times", "aria-hidden": "true" }, ...TIMES.map((text) => el("span", {}, text)));
  [...times.children].forEach((node, index) => { node.style.left = `${(100 * index) / (TIMES.length - 1)}%`; });
  box.append(box.canvas, times, box.keys);
  const show = (event) => {
    const area = box.canvas.getBoundingClientRect();
    box.at = Math.min(0.9999, Math.max(0, (event.clientX - area.left) / area.width));
    point(box);
  };
  const hide = () => { box.at = null; point(box); };
  box.canvas.addEventListener("pointermove", show);
  box.canvas.addEventListener("pointerdown", show);
  box.canvas.addEventListener("pointerleave", hide);
  box.canvas.addEventListener("pointercancel", hide);
  return box;
}

function point(box) {
  const text = typeof box.at === "number" ? box.told?.(box.at) : null;
  box.tip.hidden = !text;
  box.hair?.setAttribute("visibility", text ? "visible" : "hidden");
  if (!text) return;
  say(box.tip, text);
  const right = box.at > 0.55;
  box.tip.style.left = right ? "auto" : `calc(${box.at * 100}% + 12px)`;
  box.tip.style.right = right ? `calc(${(1 - box.at) * 100}% + 12px)` : "auto";
  for (const end of ["x1", "x2"]) box.hair.setAttribute(end, box.at * 100);
}

function fill(box, picture, ticks) {
  box.hair = svg("line", { class: "hair", y1: 0, y2: 100, visibility: "hidden" });
  picture.append(box.hair);
  const labels = ticks.map(([place, text]) => {
    const label = el("u", {}, text);
    label.style.top = `${place}%`;
    return label;
  });
  box.canvas.replaceChildren(picture, ...labels, box.tip);
  point(box);
}

function empty(box, text) {
  box.told = null;
  box.canvas.replaceChildren(svg("svg", FULL, svg("line", { class: "grid", x1: 0, x2: 100, y1: 100, y2: 100 })), el("span", { class: "none" }, text));
  box.canvas.setAttribute("aria-label", text);
  box.keys.replaceChildren();
}

const whenAt = (at, seconds) => `${Math.max(0, (1 - at) * seconds / 60).toFixed(1)} min ago`;

export function drawOrders(box, history) {
  frame(box);
  const lists = RESULTS.map((result) => history?.orders?.[result] ?? []);
  const length = Math.max(0, ...lists.map((list) => list.length));
  const totals = lists.map(sum);
  if (!length || !sum(totals)) return empty(box, "No orders in this time");
  const per = Math.max(1, Math.ceil(length / BINS)), count = Math.ceil(length / per);
  // Bins end now: the first may be short.
  const bins = lists.map((list) => Array.from({ length: count }, (_, bin) => sum(list.slice(Math.max(0, length - (count - bin) * per), length - (count - bin - 1) * per))));
  const top = nice(Math.max(1, ...bins[0].map((_, bin) => sum(bins.map((series) => series[bin])))));
  const picture = svg("svg", FULL, level(0, top, "grid"), level(top / 2, top, "grid"), level(top, top, "grid"));
  for (let bin = 0; bin < count; bin += 1) {
    let below = 0;
    RESULTS.forEach((result, index) => {
      const height = (100 * bins[index][bin]) / top;
      if (height) picture.append(svg("rect", { class: result, x: (100 * (bin + 0.12)) / count, width: 76 / count, y: 100 - below - height, height }));
      below += height;
    });
  }
  const span = length * (history.step_seconds ?? 5);
  box.told = (at) => {
    const bin = Math.min(count - 1, Math.floor(at * count));
    return [whenAt((bin + 1) / count, span), ...RESULTS.map((result, index) => `${bins[index][bin]} ${result}`)].join("\n");
  };
  fill(box, picture, [[0, String(top)], [100, "0"]]);
  box.canvas.setAttribute("aria-label", `Orders: ${RESULTS.map((result, index) => `${totals[index]} ${result}`).join(", ")}`);
  box.keys.replaceChildren(...RESULTS.map((result, index) => el("span", {}, svg("svg", { viewBox: "0 0 14 10" }, svg("rect", { class: result, x: 2, y: 0, width: 10, height: 10, rx: 2 })), el("b", {}, totals[index].toLocaleString("en-US")), result)));
}

export function drawLatency(box, history, signal) {
  frame(box);
  const all = Object.entries(history?.latency_p95_ms ?? {}).filter(([, values]) => values.some((value) => typeof value === "number"));
  if (!all.length) return empty(box, "No broker calls in this time");
  const latest = (values) => values.findLast((value) => typeof value === "number");
  const shown = all.sort(([, one], [, other]) => latest(other) - latest(one)).slice(0, 6).sort(([one], [other]) => (other === "submit") - (one === "submit") || one.localeCompare(other));
  const highest = Math.max(...shown.flatMap(([, values]) => values.filter((value) => typeof value === "number")));
  const top = nice(Math.max(1, highest * 1.05));
  const picture = svg("svg", FULL, level(0, top, "grid"), level(top / 2, top, "grid"), level(top, top, "grid"));
  for (const [kind, limit] of [["warn", signal?.threshold_warn], ["crit", signal?.threshold_crit]]) {
    if (limit && limit < top) picture.append(level(limit, top, kind));
  }
  shown.forEach(([, values], index) => picture.append(svg("path", { class: `line s${index + 1}`, d: path(values, top, false) })));
  const length = Math.max(...shown.map(([, values]) => values.length)), span = length * (history.step_seconds ?? 5);
  const said = (value) => (typeof value === "number" ? milliseconds(value) : "–");
  box.told = (at) => [whenAt(at, span), ...shown.map(([name, values]) => `${said(values[Math.round(at * (values.length - 1))])}  ${name}`)].join("\n");
  fill(box, picture, [[0, milliseconds(top)], [50, milliseconds(top / 2)], [100, "0"]]);
  box.canvas.setAttribute("aria-label", `Broker latency: ${shown.map(([name, values]) => `${name} ${said(latest(values))}`).join(", ")}`);
  box.keys.replaceChildren(...shown.map(([name, values], index) => el("span", {}, svg("svg", { viewBox: "0 0 14 10" }, svg("path", { class: `line s${index + 1}`, d: "M0 5H14" })), name, el("b", {}, said(latest(values))))));
}
