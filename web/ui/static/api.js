// What the page asks of the API. Whatever goes wrong is thrown as a Problem.

const base = "/api/v1";

/** Problem is an answer of RFC 9457, or what stands for one that did not come. */
export class Problem extends Error {
  constructor(body) {
    super(body.detail || body.title);
    Object.assign(this, { errors: [] }, body);
  }
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(base + path, options);
  } catch {
    throw new Problem({ status: 0, title: "The server cannot be reached", detail: "Check the connection and try again." });
  }
  const text = await answer.text();
  let body = {};
  try {
    body = JSON.parse(text);
  } catch { /* a proxy answers in its own way */ }
  if (!answer.ok) {
    throw new Problem({ title: answer.statusText || "Error", status: answer.status, retryAfter: Number(answer.headers.get("Retry-After")), ...body });
  }
  return body;
}

const post = (path, body, headers) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });

export const languages = () => ask("/languages").then((page) => page.items);
export const limits = () => ask("/limits");
export const about = () => ask("/about");
export const execution = (id) => ask(`/executions/${encodeURIComponent(id)}`);
export const cancel = (id) => post(`/executions/${encodeURIComponent(id)}/cancel`, {});
export const streamURL = (id, last) =>
  `${base}/executions/${encodeURIComponent(id)}/stream` + (last ? `?last_event_id=${encodeURIComponent(last)}` : "");

/** submit asks for an execution. Asking again with the same key is harmless, so it does when no answer comes. */
export async function submit(body) {
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  for (let attempt = 1; ; attempt++) {
    try {
      return await post("/executions", body, { "Idempotency-Key": key });
    } catch (problem) {
      if (attempt === 3 || (problem.status !== 503 && problem.status !== 0)) throw problem;
      await new Promise((done) => setTimeout(done, 1000 * (problem.retryAfter || attempt)));
    }
  }
}
