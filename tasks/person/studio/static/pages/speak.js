// Speak: what is said and how it looks; the film while it is drawn, then to keep; those of before.

import { ask } from "../js/api.js";
import { backgroundControl } from "../js/background.js";
import { announce, busy, errorPlace, fill, make } from "../js/dom.js";
import { controls, failFields } from "../js/controls.js";
import { hear } from "../js/events.js";
import { history, player } from "../js/player.js";
import { cannotSpeak, filmPart, followFilms, speaker } from "../js/speaker.js";
import { speechForm } from "../js/speech_form.js";

const TITLES = {
  blink: "Eyes and brows", size: "Height of the film", still: "Keep the head still", mouth: "How wide the mouth moves",
  compose: "What is drawn",
};

export async function show({ id, body, signal }) {
  const { path, person, speaking, films } = await speaker(id, signal);
  if (!person.speaks) {
    fill(body, cannotSpeak(id));
    if (!films.length) return;
  }
  const errors = errorPlace();
  const speech = await speechForm({ ...speaking, signal });
  const fields = speaking.fields.map((field) => ({ ...field, title: TITLES[field.name] || field.title }));
  const looks = controls(fields, { background: backgroundControl(signal) });
  const submit = make("button", { type: "submit", class: "first" }, "Speak");
  const form = make("form", { class: "sheet", noValidate: true }, speech.node,
    make("fieldset", {}, make("legend", {}, "How it looks"), looks.node), submit, errors);
  const screen = player();
  const past = history({
    onShow: (job) => { screen.show(job); screen.node.scrollIntoView({ block: "nearest" }); screen.video.focus(); },
    onAgain: (job) => {
      speech.write(job);
      looks.write(job.settings || {});
      form.scrollIntoView({ block: "nearest" });
      speech.focus();
      announce("The settings of that film are in the form");
    },
  });
  body.append(make("div", { class: "columns" }, person.speaks && form, filmPart(screen)),
  make("section", { class: "sheet" }, make("h2", {}, "Films of before"), past.node));
  past.update(films);
  const going = films.find((job) => ["running", "queued", "stopping"].includes(job.state)) || films.find((job) => job.state === "done");
  if (going) screen.show(going);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(submit, errors, async () => {
      const said = speech.read();
      if (!said) return;
      try {
        const job = hear(await ask(`${path}/speak`, { method: "POST", body: { ...said, settings: looks.read() } }));
        screen.show(job);
        screen.node.scrollIntoView({ block: "nearest" });
      } catch (error) {
        if (!failFields(error, { ...speech.fields, ...Object.fromEntries(looks.byName) })) throw error;
        announce(error.message);
      }
    });
  }, { signal });
  followFilms({ past, screen, signal, isOwn: (job) => job.person === id && ["speak", "dub"].includes(job.kind) });
}
