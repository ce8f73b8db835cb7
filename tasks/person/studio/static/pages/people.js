// Everybody who is here, as cards.

import { ask, download, job as jobPath, person as personPath } from "../js/api.js";
import { busy, button, clear, confirmed, errorPlace, fill, link, make, showError } from "../js/dom.js";
import { changes, hear, jobs } from "../js/events.js";
import { failFields, labelled } from "../js/controls.js";
import { jobPlace } from "../js/jobs.js";
import { uploadField } from "../js/upload.js";
import { bytes, duration, ended } from "../js/words.js";

const STATES = {
  new: "Not processed yet", processing: "The film is being looked at", processed: "Processed, not trained yet",
  training: "Being trained", trained: "Trained: can speak",
};

export async function show({ body, signal }) {
  const list = make("ul", { class: "cards" });
  const none = make("div", { class: "note", hidden: true }, make("p", {}, "Nobody is here yet. ",
    link("new", "Make a person of a film"), ", or unpack one below."));
  const errors = errorPlace();
  fill(body, errors, none, list, unpackPart(signal));
  const cards = new Map();

  async function refresh() {
    const { people } = await ask("/api/people", { signal });
    none.hidden = people.length > 0;
    for (const [id, card] of cards) {
      if (!people.some((person) => person.id === id)) {
        if (card.item.contains(document.activeElement)) document.querySelector("h1").focus();
        card.item.remove();
        cards.delete(id);
      }
    }
    for (const person of people) {
      if (!cards.has(person.id)) {
        cards.set(person.id, personCard(person));
        list.append(cards.get(person.id).item);
      }
      cards.get(person.id).update(person);
    }
  }

  await refresh();
  let [refreshing, wanted] = [false, false];
  changes.addEventListener("people", async () => {
    wanted = true;
    if (refreshing) return;
    refreshing = true;
    while (wanted && !signal.aborted) {
      wanted = false;
      try {
        await refresh();
        clear(errors);
      } catch (error) {
        showError(error, errors);
      }
    }
    refreshing = false;
  }, { signal });
  changes.addEventListener("jobs", ({ detail }) => {
    for (const job of detail) {
      if (job.person && cards.has(job.person)) cards.get(job.person).hear(job);
    }
  }, { signal });
  for (const job of jobs.values()) if (cards.has(job.person) && !ended(job)) cards.get(job.person).hear(job);
}

function personCard(person) {
  const { id } = person;
  const to = `people/${encodeURIComponent(id)}`;
  const errors = errorPlace();
  const content = make("div");
  const work = make("div");
  const packs = make("div", { class: "row" });
  const place = jobPlace(work);
  let known = "";

  const pack = button("Pack", async () => hear(await ask(`${personPath(id)}/pack`, { method: "POST", body: {} })),
    { errors, "aria-label": `Pack ${id} into one file` });
  const remove = button("Delete", async () => {
    const plan = await ask(`${personPath(id)}/deletion`);
    const content = make("div", {}, make("p", {}, "These are deleted for good:"), deletionList(plan));
    if (await confirmed({ title: `Delete ${id}?`, content, agree: `Delete ${id}`, word: id })) {
      await ask(personPath(id), { method: "DELETE", body: { confirm: id } });
      changes.dispatchEvent(new CustomEvent("people"));
    }
  }, { errors, class: "danger", "aria-label": `Delete ${id}` });
  const speak = link(`${to}/speak`, "Speak", { class: "button", "aria-label": `Let ${id} speak` });
  const item = make("li", { class: "sheet" }, content, work, packs,
    make("div", { class: "row end" }, speak,
      link(`${to}/footage`, "Open", { class: "button", "aria-label": `Open ${id}` }), pack, remove), errors);

  function update(now) {
    const text = JSON.stringify(now);
    if (text === known) return;
    known = text;
    const done = now.stages.filter((stage) => stage.state === "done").length;
    const state = now.speaks && now.state !== "trained" ? "Can speak; training is not done" : STATES[now.state] || now.state;
    const poster = { class: "poster", src: `${now.poster}?${now.frames}`, alt: `A frame of ${id}`, loading: "lazy" };
    fill(content, now.poster && make("img", poster),
      make("h2", {}, link(`${to}/${now.speaks ? "speak" : "footage"}`, id)),
      make("p", {}, make("span", { class: `verdict ${now.speaks ? "good" : ""}` }, state)),
      make("dl", { class: "facts small" },
        fact("Stages done", `${done} of ${now.stages.length}`),
        now.seconds ? fact("Footage", duration(now.seconds)) : null,
        fact("On disk", bytes(now.bytes.all)),
        fact("Consent", now.consent || "nothing is written down"),
        fact("Licence", now.licence || "nothing is written down")));
    speak.hidden = !now.speaks;
    pack.hidden = !now.speaks;
  }

  /** Show what is being packed, and what was. */
  function hearJob(job) {
    if (job.kind !== "pack") return;
    place(job.deleted || job.state === "done" ? null : job);
    fill(packs, !job.deleted && job.state === "done" && job.files.pack && [
      make("a", { class: "button", href: download(job.files.pack), download: "" }, `Download ${id}, packed`),
      button("Forget the pack", () => ask(jobPath(job.id), { method: "DELETE" }), { errors }),
    ]);
  }

  update(person);
  for (const job of [...jobs.values()].filter((each) => each.person === id && each.kind === "pack").slice(-1)) hearJob(job);
  return { item, update, hear: hearJob };
}

const fact = (name, value) => [make("dt", {}, name), make("dd", {}, value)];

const deletionList = ({ deleted, kept }) => [
  make("ul", {}, deleted.map(({ what, path, bytes: size }) => make("li", {}, `${what}, ${bytes(size)}: `, make("code", {}, path)))),
  kept.length > 0 && make("div", {}, make("p", {}, "These are kept:"),
    make("ul", {}, kept.map(({ path, why }) => make("li", {}, make("code", {}, path), `: ${why}`)))),
];

/** Make the part that unpacks a person. */
function unpackPart(signal) {
  const errors = errorPlace();
  const work = make("div");
  const place = jobPlace(work);
  const name = labelled(make("input", { type: "text", autocomplete: "off", spellcheck: false }), "Name",
    { help: "As in the pack, where this is left empty." });
  const file = uploadField({ purpose: "pack", title: "Packed person", signal, onChange: () => {},
    help: "A .vizeme file, packed here or elsewhere." });
  const submit = make("button", { type: "submit", class: "first" }, "Unpack");
  const form = make("form", { noValidate: true, onsubmit: (event) => {
    event.preventDefault();
    busy(submit, errors, async () => {
      if (!file.upload()) throw new Error("Choose a .vizeme file first.");
      try {
        const job = hear(await ask("/api/unpack", { method: "POST",
          body: { upload: file.upload().id, ...(name.input.value.trim() && { id: name.input.value.trim() }) } }));
        watched = job.id;
        place(job);
      } catch (error) {
        if (!failFields(error, { id: name, upload: file })) throw error;
      }
    });
  } }, file.node, name.node, submit, work, errors);
  let watched = "";
  changes.addEventListener("jobs", ({ detail }) => {
    for (const job of detail) {
      if (job.id !== watched) continue;
      place(job);
      if (job.state === "done") changes.dispatchEvent(new CustomEvent("people"));
    }
  }, { signal });
  return make("details", { class: "sheet" }, make("summary", {}, "Unpack a person"), form);
}
