// Asks the bot how it is, again and again, and shows it; says so when the bot no longer answers.

import { byId, chevron, el, facts, favicon, icon, keyed, say, setLevel } from "./dom.js";
import { drawLatency, drawOrders, drawSpark, makeGauge, updateGauge } from "./plots.js";
import * as words from "./words.js";

const EVERY = 2000; // milliseconds from one answer to the next question
const EVERY_HIDDEN = 15000;
const PATIENCE = 4000;
const LOST_AFTER = 6; // seconds without news, and the last question unanswered
const TOKEN = "gpt-trader-telemetry-token";
const TALLEST = 6; // reasons shown below the verdict

const page = {
  state: "connecting",
  latest: null, // the last answer
  heardAt: null, // when it came, by this browser's own clock
  trouble: "", // why the last question has no answer
  explained: {}, // what /health/explain says, by signal
  timer: 0,
  asking: false,
};

const now = () => performance.now() / 1000;
const silence = () => (page.heardAt === null ? Infinity : now() - page.heardAt);
// Ages are counted on the bot's clock: this browser's may be wrong.
const botTime = () => page.latest.generated_at + silence();

// Asking

class Refused extends Error {}

function keepToken(value) {
  try {
    value ? sessionStorage.setItem(TOKEN, value) : sessionStorage.removeItem(TOKEN);
  } catch { /* a browser that keeps nothing asks again after a reload */ }
  page.token = value;
}

async function fetchJson(path) {
  const headers = page.token ? { Authorization: `Bearer ${page.token}` } : {};
  let answer;
  try {
    answer = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    throw new Error(error.name === "TimeoutError" ? "The bot did not answer in time." : "The bot cannot be reached.");
  }
  if (answer.status === 401) throw new Refused();
  if (!answer.ok) throw new Error(`The bot answers, but with HTTP status ${answer.status}.`);
  try {
    return await answer.json();
  } catch {
    throw new Error("The bot's answer broke off.");
  }
}

async function ask() {
  if (page.asking) return;
  page.asking = true;
  clearTimeout(page.timer);
  try {
    heard(await fetchJson("status.json"));
    await explain();
  } catch (error) {
    if (error instanceof Refused) return lock();
    page.trouble = error.message;
  } finally {
    page.asking = false;
  }
  tick();
  page.timer = setTimeout(ask, document.hidden ? EVERY_HIDDEN : EVERY);
}

function heard(answer) {
  // The same answer again is no news: whoever gives it may have lost the bot himself.
  const isNews = page.latest?.generated_at !== answer.generated_at;
  page.trouble = isNews ? "" : "The same old answer comes again and again.";
  if (!isNews) return;
  page.latest = answer;
  page.heardAt = now();
  page.state = "heard";
  render();
}

// The sentence behind a signal is asked for while the reader has it open.
async function explain() {
  if (!document.querySelector("#signals details[open]")) return;
  try {
    const answer = await fetchJson("health/explain");
    page.explained = Object.fromEntries(answer.signals.map((signal) => [signal.name, signal]));
    renderSignals();
  } catch (error) {
    if (error instanceof Refused) throw error;
  }
}

function lock() {
  say(byId("refused"), page.token ? "That token was not accepted." : "Paste the bearer token. It stays in this tab and is forgotten with it.");
  byId("refused").classList.toggle("wrong", Boolean(page.token));
  keepToken("");
  page.state = "locked";
  page.latest = page.heardAt = null;
  tick();
  byId("token").focus();
}

// Showing

function tick() {
  const isLost = Boolean(page.trouble) && silence() > LOST_AFTER;
  if (page.state === "heard" && isLost) page.state = "lost";
  if (page.state === "lost" && !isLost) page.state = "heard";
  if (page.state === "connecting" && page.trouble) verdict("lost", "No contact", page.trouble);
  document.body.dataset.state = page.state;
  byId("locked").hidden = page.state !== "locked";
  if (page.state === "locked") {
    say(byId("heard"), "Locked");
    title("unknown", "Token needed");
  }
  if (page.latest === null) return;
  say(byId("heard"), page.state === "lost" ? `Lost, last heard ${words.ago(silence())}` : `Updated ${words.ago(silence())}`);
  renderVerdict();
  for (const node of document.querySelectorAll("[data-at]")) say(node, age(Number(node.dataset.at)));
}

function title(level, word) {
  const name = page.latest?.service;
  const text = name ? `${word} · ${name}` : word;
  if (document.title !== text) document.title = text;
  const link = document.querySelector("link[rel=icon]");
  if (link.dataset.level !== level) {
    link.dataset.level = level;
    link.href = favicon(level);
  }
}

const age = (at) => words.ago(Math.max(0, botTime() - at));

function render() {
  const { service, instance, version } = page.latest;
  say(byId("service"), service);
  // Of a random identifier, the beginning tells it from its neighbours.
  say(byId("instance"), /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(instance) ? instance.slice(0, 8) : instance);
  byId("instance").title = instance;
  say(byId("foot"), `gpt-trader-telemetry ${version}`);
  renderVerdict();
  renderSignals();
  renderChecks();
  drawOrders(byId("orders"), page.latest.history);
  drawLatency(byId("latency"), page.latest.history, signals().find((signal) => signal.name === "broker_latency_p95_ms"));
}

const signals = () => page.latest.health.signals?.signals ?? [];
const checks = () => Object.entries(page.latest.health.checks ?? {});

function verdict(level, word, reason) {
  const overall = byId("overall");
  if (setLevel(overall, level)) byId("glyph").replaceChildren(icon(level));
  say(byId("word"), word);
  say(byId("reason"), reason);
  title(level, word);
}

function renderVerdict() {
  const { health } = page.latest;
  if (page.state === "lost") {
    const then = words.clock(page.latest.generated_at);
    verdict("lost", "Lost contact", `${page.trouble} Last heard ${words.ago(silence())}, when it was ${health.status}. Everything below is from ${then}.`);
  } else {
    const word = words.words(String(health.status)), reason = words.words(String(health.reason ?? ""));
    verdict(words.LEVELS[health.status] ?? "unknown", word, reason === "Starting" ? "Not ready to trade yet." : reason);
  }
  probe(byId("ready"), health.ready, "Ready", "Not ready", health.status === "starting" ? "wait" : "crit");
  probe(byId("live"), health.live, "Live", "Dead", "crit");
  const reasons = page.state === "lost" ? [] : causes(health);
  keyed(byId("causes"), reasons, (cause) => cause.key, () => {
    const row = { name: el("b"), text: el("span"), icon: el("span") };
    row.link = el("a", {}, row.icon, el("span", {}, row.name, ": ", row.text));
    row.node = el("li", {}, row.link);
    return row;
  }, (row, cause) => {
    if (setLevel(row.node, cause.level)) row.icon.replaceChildren(icon(cause.level));
    say(row.name, cause.name);
    say(row.text, cause.text);
    row.link.setAttribute("href", cause.href);
  });
}

function probe(node, passes, yes, no, level) {
  if (setLevel(node, passes ? "ok" : level)) node.lastElementChild.replaceChildren(icon(passes ? "ok" : level), el("span"));
  say(node.lastElementChild.lastElementChild, passes ? yes : no);
}

const anchor = (kind, name) => `#${encodeURIComponent(`${kind}-${name}`)}`;

// What is wrong, the worst first, each with a link to its row.
function causes(health) {
  const found = [];
  for (const [name, check] of checks()) {
    const level = words.checkLevel(check);
    if (level === "crit" || level === "warn") found.push({ key: `c-${name}`, level, name, text: words.checkSays(check) || words.checkWord(check), href: anchor("check", name) });
  }
  for (const signal of signals()) {
    if (signal.status !== "WARN" && signal.status !== "CRIT") continue;
    found.push({ key: `s-${signal.name}`, level: words.LEVELS[signal.status], name: words.signalTitle(signal.name), text: `${words.amount(signal.value, signal.unit)}, ${words.beyond(signal)}`, href: anchor("signal", signal.name) });
  }
  if (!found.length && health.status === "degraded") found.push({ key: "signals", level: "warn", name: "Signals", text: health.signals?.message ?? "", href: "#signals-title" });
  found.sort((one, other) => (one.level === "crit" ? 0 : 1) - (other.level === "crit" ? 0 : 1));
  const more = found.length - TALLEST;
  return more > 1 ? [...found.slice(0, TALLEST), { key: "more", level: "unknown", name: `${more} more`, text: "see below", href: "#signals-title" }] : found;
}

function renderSignals() {
  const list = signals();
  const known = list.filter((signal) => signal.status !== "UNKNOWN").length;
  say(byId("signals-aside"), list.length ? `${known} of ${list.length} known` : "");
  byId("signals-card").classList.toggle("empty", !list.length);
  if (!list.length) return nothing(byId("signals"), "No signals are computed.");
  keyed(byId("signals"), list, (signal) => signal.name, makeSignal, updateSignal);
}

function makeSignal(signal) {
  const row = { icon: el("span"), title: el("span"), state: el("span", { class: "state" }), value: el("span", { class: "value" }), gauge: makeGauge(), spark: el("span", { class: "spark" }), more: el("div", { class: "more" }) };
  const name = el("span", { class: "name" }, row.title, row.state);
  row.node = el("details", { id: `signal-${signal.name}` }, el("summary", {}, row.icon, name, row.value, row.gauge.node, row.spark, chevron()), row.more);
  row.node.addEventListener("toggle", () => { if (row.node.open) { renderSignals(); ask(); } });
  return row;
}

function updateSignal(row, signal) {
  const level = words.LEVELS[signal.status] ?? "unknown";
  if (setLevel(row.node, level)) row.icon.replaceChildren(icon(level));
  say(row.title, words.signalTitle(signal.name));
  say(row.state, signal.status === "OK" ? "" : signal.status === "UNKNOWN" ? words.unknownBecause(signal.details) : words.SIGNAL_WORDS[signal.status]);
  say(row.value, words.amount(signal.value, signal.unit));
  updateGauge(row.gauge, signal);
  drawSpark(row.spark, page.latest.history?.signals?.[signal.name] ?? [], signal);
  if (!row.node.open) return;
  const said = page.explained[signal.name];
  const parts = said ? [el("p", {}, said.explanation ?? "")] : [];
  const more = { ...signal.details, ...(said?.worst_series ? { "worst series": said.worst_series.labels } : {}), ...(said?.runbook ? { runbook: said.runbook } : {}) };
  tell(row.more, [...parts, facts(more)]);
}

const RANK = { crit: 0, warn: 1, wait: 2, unknown: 3, skip: 4, ok: 5 };

function renderChecks() {
  const list = checks().map(([name, check]) => ({ name, check, level: words.checkLevel(check) }));
  list.sort((one, other) => RANK[one.level] - RANK[other.level] || one.name.localeCompare(other.name));
  const failing = list.filter((item) => item.level === "crit" || item.level === "warn").length;
  say(byId("checks-aside"), list.length ? (failing ? `${failing} of ${list.length} failing` : `${list.length} registered`) : "");
  if (!list.length) return nothing(byId("checks"), "No checks are registered. What the bot depends on can be one: ", el("code", {}, "telemetry.health.register(name, check)"));
  keyed(byId("checks"), list, (item) => item.name, makeCheck, updateCheck);
}

function makeCheck(item) {
  const row = { icon: el("span"), tag: el("span", { class: "tag" }), state: el("span", { class: "state" }), at: el("span"), took: el("span"), said: el("span", { class: "said" }), more: el("div", { class: "more" }) };
  const title = el("span", { class: "title" }, el("span", { class: "name" }, item.name), row.state, row.tag);
  row.node = el("details", { id: `check-${item.name}` }, el("summary", {}, row.icon, title, el("span", { class: "when" }, row.at, row.took), chevron(), row.said), row.more);
  return row;
}

function updateCheck(row, { check, level }) {
  if (setLevel(row.node, level)) row.icon.replaceChildren(icon(level));
  say(row.state, level === "ok" ? "" : words.checkWord(check));
  say(row.tag, check.severity === "critical" ? "critical" : "");
  say(row.said, words.checkSays(check));
  const at = words.unixTime(check.checked_at);
  at === null ? delete row.at.dataset.at : (row.at.dataset.at = at);
  say(row.at, at === null ? "" : age(at));
  say(row.took, typeof check.duration_ms === "number" ? words.milliseconds(check.duration_ms) : "");
  const empty = !Object.keys(check.details ?? {}).length;
  tell(row.more, [empty ? el("span", {}, "It told no details.") : facts(check.details)]);
}

// What has not changed stays, with whatever the reader has marked in it.
function tell(box, parts) {
  const fresh = el("div", {}, ...parts);
  if (!box.firstElementChild?.isEqualNode(fresh)) box.replaceChildren(fresh);
}

function nothing(parent, ...content) {
  parent.rows = undefined;
  parent.replaceChildren(el("div", { class: "nothing" }, ...content));
}

// Starting

try {
  page.token = sessionStorage.getItem(TOKEN) ?? "";
} catch {
  page.token = "";
}
byId("locked").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(byId("token").value.trim());
  byId("token").value = "";
  page.state = "connecting";
  ask();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden && page.state !== "locked") ask(); });
byId("glyph").replaceChildren(icon("wait"));
setInterval(tick, 1000);
ask();
