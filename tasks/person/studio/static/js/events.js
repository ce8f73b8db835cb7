// What goes on in the studio, the same in every tab: one stream of events for all jobs.

/** id -> job, as last heard, the oldest first. */
export const jobs = new Map();
/** "jobs" (detail: the jobs that changed), "people", "connection" (detail: whether the studio answers). */
export const changes = new EventTarget();

const AGAIN_MS = 2000;
let source = null;
let connected = true;

const tell = (name, detail) => changes.dispatchEvent(new CustomEvent(name, { detail }));

function connection(now) {
  if (now !== connected) {
    connected = now;
    tell("connection", now);
  }
}

function listen() {
  if (source || document.hidden) return;
  const own = source = new EventSource("/api/events");
  source.addEventListener("open", () => connection(true));
  source.addEventListener("jobs", (event) => {
    const all = JSON.parse(event.data).jobs.sort((a, b) => a.created - b.created); // the newest has the last word
    const gone = [...jobs.values()].filter((job) => !all.some((other) => other.id === job.id));
    jobs.clear();
    for (const job of all) jobs.set(job.id, job);
    tell("jobs", [...gone.map((job) => ({ ...job, deleted: true })), ...all]);
    tell("people");
  });
  source.addEventListener("job", (event) => hear(JSON.parse(event.data)));
  source.addEventListener("deleted", (event) => forget(JSON.parse(event.data).id));
  source.addEventListener("people", () => tell("people"));
  source.addEventListener("error", () => {
    connection(false);
    if (own.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    hush();
    setTimeout(listen, AGAIN_MS);
  });
}

function hush() {
  if (source) source.close();
  source = null;
}

/** Take in a job that an answer held. */
export function hear(job) {
  jobs.set(job.id, job);
  tell("jobs", [job]);
  return job;
}

/** Tell that a job is gone, once. */
export function forget(id) {
  const job = jobs.get(id);
  jobs.delete(id);
  if (job) tell("jobs", [{ ...job, deleted: true }]);
}

/** Listen for as long as the tab is seen: a browser opens six connections to one server, for all tabs together. */
export function follow() {
  document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
  addEventListener("pagehide", hush);
  addEventListener("pageshow", listen);
  listen();
}

/** Follow every stage of one job: `back` gets {event, stage, done, total, left_s, said} line by line. */
export function followStages(id, signal, back) {
  const lines = new EventSource(`/api/jobs/${encodeURIComponent(id)}/events`);
  for (const name of ["start", "progress", "end"]) lines.addEventListener(name, (event) => back(JSON.parse(event.data)));
  lines.addEventListener("state", (event) => {
    if (["done", "failed", "stopped"].includes(JSON.parse(event.data).state)) lines.close();
  });
  signal.addEventListener("abort", () => lines.close());
}
