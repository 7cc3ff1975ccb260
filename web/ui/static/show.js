// Draws what is known of an execution.
import { ended } from "./stream.js";

export const $ = (id) => document.getElementById(id);

const names = {
  queued: "Queued", scheduled: "Starting", running: "Running", completed: "Completed",
  failed: "Failed", timeout: "Timed out", cancelled: "Cancelled", error: "Platform error",
};
const order = ["queued", "scheduled", "running"];
const rank = (status) => (ended(status) ? order.length : order.indexOf(status));

let shown = ""; // the status in the pill

/** status shows one, and never goes back: a stream tells again what was before. */
export function status(next, queue) {
  if (rank(next) >= rank(shown) && !(ended(shown) && next !== shown)) {
    shown = next;
    $("pill").className = `pill ${next}`;
    $("pill").textContent = names[next] ?? next;
  }
  if (shown !== "queued") $("queue").textContent = "";
  else if (queue) $("queue").textContent = `position ${queue.position}` + (queue.eta_seconds > 0 ? `, about ${Math.ceil(queue.eta_seconds)} s` : "");
}

/** fresh forgets the execution before. */
export function fresh(text) {
  shown = "";
  $("pill").className = "pill idle";
  $("pill").textContent = text;
  $("queue").textContent = $("link-state").textContent = "";
  for (const id of ["problem", "notice", "usage", "identity"]) $(id).hidden = true;
}

export function identity(id, about) {
  $("id").textContent = id;
  $("identity").hidden = false;
  $("saga").hidden = !about.temporal_ui_url;
  if (about.temporal_ui_url) {
    const namespace = encodeURIComponent(about.temporal_namespace || "default");
    $("saga").href = `${about.temporal_ui_url.replace(/\/+$/, "")}/namespaces/${namespace}/workflows/${encodeURIComponent(id)}`;
  }
}

export function link(state) {
  $("link-state").textContent = state === "reconnecting" ? "Reconnecting…" : "";
}

const titles = {
  400: "The request was not understood", 401: "Please sign in", 403: "That is not allowed", 404: "There is no such execution",
  413: "That is too large", 422: "Please change this", 429: "Too much at a time", 500: "Something went wrong here", 503: "A part of the platform is away",
};

export function problem(p) {
  $("problem-title").textContent = titles[p.status] ?? p.title ?? "Error";
  $("problem-detail").textContent = p.errors?.length ? "" : p.detail || (p.status >= 500 ? "It is not your fault. Try again in a moment." : "");
  $("problem-fields").replaceChildren(...(p.errors ?? []).map(({ field, rule }) => {
    const item = document.createElement("li"), name = document.createElement("code");
    name.textContent = field || "request";
    item.append(name, `: ${rule}`);
    return item;
  }));
  $("problem-id").textContent = p.correlation_id ? `Correlation ID ${p.correlation_id}` : "";
  $("problem").hidden = false;
}

const seconds = (s) => (s == null ? "–" : s < 10 ? `${s.toFixed(3)} s` : `${s.toFixed(1)} s`);

function bytes(n) {
  if (n == null) return "–";
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  for (; n >= 1024 && unit < 3; unit++) n /= 1024;
  return `${n < 10 && unit ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
}

/** result shows how x ended. */
export function result(x) {
  const r = x.result;
  status(x.status);
  $("exit-code").textContent = (r.exit_code ?? "–") + (r.signal ? ` (${r.signal})` : "");
  $("wall").textContent = seconds(r.wall_time_seconds);
  $("cpu").textContent = seconds(r.cpu_time_seconds);
  $("memory").textContent = bytes(r.peak_memory_bytes) + (r.oom_killed ? " (out of memory)" : "");
  $("usage").hidden = false;
  const notes = [verdict(x)];
  for (const stream of ["stdout", "stderr"]) {
    if (r[`${stream}_truncated`]) notes.push(`${stream} was cut: ${bytes(r[`${stream}_bytes`])} were printed, ${bytes(x.limits.output_bytes)} are kept.`);
  }
  if (!r.output_complete) notes.push("A part of the output was lost.");
  $("notice").textContent = notes.filter(Boolean).join(" ");
  $("notice").hidden = !$("notice").textContent;
}

// verdict says in words why x ended as it did, if that is not plain.
function verdict(x) {
  switch (x.error_type) {
    case "resource_limit": return `It ran into its ${(x.limit ?? "resource").replaceAll("_", " ")} limit.`;
    case "compile_error": return "It did not compile.";
    case "timeout": return `It did not end within ${x.limits.timeout_seconds} s.`;
    case "system_error": return `The platform failed${x.reason ? ` (${x.reason.replaceAll("_", " ")})` : ""}. ${x.message ?? ""}`.trim();
  }
  return x.status === "cancelled" ? `Cancelled by ${x.cancelled_by ?? "the platform"}${x.reason ? `: ${x.reason}` : ""}.` : "";
}
