// The page: a script goes in, its output comes out.
import * as api from "./api.js";
import { editor } from "./editor.js";
import { Output } from "./output.js";
import { ended, follow } from "./stream.js";
import * as show from "./show.js";

const { $ } = show;
const output = new Output($("output"));
const inputs = ["script", "stdin", "args", "timeout"];
let registry = [], about = {}, example = "", current = "", leave = () => {};

// --- running

async function run(event) {
  event?.preventDefault();
  if ($("run").disabled || !$("form").reportValidity()) return;
  const [language, version] = $("language").value.split(" ");
  const body = { language, version, script: $("script").value };
  if ($("stdin").value) body.stdin = $("stdin").value;
  if ($("args").value) body.args = $("args").value.replace(/\n$/, "").split("\n");
  if ($("timeout").value) body.limits = { timeout_seconds: Number($("timeout").value) };
  leave();
  current = "";
  show.fresh("Sending…");
  output.clear("");
  if (matchMedia("(max-width: 959px)").matches) $("result-title").scrollIntoView({ block: "start" });
  $("copy").disabled = true;
  busy(true);
  try {
    const execution = await api.submit(body);
    history.replaceState(null, "", `#${execution.id}`);
    join(execution.id);
  } catch (problem) {
    show.fresh("Not accepted");
    fail(problem);
  }
}

/** join follows the execution id from its beginning to its end. */
function join(id) {
  leave();
  current = id;
  show.fresh("Connecting…");
  show.identity(id, about);
  output.clear("Waiting for output…");
  busy(true);
  leave = follow(id, {
    status: (frame) => {
      show.status(frame.status, frame.queue);
      if (ended(frame.status)) $("cancel").disabled = true;
    },
    output: (frame) => { output.add(frame); $("copy").disabled = false; },
    gap: ({ reason }) => { // all of it comes again, or some of it is not to be had
      if (reason === "unknown_id") output.clear("Waiting for output…");
      else output.add({ stream: "stderr", text: "\n[some output is missing here]\n" });
    },
    link: show.link,
    problem: (problem) => { show.fresh("Not found"); fail(problem); },
    result: (execution) => {
      if (output.empty) restore(execution.result);
      output.finish("It printed nothing.");
      show.result(execution);
      busy(false);
    },
  });
}

// restore is for streams that were blocked: the result has the output, too.
function restore(result) {
  if (result.compile_output) output.add({ stream: "compile", text: result.compile_output });
  for (const stream of ["stdout", "stderr"]) if (result[stream]) output.add({ stream, text: result[stream] });
  $("copy").disabled = output.empty;
}

function busy(is) {
  $("run").disabled = is;
  $("run").textContent = is ? "Running…" : "Run";
  $("cancel").disabled = !is || !current;
  $("cancel").textContent = "Cancel";
}

function fail(problem) {
  console.warn(problem);
  busy(false);
  $("cancel").disabled = true;
  show.problem(problem);
}

async function cancel() {
  $("cancel").disabled = true;
  $("cancel").textContent = "Cancelling…";
  try {
    await api.cancel(current);
  } catch (problem) {
    if (problem.status === 409) return; // it ended just now, and the stream says so
    $("cancel").disabled = false;
    $("cancel").textContent = "Cancel";
    show.problem(problem);
  }
}

async function copy(button, text) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
  setTimeout(() => { button.textContent = label; }, 1500);
}

// --- what is remembered

const remember = () => sessionStorage.setItem("draft", JSON.stringify(Object.fromEntries(inputs.map((id) => [id, $(id).value]))));

function recall() {
  const draft = JSON.parse(sessionStorage.getItem("draft") ?? "{}");
  for (const id of inputs) if (draft[id]) $(id).value = draft[id];
  $("inputs").open = Boolean(draft.stdin || draft.args);
}

/** choose takes the example of the language, if the editor has nothing of the user's own. */
function choose() {
  const language = registry.find((l) => l.id === $("language").value.split(" ")[0]);
  if (!language) return;
  localStorage.setItem("language", $("language").value);
  const examples = registry.map((l) => l.example);
  if (!$("script").value.trim() || $("script").value === example || examples.includes($("script").value)) {
    example = language.example;
    $("script").value = example;
    remember();
  }
}

// --- the beginning

async function start() {
  editor($("script"));
  output.clear("The output appears here while the script runs.");
  $("form").addEventListener("submit", run);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run(event);
  });
  for (const id of inputs) $(id).addEventListener("input", remember);
  $("language").addEventListener("change", choose);
  $("cancel").addEventListener("click", cancel);
  $("copy").addEventListener("click", () => copy($("copy"), output.text));
  $("copy-id").addEventListener("click", () => copy($("copy-id"), current));
  window.addEventListener("hashchange", () => location.hash.length > 1 && join(decodeURIComponent(location.hash.slice(1))));
  recall();
  try {
    let ranges;
    [registry, { limits: ranges }, about] = await Promise.all([api.languages(), api.limits(), api.about()]);
    const { min, max, default: usual } = ranges.timeout_seconds;
    Object.assign($("timeout"), { min, max, placeholder: usual });
  } catch (problem) {
    return fail(problem);
  }
  $("version").textContent = about.version;
  for (const l of registry) {
    for (const version of [l.default_version, ...l.versions.filter((v) => v !== l.default_version)]) {
      $("language").add(new Option(`${l.name} ${version}`, `${l.id} ${version}`));
    }
  }
  $("language").value = localStorage.getItem("language") ?? "";
  if ($("language").selectedIndex < 0) $("language").selectedIndex = 0;
  choose();
  if (location.hash.length > 1) join(decodeURIComponent(location.hash.slice(1)));
}

start();
