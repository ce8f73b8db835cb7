// What the pages share on which somebody speaks.

import { ask, person as personPath } from "./api.js";
import { link, make } from "./dom.js";
import { changes } from "./events.js";

/** Ask for a person, what may be set when they speak, and their films. */
export async function speaker(id, signal) {
  const path = personPath(id);
  const [person, speaking, { films }] = await Promise.all(
    [path, `${path}/speaking`, `${path}/films`].map((each) => ask(each, { signal })),
  );
  return { path, person, speaking, films };
}

/** Say that somebody cannot speak yet. */
export const cannotSpeak = (id) => make("p", { class: "note warn" }, `${id} cannot speak yet. `,
  link(`people/${encodeURIComponent(id)}/training`, "Train them first"));

/** Make the part of a page that shows a film. */
export const filmPart = (screen) => make("section", { class: "sheet", "aria-label": "The film" },
  make("h2", {}, "Film"), screen.node);

/** Keep the list of films and the screen up to date with jobs that `isOwn` says belong there. */
export function followFilms({ past, screen, isOwn, signal }) {
  changes.addEventListener("jobs", ({ detail }) => {
    const own = detail.filter(isOwn);
    past.update(own);
    for (const job of own) {
      if (job.id !== screen.shown()) continue;
      if (job.deleted) screen.empty();
      else screen.show(job);
    }
  }, { signal });
  signal.addEventListener("abort", () => screen.empty());
}
