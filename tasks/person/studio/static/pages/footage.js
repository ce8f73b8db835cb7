// What processing made of a film: how far it is, its report as it is, and every frame.

import { ask, person as personPath } from "../js/api.js";
import { busy, button, clear, errorPlace, fill, folded, freshId, link, make, showError } from "../js/dom.js";
import { labelled } from "../js/controls.js";
import { changes, followStages, hear } from "../js/events.js";
import { jobPlace } from "../js/jobs.js";
import { duration, ended, place, stageName, stageState } from "../js/words.js";

const FPS = 25;
const MARKS = { pass: ["good", "✓ passed"], warn: ["fair", "! look"], fail: ["bad", "✗ failed"] };

export async function show({ id, body, signal }) {
  const path = personPath(id);
  const [work, stages, first] = [make("div"), make("div"), make("div")];
  const [report, frames] = [make("section", { class: "sheet" }), make("section", { class: "sheet" })];
  const showJob = jobPlace(work);
  const errors = errorPlace();
  fill(body, work, errors, stages, first, make("div", { class: "columns" }, frames, report), againPart(path, signal));
  let [known, followed] = ["", ""];

  function showReport(footage) {
    const mend = footage.mend_first;
    fill(first, mend && make("div", { class: `note ${mend.verdict === "fail" ? "bad" : "warn"}` },
      make("p", {}, make("strong", {}, `Mend first: ${mend.name}`), ` (${mend.value}). `, mend.remedy)),
    footage.report && !mend && make("p", { class: "note good" }, "Nothing to mend in this film."),
    footage.report && make("p", {}, link(`people/${encodeURIComponent(id)}/training`, "On to training")));
    const none = (text) => make("p", { class: "quiet" }, text);
    const noReport = footage.frames ? "The report was not kept." : "There is no report yet: the film is not processed.";
    fill(report, make("h2", {}, "Report"), footage.report ? reportInWords(footage) : none(noReport));
    fill(frames, make("h2", {}, "Frames"), footage.frames ? frameSlider(path, id, footage) : none("There are no frames yet."));
  }

  async function refresh() {
    const footage = await ask(`${path}/footage`, { signal });
    take(footage.job);
    const { job, ...rest } = footage;
    const text = JSON.stringify(rest);
    if (text !== known) showReport(footage);
    known = text;
  }

  function take(job) {
    showJob(job && job.state !== "done" ? job : null);
    if (job && job.state === "running" && followed !== job.id) {
      followed = job.id;
      stageBars(job.id, stages, signal);
    }
    if (!job || job.state === "done") fill(stages);
  }

  await refresh();
  changes.addEventListener("jobs", ({ detail }) => {
    for (const job of detail) {
      if (job.person !== id || job.kind !== "process") continue;
      if (job.deleted) continue;
      take(job);
      if (ended(job)) {
        followed = "";
        refresh().then(() => clear(errors), (error) => showError(error, errors));
      }
    }
  }, { signal });
}

/** Show a bar for every stage of a job as it comes. */
function stageBars(jobId, node, signal) {
  const bars = new Map();
  const list = make("ul", { class: "plain" });
  fill(node, make("section", { class: "sheet" }, make("h2", {}, "Stages"), list));
  followStages(jobId, signal, (line) => {
    if (!bars.has(line.stage)) {
      const bar = make("progress", { "aria-label": stageName(line.stage) });
      const words = make("span");
      bars.set(line.stage, { bar, words });
      list.append(make("li", {}, make("div", { class: "bar" }, words, bar)));
    }
    const { bar, words } = bars.get(line.stage);
    bar.max = Math.max(1, line.total);
    bar.value = line.done;
    words.textContent = line.event === "end" && line.done >= line.total ? `${stageName(line.stage)}: done`
      : stageState(line);
  });
}

const picture = (src, alt) => make("img", { src, alt, loading: "lazy" });

function reportInWords({ report, contact_sheet: sheet, curves }) {
  const order = { fail: 0, warn: 1, pass: 2 };
  const checks = [...report.checks].sort((a, b) => order[a.verdict] - order[b.verdict]);
  const seconds = Object.entries(report.seconds || {});
  return [
    make("ul", { class: "plain" }, checks.map((check) => {
      const [look, word] = MARKS[check.verdict] || ["", check.verdict];
      return make("li", {}, make("div", { class: "row" }, make("h3", {}, check.name), make("span", { class: `verdict ${look}` }, word)),
        make("div", {}, check.value), check.remedy && make("div", { class: "small" }, check.remedy));
    })),
    seconds.length > 0 && make("details", {}, make("summary", {}, "How long it took"),
      make("dl", { class: "facts" }, seconds.map(([stage, took]) => [make("dt", {}, stageName(stage)), make("dd", {}, duration(took))]))),
    sheet && folded("Contact sheet", picture(sheet, "Frames from all over the film with landmarks and masks")),
    curves && folded("Curves", picture(curves, "Lip opening, head turn and sound over the film")),
  ];
}

const LAYERS = { landmarks: "Landmarks", masks: "Masks of head, neck and torso", pose: "Head pose" };

/** Move over the frames of a film, with what was found in each. */
function frameSlider(path, id, footage) {
  const last = footage.frames - 1;
  const slider = make("input", { type: "range", min: "0", max: String(last), value: "0", id: freshId("frame") });
  const picture = make("img", { class: "frame", width: footage.width, height: footage.height, alt: "" });
  const told = make("p", { class: "small" });
  const errors = errorPlace();
  const layers = footage.layers.map((name) => ({ name, input: make("input", { type: "checkbox", checked: name === "landmarks" }) }));
  let [wanted, shown, loading] = ["", "", false];

  const where = (index) => {
    const facts = [`Frame ${index} of ${last}, at ${place(index / FPS)}`];
    if ((footage.left_out || []).some(([a, b]) => index >= a && index < b)) facts.push("left out of training");
    else if (footage.val_start && index >= footage.val_start) facts.push("held back to judge by");
    if ((footage.cuts || []).includes(index)) facts.push("a cut");
    return facts.join(", ");
  };

  function update() {
    const index = Number(slider.value);
    const chosen = layers.filter(({ input }) => input.checked).map(({ name }) => name);
    wanted = `${path}/frames/${index}.jpg${chosen.length ? `?layers=${chosen.join(",")}` : ""}`;
    told.textContent = where(index);
    slider.setAttribute("aria-valuetext", where(index));
    picture.alt = `Frame ${index} of ${id}${chosen.length ? ` with ${chosen.join(" and ")}` : ""}`;
    load();
  }

  /** Load the newest wanted frame, one at a time: a slider asks faster than frames are drawn. */
  function load() {
    if (loading || wanted === shown) return;
    loading = true;
    shown = wanted;
    picture.src = wanted;
  }
  const loaded = () => { loading = false; load(); };
  picture.addEventListener("load", () => { fill(errors); loaded(); });
  picture.addEventListener("error", () => { fill(errors, make("p", { class: "note bad" }, "This frame could not be drawn.")); loaded(); });
  slider.addEventListener("input", update);
  layers.forEach(({ input }) => input.addEventListener("change", update));
  update();
  const step = (by, text, name) => button(text, () => {
    slider.value = String(Number(slider.value) + by);
    update();
  }, { "aria-label": name });
  return [picture, make("label", { class: "unseen", for: slider.id }, "Frame"), slider, told,
    make("div", { class: "row" }, step(-1, "◀ 1", "One frame back"), step(1, "1 ▶", "One frame on"),
      step(-FPS, "◀ 1 s", "One second back"), step(FPS, "1 s ▶", "One second on")),
    make("fieldset", {}, make("legend", {}, "Drawn over it"), make("div", { class: "choices" },
      layers.map(({ name, input }) => make("label", {}, input, LAYERS[name] || name)))), errors];
}

function againPart(path, signal) {
  const errors = errorPlace();
  const number = (title, help, extra) => labelled(make("input", { type: "number", ...extra }), title, { help });
  const size = number("Size", "Height of the square picture, in pixels. Empty: as before.", { min: "64", max: "1024", step: "1" });
  const start = number("From", "Seconds of the film to begin at. Empty: as before.", { min: "0", step: "any" });
  const length = number("For", "Seconds of the film to use. Empty: as before.", { min: "1", step: "any" });
  const submit = make("button", { type: "submit" }, "Process again");
  const form = make("form", { noValidate: true, onsubmit: (event) => {
    event.preventDefault();
    busy(submit, errors, async () => {
      const given = Object.entries({ size, start_s: start, duration_s: length }).filter(([, { input }]) => input.value !== "");
      const request = Object.fromEntries(given.map(([name, { input }]) => [name, Number(input.value)]));
      hear(await ask(`${path}/process`, { method: "POST", body: request }));
      scrollTo(0, 0);
    });
  } }, make("div", { class: "grid" }, size.node, start.node, length.node), submit, errors);
  return make("details", { class: "sheet" }, make("summary", {}, "Process the film again"),
    make("p", { class: "small" }, "Only stages are done again whose settings changed."), form);
}
