// Dub: new speech into the film that a person was made of.

import { ask } from "../js/api.js";
import { announce, busy, errorPlace, fill, make } from "../js/dom.js";
import { controls, failFields, labelled } from "../js/controls.js";
import { hear } from "../js/events.js";
import { history, player } from "../js/player.js";
import { cannotSpeak, filmPart, followFilms, speaker } from "../js/speaker.js";
import { speechForm } from "../js/speech_form.js";
import { uploadField } from "../js/upload.js";

const OWN = ["renderer", "steps", "seed"];

export async function show({ id, body, signal }) {
  const { path, person, speaking, films } = await speaker(id, signal);
  if (!person.speaks) {
    fill(body, cannotSpeak(id));
    return;
  }
  const errors = errorPlace();
  const film = uploadField({ purpose: "film", title: "The film they were made of", signal, onChange: () => {},
    help: "The very file that was processed: the studio does not have it any more." });
  const speech = await speechForm({ ...speaking, signal });
  const start = labelled(make("input", { type: "number", min: "0", step: "any", value: "0" }), "From second",
    { help: "Where in the film the new speech begins; what comes of it is as long as the speech." });
  const more = controls(speaking.fields.filter(({ name }) => OWN.includes(name)).map((field) => ({ ...field, group: "more" })));
  const submit = make("button", { type: "submit", class: "first" }, "Dub");
  const form = make("form", { class: "sheet", noValidate: true }, !person.film && film.node, speech.node, start.node,
    more.node, submit, errors);
  const screen = player();
  const past = history({ onShow: (job) => { screen.show(job); screen.video.focus(); }, onAgain: (job) => {
    speech.write(job);
    start.input.value = String((job.request || {}).start_s || 0);
    more.write(job.settings || {});
    speech.focus();
    announce("What that film says is in the form");
  } });
  fill(body, make("p", {}, "The lower face says something else; all else of the film stays as it is."),
    make("div", { class: "columns" }, form, filmPart(screen)),
    make("section", { class: "sheet" }, make("h2", {}, "Dubbed before"), past.node));
  past.update(films.filter((job) => job.kind === "dub"));

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(submit, errors, async () => {
      if (!person.film && !film.upload()) {
        film.fail("Give the film first; it must have arrived whole.");
        film.input.focus();
        return;
      }
      const said = speech.read();
      if (!said) return;
      const request = { ...said, start_s: Number(start.input.value) || 0, settings: more.read() };
      if (!person.film) request.film = film.upload().id;
      try {
        screen.show(hear(await ask(`${path}/dub`, { method: "POST", body: request })));
        screen.node.scrollIntoView({ block: "nearest" });
      } catch (error) {
        if (!failFields(error, { ...speech.fields, film, start_s: start, ...Object.fromEntries(more.byName) })) throw error;
        announce(error.message);
      }
    });
  }, { signal });
  followFilms({ past, screen, signal, isOwn: (job) => job.person === id && job.kind === "dub" });
}
