// Judge: is every stage sound, and how near do drawn and spoken frames come to footage that was held back?

import { ask, person as personPath } from "../js/api.js";
import { button, errorPlace, fill, folded, make, showError } from "../js/dom.js";
import { changes, hear } from "../js/events.js";
import { jobPlace } from "../js/jobs.js";
import { ended, figure } from "../js/words.js";

const LOOKS = { good: "good", fair: "fair", poor: "bad" };
const MARKS = { good: "✓ good", fair: "! fair", poor: "✗ poor" };

export async function show({ id, body, signal }) {
  const path = personPath(id);
  const parts = {
    check: part("check", "Check", "Check", { frames: 8 },
      "Walks from the film to the speaking face and says of every stage whether it is sound."),
    evaluate: part("evaluate", "Evaluation", "Measure", {}, "Draws frames that were held back from training, from their "
      + "real landmarks and from their sound alone, and compares them with the real ones."),
  };
  fill(body, parts.check.node, parts.evaluate.node);

  function part(kind, title, act, request, help) {
    const [errors, work, results] = [errorPlace(), make("div"), make("div")];
    const begin = async () => take(hear(await ask(`${path}/${kind}`, { method: "POST", body: request })));
    const start = button(act, begin, { class: "first", errors });
    const place = jobPlace(work);
    const take = (job) => {
      const going = Boolean(job) && !ended(job);
      place(job && job.state !== "done" ? job : null);
      start.hidden = going;
    };
    const node = make("section", { class: "sheet" }, make("h2", {}, title), make("p", {}, help), make("p", {}, start), work, errors, results);
    return { node, take, results, errors };
  }

  async function refresh() {
    const judge = await ask(`${path}/judge`, { signal });
    for (const kind of ["check", "evaluate"]) parts[kind].take(judge.jobs[kind]);
    const none = (text) => make("p", { class: "quiet" }, text);
    fill(parts.check.results, judge.check ? checkInWords(judge.check) : none("Not checked yet."));
    fill(parts.evaluate.results, judge.evaluation ? evaluationInWords(judge) : none("Not measured yet."), filesOf(judge));
  }

  await refresh();
  changes.addEventListener("jobs", ({ detail }) => {
    for (const job of detail) {
      if (job.person !== id || !(job.kind in parts) || job.deleted) continue;
      parts[job.kind].take(job);
      if (ended(job)) refresh().catch((error) => showError(error, parts[job.kind].errors));
    }
  }, { signal });
}

const verdict = (word) => make("span", { class: `verdict ${LOOKS[word] || ""}` }, MARKS[word] || word);

const checkInWords = ({ stages }) => make("ul", { class: "plain" }, stages.map((stage) => make("li", {},
  make("div", { class: "row" }, make("h3", {}, stage.name), verdict(stage.verdict)), make("div", {}, stage.said),
  !["good", "not trained"].includes(stage.verdict) && make("div", { class: "small" }, stage.means),
  stage.verdict !== "good" && stage.remedy && make("div", { class: "small" }, make("strong", {}, "To mend: "), stage.remedy))));

const ROWS = [
  ["face_psnr", "Likeness of the face (dB)"], ["mouth_psnr", "Likeness of the mouth (dB)"], ["lmd_mouth", "Mouth out of place (pixels)"],
  ["lip_opening_correlation", "Lips open when the real ones do (1 is perfect)"],
];
/** From where on a figure is good, and no longer poor, where the check has no limit of that name. */
const SAME_LIMIT = { lip_opening_correlation: "lip_correlation" };

/** Judge a figure by the limits of the check, where there is one. */
function judged(name, value, limits = {}) {
  const limit = limits[SAME_LIMIT[name] || name];
  if (!limit || value === null || value === undefined) return null;
  const sign = limit.rising === false ? -1 : 1;
  return sign * value >= sign * limit.good ? "good" : sign * value >= sign * limit.fair ? "fair" : "poor";
}

function evaluationInWords({ evaluation, check }) {
  if (!evaluation.pictures) return folded("Figures", make("pre", { tabindex: "0" }, JSON.stringify(evaluation, null, 1)));
  const { rendered, spoken } = evaluation.pictures;
  const limits = check ? check.limits : {};
  const cell = (name, column) => {
    const word = column && judged(name, column[name], limits);
    return make("td", {}, figure(column ? column[name] : null), " ", word && verdict(word));
  };
  return [
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Figures of the evaluation" }, make("table", {},
      make("thead", {}, make("tr", {}, ["Against the real frames", "From real landmarks", "From the sound alone"]
        .map((title) => make("th", { scope: "col" }, title)))),
      make("tbody", {}, ROWS.map(([name, title]) => make("tr", {},
        make("th", { scope: "row" }, title), cell(name, rendered), cell(name, spoken)))))),
    make("p", { class: "small quiet" }, `Frames ${evaluation.frames[0]} to ${evaluation.frames[1] - 1}; `
      + `${figure(evaluation.seconds_per_frame)} s for a frame.`),
  ];
}

const TITLES = {
  "side_by_side.mp4": "Real, drawn and spoken, side by side", "contact_sheet.png": "The same as a sheet",
  "lip_opening.png": "How far the lips are open",
};

const filesOf = ({ files }) => files.map(({ name, type, url }) => {
  const title = TITLES[name] || name;
  if (type.startsWith("video/")) {
    const looks = { class: "film", controls: true, playsInline: true, preload: "metadata" };
    return make("div", {}, make("h3", {}, title), make("video", { ...looks, src: url, "aria-label": title }));
  }
  if (type.startsWith("image/")) return folded(title, make("img", { src: url, loading: "lazy", alt: title }));
  return make("p", {}, make("a", { href: url, download: "" }, name));
});
