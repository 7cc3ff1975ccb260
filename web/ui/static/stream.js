// Follows one execution until its result is stored, through whatever happens to the connection.
import * as api from "./api.js";

const terminal = ["completed", "failed", "timeout", "cancelled", "error"];

/** ended reports whether status is the last one of an execution. */
export const ended = (status) => terminal.includes(status);

/**
 * follow tells on what becomes of the execution id: on.status(frame), on.output(frame), on.gap(frame), on.result(execution),
 * on.link(state), which is "live", "reconnecting" or "closed", and on.problem(problem). It returns how to stop.
 */
export function follow(id, on) {
  let source, timer, last = "", failures = 0, over = false;

  const stop = () => {
    over = true;
    clearTimeout(timer);
    source?.close();
  };
  const data = (handle) => (event) => {
    last = event.lastEventId || last;
    handle(JSON.parse(event.data));
  };
  const result = (execution) => {
    if (over) return;
    stop();
    on.link("closed");
    on.result(execution);
  };

  // An EventSource comes back by itself, unless the answer was no stream: then somebody has to ask why.
  const lost = async (event) => {
    if (over || event.data) return; // an "error" event of the server: the connection ends next, and comes back
    on.link("reconnecting");
    if (source.readyState !== EventSource.CLOSED) return;
    try {
      const execution = await api.execution(id);
      if (ended(execution.status) && last === "end") return result(execution);
      if (ended(execution.status) && ++failures > 3) return result(execution); // streams are blocked, but the result is not
    } catch (problem) {
      if (over) return;
      if ([401, 403, 404].includes(problem.status)) {
        stop();
        on.link("closed");
        return on.problem(problem);
      }
    }
    if (!over) timer = setTimeout(open, Math.min(1000 * 2 ** failures++, 15000));
  };

  function open() {
    source = new EventSource(api.streamURL(id, last));
    source.addEventListener("open", () => { failures = 0; on.link("live"); });
    source.addEventListener("status", data(on.status));
    source.addEventListener("output", data(on.output));
    source.addEventListener("gap", data(on.gap));
    source.addEventListener("result_stored", data(result));
    source.addEventListener("shutdown", (event) => { // another process goes on: whoever leaves is not waited for
      on.link("reconnecting");
      source.close();
      if (!over) timer = setTimeout(open, 1000 * (JSON.parse(event.data).reconnect_after || 0));
    });
    source.addEventListener("error", lost);
  }
  open();
  return stop;
}
