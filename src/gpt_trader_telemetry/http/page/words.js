// How things are said: names, numbers with their units, ages, and what each status means.

const TITLES = {
  order_error_rate: "Order errors",
  order_retry_rate: "Order retries",
  broker_latency_p95_ms: "Broker latency p95",
  ws_staleness_seconds: "WebSocket silence",
  guard_trip_count: "Guard trips",
  market_data_staleness_seconds: "Market data age",
  missing_decision_ids: "Missing decision ids",
};

const UNKNOWN = {
  too_few_samples: "too few samples",
  nothing_decorated: "not measured",
  no_source: "no source",
  no_value: "nothing seen yet",
  source_failed: "its source failed",
  source_hung: "its source does not answer",
  not_evaluated: "not evaluated in time",
};

export const LEVELS = {
  healthy: "ok", degraded: "warn", unhealthy: "crit", starting: "wait",
  pass: "ok", fail: "crit", pending: "wait", skipped: "skip",
  OK: "ok", WARN: "warn", CRIT: "crit", UNKNOWN: "unknown",
};

export const SIGNAL_WORDS = { OK: "OK", WARN: "Warning", CRIT: "Critical", UNKNOWN: "Unknown" };

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// An identifier such as application_ready becomes words; a sentence stays what it is.
export function words(text) {
  return /^[a-z0-9_]+$/.test(text) ? capital(text.replaceAll("_", " ")) : capital(text);
}

export const signalTitle = (name) => TITLES[name] ?? words(name);

export const unknownBecause = (details) => UNKNOWN[details?.unknown] ?? "not known";

export function duration(seconds) {
  const value = Math.max(0, seconds);
  if (value < 90) return `${value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value)} s`;
  if (value < 5400) {
    const minutes = Math.floor(value / 60), rest = Math.round(value % 60);
    return value < 600 && rest ? `${minutes} min ${rest} s` : `${Math.round(value / 60)} min`;
  }
  return value < 172800 ? `${Math.round(value / 3600)} h` : `${Math.round(value / 86400)} days`;
}

export function milliseconds(value) {
  if (value < 1) return `${Number(value.toPrecision(2))} ms`;
  if (value < 1000) return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} ms`;
  return value < 60000 ? `${Number((value / 1000).toFixed(value < 9950 ? 2 : 1))} s` : duration(value / 1000);
}

export function amount(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "ratio") {
    const percent = value * 100;
    return `${Number(percent.toFixed(percent < 10 ? 1 : 0))}\u00a0%`;
  }
  if (unit === "ms") return milliseconds(value).replace(" ", "\u00a0");
  if (unit === "s") return duration(value).replace(" ", "\u00a0");
  return Number.isInteger(value) ? value.toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}

export function ago(seconds) {
  return seconds < 1.5 ? "just now" : `${duration(Math.round(seconds))} ago`;
}

export const clock = (unix) => new Date(unix * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// Seconds since the epoch of a time that is given as such or as ISO 8601; null where there is none.
export function unixTime(value) {
  if (typeof value === "number") return value;
  const parsed = typeof value === "string" ? Date.parse(value) / 1000 : NaN;
  return Number.isFinite(parsed) ? parsed : null;
}

export function beyond(signal) {
  const limit = signal.status === "CRIT" ? signal.threshold_crit : signal.threshold_warn;
  return `above the ${signal.status === "CRIT" ? "critical" : "warning"} threshold of ${amount(limit, signal.unit)}`;
}

const CHECK_WORDS = { pass: "Passing", fail: "Failing", pending: "Pending", skipped: "Skipped" };

export const checkWord = (check) => CHECK_WORDS[check.status] ?? words(String(check.status));

// A warning check never looks worse than a warning, whatever word it uses.
export function checkLevel(check) {
  const level = LEVELS[check.status] ?? "unknown";
  return level === "crit" && check.severity !== "critical" ? "warn" : level;
}

const listed = (value) => (Array.isArray(value) && value.length ? value.join(", ") : "");

// What the built-in checks tell in numbers and flags, in words; the first that applies.
const SAYINGS = [
  (d) => typeof d.error === "string" && d.error,
  (d) => d.timed_out && `no result within ${duration(d.timeout_seconds ?? 0)}${typeof d.blocked_at === "string" ? `, it is at ${d.blocked_at}` : ""}`,
  (d) => d.never_ran && "it has never run",
  (d) => d.last_status && `its last result is ${duration(d.age_seconds ?? 0)} old`,
  (d) => d.skipped_because && `${d.skipped_because} is ${d.dependency_status === "fail" ? "failing" : d.dependency_status ?? "not passing"}`,
  (d) => d.max_attempts_triggered === true && "it has given up reconnecting",
  (d) => d.connected === false && "disconnected",
  (d) => d.stale_reason === "nothing_received" && "nothing has been received yet",
  (d) => d.stale_reason === "message" && `no message for ${duration(d.last_message_age_seconds ?? 0)}`,
  (d) => d.stale_reason === "heartbeat" && `no heartbeat for ${duration(d.last_heartbeat_age_seconds ?? 0)}`,
  (d) => d.stale_reason === "ticker" && `no ticker for ${duration(d.last_ticker_age_seconds ?? 0)}`,
  (d) => listed(d.stale_symbols) && `stale: ${listed(d.stale_symbols)}`,
  (d) => d.global_paused === true && `everything is paused${d.global_pause_reason ? `: ${d.global_pause_reason}` : ""}`,
  (d) => d.degraded_count > 0 && `${d.degraded_count} of ${d.load_count} loads of candles are below standard`,
  (d) => typeof d.state === "string" && d.state !== "ok" && `${d.state}${typeof d.lag_seconds === "number" ? ` for ${duration(d.lag_seconds)}` : ""}${typeof d.blocked_at === "string" ? `, at ${d.blocked_at}` : ""}`,
  (d) => listed(d.issues) && d.issues.join("; "),
  (d) => typeof d.reason === "string" && d.reason,
  (d) => typeof d.message === "string" && d.message,
];

const REMARKS = [
  (d) => typeof d.warning === "string" && d.warning,
  (d) => listed(d.paused_symbols) && `paused: ${listed(d.paused_symbols)}`,
  (d) => d.reduce_only_mode === true && "reduce-only",
];

// One line on why a check is not passing, or on what is remarkable though it is; the rest is in its details.
export function checkSays(check) {
  if (check.status === "pending") return "no result yet";
  const details = check.details ?? {};
  for (const saying of checkLevel(check) === "ok" ? REMARKS : SAYINGS) {
    const said = saying(details);
    if (said) return said;
  }
  return "";
}
