// Training: for every stage one figure in words, its curve, and its newest picture.

import { ask, person as personPath } from "../js/api.js";
import { busy, choice, clear, confirmed, errorPlace, fill, link, make, showError } from "../js/dom.js";
import { failFields, labelled } from "../js/controls.js";
import { drawCurve } from "../js/curve.js";
import { changes, hear } from "../js/events.js";
import { jobPlace } from "../js/jobs.js";
import { settingLines } from "../js/setting_lines.js";
import { ended, figure } from "../js/words.js";

const STATES = { none: "not begun", part: "begun", running: "being trained", done: "done" };
const EVERY_MS = 5000;

export async function show({ id, body, signal }) {
  const path = personPath(id);
  const work = make("div");
  const showJob = jobPlace(work);
  const cards = make("ul", { class: "cards" });
  const training = await ask(`${path}/training`, { signal });
  const begin = beginPart(path, training, signal);
  const ready = make("p", { class: "note good", hidden: true }, "All stages are trained. ",
    link(`people/${encodeURIComponent(id)}/speak`, "Let them speak"));
  const errors = errorPlace();
  fill(body, work, errors, ready, begin.node, cards);
  const shown = new Map();

  function take({ job, stages }) {
    showJob(job && job.state !== "done" ? job : null);
    const going = Boolean(job) && !ended(job);
    const done = stages.every((stage) => stage.state === "done");
    begin.update({ going, done, paused: Boolean(job) && job.state === "stopped" && job.resumable });
    ready.hidden = !done || going;
    for (const stage of stages) {
      if (!shown.has(stage.name)) {
        shown.set(stage.name, stageCard(stage));
        cards.append(shown.get(stage.name).item);
      }
      shown.get(stage.name).update(stage);
    }
  }
  take(training);

  let [last, waiting] = [Date.now(), 0];
  async function refresh() {
    waiting = 0;
    last = Date.now();
    try {
      take(await ask(`${path}/training`, { signal }));
      clear(errors);
    } catch (error) {
      showError(error, errors);
    }
  }
  changes.addEventListener("jobs", ({ detail }) => {
    for (const job of detail) {
      if (job.person !== id || job.kind !== "train" || job.deleted) continue;
      showJob(job.state === "done" ? null : job);
      clearTimeout(waiting);
      waiting = setTimeout(refresh, ended(job) ? 0 : Math.max(0, last + EVERY_MS - Date.now()));
    }
  }, { signal });
  signal.addEventListener("abort", () => clearTimeout(waiting));
}

function beginPart(path, { preset: now, presets }, signal) {
  const errors = errorPlace();
  const preset = labelled(choice(presets.map(({ name, said }) => [name, said ? `${name}: ${said}` : name]), now), "Recipes",
    { help: "Those of the last time go on; others train anew." });
  const lines = settingLines();
  const reset = labelled(make("input", { type: "checkbox" }), "Train anew; the old runs are set aside", { check: true });
  const submit = make("button", { type: "submit", class: "first" }, "Train");
  const form = make("form", { class: "sheet", noValidate: true }, make("div", {}, preset.node,
    make("details", {}, make("summary", {}, "More"), lines.node, reset.node)), submit, errors);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(submit, errors, async () => {
      const request = { preset: preset.input.value, settings: lines.read(), reset: reset.input.checked };
      const content = make("p", {}, "All stages begin again from nothing; what was trained is set aside.");
      if (request.reset && !await confirmed({ title: "Train anew?", content, agree: "Train anew" })) return;
      try {
        hear(await ask(`${path}/train`, { method: "POST", body: request }));
        scrollTo(0, 0);
      } catch (error) {
        if (!failFields(error, { preset, settings: lines })) throw error;
      }
    });
  }, { signal });
  const update = ({ going, done, paused }) => {
    form.hidden = going;
    submit.textContent = done ? "Train again" : paused ? "Train with other settings" : "Train"; // "Go on" keeps those it has
    submit.className = done || paused ? "" : "first";
  };
  return { node: form, update };
}

function stageCard(stage) {
  const state = make("span", { class: "verdict" });
  const words = make("span", { class: "quiet" });
  const bar = make("progress", { "aria-label": stage.title });
  const told = make("p");
  const curves = make("div");
  const pictures = make("div");
  const item = make("li", { class: "sheet" }, make("h2", {}, stage.title), make("div", { class: "row" }, state, words), bar,
    told, pictures, curves);
  let known = "";

  function update(now) {
    const text = JSON.stringify(now);
    if (text === known) return;
    known = text;
    state.textContent = STATES[now.state] || now.state;
    state.className = `verdict ${now.state === "done" ? "good" : now.state === "running" ? "fair" : ""}`;
    words.textContent = now.total ? `${now.done} of ${now.total} updates` : now.done ? `${now.done} updates` : "";
    bar.max = now.total || 1;
    bar.value = now.done || 0;
    const none = { none: "", done: "No figure: the film is too short to hold enough back for one." };
    told.textContent = now.figure ? now.figure.said : none[now.state] ?? "No figure yet.";
    drawCurves(now);
    drawPictures(now);
  }

  function drawCurves(now) {
    const drawn = now.curves.map((curve) => [curve, drawCurve(curve)]).filter(([, svg]) => svg);
    const open = new Set([...curves.querySelectorAll("details[open]")].map((node) => node.dataset.name));
    fill(curves, drawn.map(([curve, svg], index) => {
      const best = curve.better === "higher" ? "higher is better" : curve.better === "lower" ? "lower is better" : "";
      const words = [curve.said, best, `now ${figure(curve.points.at(-1)[1])}`].filter(Boolean).join(", ");
      const content = [make("p", { class: "small quiet" }, words), svg];
      if (!index) return make("div", {}, content);
      const folded = make("details", { open: open.has(curve.name) }, make("summary", {}, curve.said), content);
      folded.dataset.name = curve.name;
      return folded;
    }));
  }

  /** Show the newest picture at once, animations when they are asked for: what moves unasked disturbs. */
  function drawPictures(now) {
    const open = new Set([...pictures.querySelectorAll("details[open]")].map((node) => node.dataset.tag));
    fill(pictures, now.pictures.map((each) => {
      const picture = make("img", { src: each.url, loading: "lazy", alt: `${each.title} of “${now.title}”, update ${each.update}` });
      const said = make("p", { class: "small quiet" }, `${each.title}, at update ${each.update}`);
      if (each.kind !== "animation") return make("div", {}, picture, said);
      const folded = make("details", { open: open.has(each.tag) }, make("summary", {}, `Animation: ${each.title}`), picture, said);
      folded.dataset.tag = each.tag;
      return folded;
    }));
  }

  update(stage);
  return { item, update };
}
