// One job as a bar with words and buttons; it is changed in place, so that the keyboard's focus stays.

import { ask, download, job as jobPath } from "./api.js";
import { button, confirmed, errorPlace, fill, make } from "./dom.js";
import { forget, hear } from "./events.js";
import { ended, jobName, jobState } from "./words.js";

/** Show how far a job is, with what can be done about it. */
export class JobBar {
  /** `small` leaves out what an ended job offers. */
  constructor(job, { small = false } = {}) {
    this.small = small;
    this.name = make("strong", {}, jobName(job));
    this.words = make("span", { class: "quiet" });
    this.bar = make("progress", { "aria-label": jobName(job) });
    this.errors = errorPlace();
    const act = (path) => async () => hear(await ask(`${jobPath(this.job.id)}/${path}`, { method: "POST" }));
    const named = (text) => ({ errors: this.errors, "aria-label": `${text}: ${jobName(job)}` });
    this.stop = button("Pause", act("stop"), named("Pause"));
    this.resume = button("Go on", act("resume"), { ...named("Go on"), class: "first" });
    this.log = make("details", { ontoggle: () => this.showLog() }, make("summary", {}, "What it said"));
    this.said = make("pre", { tabindex: "0" });
    this.log.append(this.said);
    this.node = make("div", { class: "bar" }, make("div", { class: "line" }, this.name, this.words), this.bar,
      make("div", { class: "row" }, this.stop, this.resume), this.log, this.errors);
    this.update(job);
  }

  update(job) {
    this.job = job;
    const { progress, state } = job;
    const text = jobState(job);
    if (this.words.textContent !== text) this.words.textContent = text;
    const known = progress && progress.total > 0 && state !== "queued";
    if (known) {
      this.bar.max = progress.total;
      this.bar.value = progress.done;
    }
    this.bar.hidden = ended(job) || !known; // one that only wanders to and fro costs the machine as much as a job
    const focused = [this.stop, this.resume].includes(document.activeElement);
    this.stop.hidden = !["running", "queued"].includes(state);
    this.resume.hidden = !(["stopped", "failed"].includes(state) && job.resumable);
    if (focused) (this.stop.hidden ? this.resume : this.stop).focus();
    this.log.hidden = this.small || state !== "failed";
    this.node.classList.toggle("failed", state === "failed");
  }

  async showLog() {
    if (!this.log.open) return;
    try {
      const answer = await fetch(`${jobPath(this.job.id)}/log`);
      const text = await answer.text();
      this.said.textContent = answer.ok ? text || "Nothing." : text;
    } catch {
      this.said.textContent = "The studio does not answer.";
    }
  }
}

/** Show the job in a place whenever it changes, until the signal. Return a function that takes it in. */
export function jobPlace(node) {
  let bar = null;
  return (job) => {
    if (!job) {
      bar = null;
      fill(node);
    } else if (bar && bar.job.id === job.id) bar.update(job);
    else {
      bar = new JobBar(job);
      fill(node, bar.node);
    }
  };
}

/** Make a list of jobs, the newest first; `row(job)` makes one with what changes it: {item, update}. */
export function jobList(none, row) {
  const list = make("ul", { class: "plain" });
  const nothing = make("p", { class: "quiet" }, none);
  const rows = new Map();

  /** Take in jobs, new ones on top. */
  function update(jobs) {
    for (const job of [...jobs].sort((a, b) => a.created - b.created)) {
      const known = rows.get(job.id);
      if (job.deleted) {
        if (known) known.item.remove();
        rows.delete(job.id);
      } else if (known) known.update(job);
      else {
        rows.set(job.id, row(job));
        list.prepend(rows.get(job.id).item);
      }
    }
    nothing.hidden = rows.size > 0;
  }

  return { node: make("div", {}, nothing, list), update };
}

/** Links to what a job has made. */
export function downloads(job) {
  const names = { film: "Film (mp4)", words: "Subtitles (WebVTT)", sound: "Sound", pack: "Packed person", face: "Face (png)" };
  return Object.entries(names).filter(([name]) => job.files && job.files[name]).map(([name, text]) => make("a", {
    class: "button", href: download(job.files[name]), download: "", "aria-label": `Download ${text}: ${jobName(job)}`,
  }, text));
}

/** A button that deletes an ended job after a question. */
export function deleteButton(job, what, errors) {
  return button("Delete", async () => {
    const content = make("p", {}, `"${job.title || jobName(job)}" and its files are deleted for good.`);
    if (!await confirmed({ title: `Delete ${what}?`, content, agree: "Delete it" })) return;
    await ask(jobPath(job.id), { method: "DELETE" });
    forget(job.id);
  }, { errors, class: "danger", "aria-label": `Delete: ${jobName(job)}` });
}
