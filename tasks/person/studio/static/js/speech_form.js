// What is said: a text, a recording, a sound, or that of an earlier film.

import { ask } from "./api.js";
import { choice, fill, freshId, make } from "./dom.js";
import { labelled } from "./controls.js";
import { uploadField } from "./upload.js";

const WAYS = { text: "Type it", upload: "Record or choose a sound", again: "The sound of an earlier film" };

/** Make the choice of what is said. `read()` gives the part of a request that says so, or throws what is missing. */
export async function speechForm({ voices, voice, signal }) {
  const { text: most } = await ask("/api/limits", { signal });
  const text = labelled(make("textarea", { rows: "4", maxlength: String(most), autocomplete: "off" }), "Text",
    { help: "A synthetic voice speaks it, not the person's own." });
  const tongue = labelled(choice(voices.map((name) => [name, name]), voice), "Voice");
  const sound = uploadField({ purpose: "sound", title: "Sound", record: "sound", signal, onChange: () => {},
    help: "Drop a sound or a film here, choose one, or record with the microphone." });
  const earlier = make("p", { class: "note" });
  const name = freshId("way");
  const ways = Object.entries(WAYS).map(([way, title]) => {
    const input = make("input", { type: "radio", name, value: way, checked: way === "text", onchange: () => showWay() });
    return { way, input, label: make("label", {}, input, title) };
  });
  const parts = { text: make("div", {}, text.node, tongue.node), upload: sound.node, again: earlier };
  const node = make("fieldset", {}, make("legend", {}, "What is said"),
    make("div", { class: "choices" }, ways.map(({ label }) => label)), Object.values(parts));
  let again = null;

  const way = () => ways.find(({ input }) => input.checked).way;
  function showWay() {
    for (const [each, part] of Object.entries(parts)) part.hidden = each !== way();
    ways.find(({ way: each }) => each === "again").label.hidden = again === null;
  }

  function read() {
    if (way() === "text") {
      if (!text.input.value.trim()) return missing(text, "Write what is to be said.");
      return { text: text.input.value, voice: tongue.input.value };
    }
    if (way() === "upload") {
      if (!sound.upload()) return missing(sound, "Record or choose a sound first; it must have arrived whole.");
      return { upload: sound.upload().id };
    }
    return { again: again.id };
  }

  function missing(place, words) {
    place.fail(words);
    place.input.focus();
    return null;
  }

  /** Take over what an earlier film says. */
  function write(job) {
    const request = job.request || {};
    const chosen = request.text ? "text" : "again";
    again = request.text ? null : job;
    if (request.text) {
      text.input.value = request.text;
      if (request.voice) tongue.input.value = request.voice;
    } else fill(earlier, `The sound of “${job.title}”.`);
    for (const each of ways) each.input.checked = each.way === chosen;
    showWay();
  }

  showWay();
  const focus = () => (way() === "text" ? text.input : ways.find((each) => each.way === way()).input).focus();
  return { node, read, write, focus, fields: { text, voice: tongue, upload: sound } };
}
