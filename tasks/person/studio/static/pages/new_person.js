// A new person: a film, whose consent, which licence; what it will take is told before the button.

import { ask } from "../js/api.js";
import { announce, busy, choice, errorPlace, fill, make } from "../js/dom.js";
import { controls, failFields, labelled } from "../js/controls.js";
import { hear } from "../js/events.js";
import { settingLines } from "../js/setting_lines.js";
import { uploadField } from "../js/upload.js";
import { bytes, duration } from "../js/words.js";

const OWN = ["id", "upload", "consent", "licence", "preset", "train", "settings"];
const WAIT_MS = 400;
const TITLES = { start_s: "From second", duration_s: "Seconds to use" };
const SHORT_MINUTES = 1;

export async function show({ body, signal }) {
  const { fields, presets } = await ask("/api/people/new", { signal });
  const errors = errorPlace();
  const ahead = make("div", { class: "note", role: "status", hidden: true });
  const film = uploadField({
    purpose: "film", title: "Film", record: "film", signal, onChange: () => lookAhead(),
    help: "One person, facing the camera, speaking for 3 to 6 minutes (1 minute works); still camera, even light. "
      + "Drop a film here, or choose one.",
  });
  const text = (title, help, extra = {}) => labelled(make("input", { type: "text", autocomplete: "off", ...extra }), title, { help });
  const id = text("Name", "Letters, digits, _ . and -; no blanks.", { required: true, maxlength: "64", spellcheck: false });
  const consent = text("Consent",
    "Who agreed to what, and when: “Anna, in writing, on 3 May, to films of our lessons”. Needed.", { required: true });
  const licence = text("Licence of the film",
    "What it may be used for: “my own recording”, “CC BY 4.0”. Needed.", { required: true });
  const preset = labelled(choice(presets.map(({ name, said }) => [name, said ? `${name}: ${said}` : name])), "Training");
  const train = labelled(make("input", { type: "checkbox", checked: true }), "Train when the film is processed", { check: true });
  const others = controls(fields.filter(({ name }) => !OWN.includes(name))
    .map((field) => ({ ...field, title: TITLES[field.name] || field.title, group: "more" })));
  const size = others.byName.get("size").input;
  const usualSize = () => presets.find(({ name }) => name === preset.input.value).size;
  const showSize = () => { size.placeholder = String(usualSize()); };
  preset.input.addEventListener("change", showSize);
  showSize();
  /** Read what is under "More"; the recipes say which size is enough. */
  const readMore = () => ({ ...others.read(), size: others.read().size ?? usualSize() });
  const lines = settingLines();
  const submit = make("button", { type: "submit", class: "first" }, "Make this person");
  const more = others.node.querySelector("details");
  if (more) more.append(lines.node);

  const form = make("form", { class: "sheet", noValidate: true }, film.node, id.node, consent.node, licence.node,
    preset.node, train.node, others.node, !more && lines.node, ahead, submit, errors);
  fill(body, make("p", {}, "Only make a person of somebody who agreed to it."), form);

  let timer = 0;
  let looking = new AbortController();
  function lookAhead() {
    rest();
    timer = setTimeout(tellAhead, WAIT_MS);
  }

  /** Look no longer: something else was chosen, or the film is taken. */
  function rest() {
    clearTimeout(timer);
    looking.abort();
    looking = new AbortController();
  }

  /** Say what it would take with what is chosen now. */
  async function tellAhead() {
    const upload = film.upload();
    ahead.hidden = !upload;
    if (!upload) return;
    const mine = looking.signal;
    fill(ahead, "Looking at the film …");
    const more = readMore();
    const request = { upload: upload.id, preset: preset.input.value, size: more.size, start_s: more.start_s,
      duration_s: more.duration_s };
    try {
      const answer = await ask("/api/ahead", { method: "POST", body: JSON.parse(JSON.stringify(request)), signal: mine });
      fill(ahead, aheadInWords(answer));
      ahead.className = answer.fits ? "note" : "note bad";
    } catch (error) {
      if (mine.aborted) return;
      ahead.className = "note bad";
      fill(ahead, error.message);
    }
  }

  function aheadInWords(answer) {
    const processing = answer.processing_seconds;
    return [
      make("p", {}, make("strong", {}, `${answer.minutes.toFixed(1)} minutes of film, ${bytes(answer.bytes)} on the disk`),
        ` (${bytes(answer.free)} are free).`,
        ` Pictures of ${readMore().size} × ${readMore().size} pixels.`,
        !answer.fits && " That does not fit: choose a shorter stretch or a smaller size, or make room."),
      answer.minutes < SHORT_MINUTES && make("p", {}, "That is short: 3 to 6 minutes teach a face far better, 1 minute works."),
      make("p", {}, processing ? `On two processor cores processing takes about ${duration(processing)}` : "",
        train.input.checked && answer.training_seconds ? ` and training about ${duration(answer.training_seconds)}` : "",
        "; a GPU is much quicker, a machine with much else to do slower."),
      answer.fetch_said && make("p", {}, answer.fetch_said),
      answer.said && make("details", {}, make("summary", {}, "All of it"), make("pre", { tabindex: "0" }, answer.said)),
    ];
  }

  signal.addEventListener("abort", rest);
  form.addEventListener("change", lookAhead, { signal });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(submit, errors, async () => {
      const places = { upload: film, id, consent, licence, preset, settings: lines, ...Object.fromEntries(others.byName) };
      const missing = {
        ...(!film.upload() && { upload: "Give a film first; it must have arrived whole." }),
        ...(!id.input.value.trim() && { id: "Give the person a name." }),
        ...(consent.input.value.trim().length < 3 && { consent: "Say who agreed to what. Without consent there is no person." }),
        ...(licence.input.value.trim().length < 3 && { licence: "Say what the film may be used for." }),
      };
      if (failFields({ fields: missing }, places)) {
        announce(Object.values(missing).join(" "));
        return;
      }
      rest();
      try {
        const answer = await ask("/api/people", { method: "POST", body: {
          ...readMore(), id: id.input.value.trim(), upload: film.upload().id, consent: consent.input.value.trim(),
          licence: licence.input.value.trim(), preset: preset.input.value, train: train.input.checked, settings: lines.read(),
        } });
        answer.jobs.forEach(hear);
        location.hash = `#/people/${encodeURIComponent(answer.person.id)}/footage`;
      } catch (error) {
        if (!failFields(error, places)) throw error;
        announce(error.message);
      }
    });
  }, { signal });
}
