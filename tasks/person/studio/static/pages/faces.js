// Still faces: of a voice, or of a recognition template. What should be read comes first.

import { ask } from "../js/api.js";
import { announce, busy, choice, errorPlace, fill, make } from "../js/dom.js";
import { failFields, labelled } from "../js/controls.js";
import { changes, hear } from "../js/events.js";
import { deleteButton, downloads, jobList, jobPlace } from "../js/jobs.js";
import { uploadField } from "../js/upload.js";
import { ended, when } from "../js/words.js";

const FIELDS = {
  sound: ["A voice", "Ten seconds of one person speaking, or more. Drop a sound or a film here, or choose one.", "sound"],
  picture: ["A photo", "One face towards the camera; its template is made of it. Drop a picture here, or choose one."],
  template: ["Or a template", "A file of templates (.npy, .csv or .b64) of the recogniser that the run was trained with."],
};

export const showVoice = (page) => show("voice", page);
export const showTemplate = (page) => show("template", page);

async function show(name, { body, signal }) {
  const { families } = await ask("/api/faces", { signal });
  const family = families.find((each) => each.name === name);
  const words = make("section", { class: "note warn", "aria-label": "Before you use it" },
    family.says.map((text) => make("p", {}, text)), make("p", { class: "small" }, `More: ${family.page}`));
  if (!family.runs.length) {
    fill(body, words, make("p", { class: "note" }, "No run of this kind is trained here yet. ",
      make("code", {}, family.needs), " trains one; docs/your_own_faces.md tells all of it."));
    return;
  }
  fill(body, words, form(family, signal));
}

function form(family, signal) {
  const errors = errorPlace();
  const run = labelled(choice(family.runs.map((each) => [each.name, `${each.name} (${each.task}, ${each.updates} updates)`])),
    "Run", { help: "Which trained network draws the face." });
  const fields = new Map(family.takes.map((purpose) => {
    const [title, help, record] = FIELDS[purpose];
    return [purpose, uploadField({ purpose, title, help, record, signal, onChange: (upload) => only(purpose, upload) })];
  }));
  const agreed = labelled(make("input", { type: "checkbox" }), "I have read this, and the person agreed", { check: true });
  const submit = make("button", { type: "submit", class: "first" }, "Draw the face");
  const sheet = make("form", { class: "sheet", noValidate: true }, run.node, [...fields.values()].map((field) => field.node),
    agreed.node, submit, errors);
  const screen = faceScreen();
  const past = pastFaces({ onShow: (job) => { screen.show(job); screen.heading.focus(); } });

  /** One file goes in: another one takes its place. */
  function only(purpose, upload) {
    if (!upload) return;
    for (const [other, field] of fields) if (other !== purpose && field.upload()) field.drop();
  }

  sheet.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(submit, errors, async () => {
      const [first] = fields.values();
      const given = [...fields.values()].find((field) => field.upload());
      if (!given) {
        first.fail("Give a file first; it must have arrived whole.");
        first.input.focus();
        return;
      }
      const request = { family: family.name, run: run.input.value, upload: given.upload().id, agreed: agreed.input.checked };
      try {
        screen.show(hear(await ask("/api/faces", { method: "POST", body: request })));
        given.drop();
      } catch (error) {
        if (!failFields(error, { run, agreed, upload: given })) throw error;
        announce(error.message);
      }
    });
  }, { signal });

  const isOwn = (job) => job.kind === "face" && (job.request || {}).family === family.name;
  changes.addEventListener("jobs", ({ detail }) => {
    const own = detail.filter(isOwn);
    past.update(own);
    for (const job of own) if (job.id === screen.shown()) screen.show(job);
  }, { signal });
  past.update(family.faces);
  return make("div", {}, make("div", { class: "columns" }, sheet, screen.node),
    make("section", { class: "sheet" }, make("h2", {}, "Drawn before"), past.node));
}

const picture = (address, alt) => make("img", { class: "frame", src: address, alt });

/** Make the part that shows what went in, where it is a picture, and the face that came out. */
function faceScreen() {
  const heading = make("h2", { tabindex: "-1" }, "Face");
  const bar = make("div");
  const place = jobPlace(bar);
  const content = make("div", {}, make("p", { class: "quiet" }, "The face appears here."));
  const node = make("section", { class: "sheet", "aria-label": "The face" }, heading, bar, content);
  let [shown, state] = [null, ""];
  function show(job) {
    if (job.deleted) {
      [shown, state] = [null, ""];
      place(null);
      fill(content, make("p", { class: "quiet" }, "The face appears here."));
      return;
    }
    const now = `${job.id} ${job.state}`;
    shown = job.id;
    place(job.state === "done" ? null : job);
    if (now === state) return;
    state = now;
    const { face, picture: source, sound } = job.files;
    fill(content,
      make("p", { class: "small quiet" }, `Of ${job.title}, by ${(job.request || {}).run}`),
      source && [make("h3", {}, "What went in"), picture(source, `What went in: ${job.title}`)],
      sound && make("audio", { controls: true, src: sound, preload: "none", "aria-label": `What went in: ${job.title}` }),
      job.state === "done" && face && [make("h3", {}, "What came out"), picture(face, `A made face, drawn of ${job.title}`),
        make("p", { class: "small" }, "It says in its file that it is made."), make("p", { class: "row" }, downloads(job))]);
    if (job.state === "done") announce("The face is drawn");
  }
  return { node, heading, show, shown: () => shown };
}

/** Make the list of faces that were drawn, the newest first. */
function pastFaces({ onShow }) {
  function row(job) {
    const errors = errorPlace();
    const bar = make("div");
    const place = jobPlace(bar);
    const buttons = make("div", { class: "row" });
    const item = make("li", {}, make("h3", {}, job.title || "Face"),
      make("p", { class: "small quiet" }, `${when(job.created)}, by ${(job.request || {}).run || "a run"}`), bar, buttons, errors);
    let state = "";
    const update = (now) => {
      place(now.state === "done" ? null : now);
      if (now.state === state) return;
      state = now.state;
      const see = make("button", { type: "button", "aria-label": `Show: ${now.title}`, onclick: () => onShow(now) }, "Show");
      fill(buttons, state === "done" && see, state === "done" && downloads(now),
        ended(now) && deleteButton(now, "this face", errors));
    };
    update(job);
    return { item, update };
  }
  return jobList("No face yet.", row);
}
