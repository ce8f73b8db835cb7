// The frame of the studio: which page is shown, what goes on, whether the server answers.

import { announce, fill, link, make, showError } from "./dom.js";
import { changes, follow, jobs } from "./events.js";
import { JobBar } from "./jobs.js";
import { ended, jobName } from "./words.js";
import { show as showDub } from "../pages/dub.js";
import { showTemplate, showVoice } from "../pages/faces.js";
import { show as showFootage } from "../pages/footage.js";
import { show as showJudge } from "../pages/judge.js";
import { show as showMachine } from "../pages/machine.js";
import { show as showNew } from "../pages/new_person.js";
import { show as showPeople } from "../pages/people.js";
import { show as showSpeak } from "../pages/speak.js";
import { show as showTraining } from "../pages/training.js";

const PAGES = {
  people: ["People", showPeople], new: ["New person", showNew], voice: ["Voice to face", showVoice],
  template: ["Template to face", showTemplate], machine: ["Machine", showMachine],
};
const OF_PERSON = {
  footage: ["Footage", showFootage], training: ["Training", showTraining], speak: ["Speak", showSpeak],
  dub: ["Dub", showDub], judge: ["Judge", showJudge],
};
const main = document.getElementById("main");
let leave = new AbortController();
let first = true;

function route() {
  const [page, id, part] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  if (page === "people" && id) return { id, part: part in OF_PERSON ? part : "footage" };
  return { page: page in PAGES ? page : "people" };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

async function open() {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const { page, id, part } = route();
  const [title, show] = id ? OF_PERSON[part] : PAGES[page];
  document.title = `${id ? `${id}: ` : ""}${title} - vizeme studio`;
  for (const each of document.querySelectorAll("#pages a")) {
    current(each, each.hash === `#/${page}`);
  }
  showTabs(id, part);
  const heading = make("h1", { tabindex: "-1" }, title, id ? make("span", { class: "quiet" }, ` of ${id}`) : null);
  const body = make("div", { "aria-busy": "true" });
  fill(main, heading, body);
  if (!first) heading.focus();
  first = false;
  try {
    await show({ id, body, signal });
  } catch (error) {
    if (!signal.aborted) showError(error, body.appendChild(make("div", { role: "alert" })));
  }
  body.removeAttribute("aria-busy");
}

const current = (node, is) => (is ? node.setAttribute("aria-current", "page") : node.removeAttribute("aria-current"));

function showTabs(id, part) {
  const tabs = document.getElementById("person-pages");
  tabs.hidden = !id;
  fill(tabs, id ? [make("strong", {}, id), Object.entries(OF_PERSON).map(([name, [title]]) => {
    const tab = link(`people/${encodeURIComponent(id)}/${name}`, title);
    current(tab, name === part);
    return tab;
  })] : []);
}

/** Show what goes on at the foot of every page. */
function showWork() {
  const place = document.getElementById("work");
  const bars = new Map();
  const states = new Map();
  changes.addEventListener("jobs", ({ detail }) => {
    const going = [...jobs.values()].filter((job) => !ended(job));
    for (const job of detail) {
      if (states.has(job.id) && states.get(job.id) !== job.state && !job.deleted) {
        announce(`${jobName(job)}: ${{ running: "begun", done: "done", stopped: "paused" }[job.state] || job.error || job.state}`);
      }
      states.set(job.id, job.state);
    }
    for (const id of [...bars.keys()]) {
      if (!going.some((job) => job.id === id)) {
        bars.get(id).node.remove();
        bars.delete(id);
      }
    }
    for (const job of going) {
      if (!bars.has(job.id)) {
        bars.set(job.id, new JobBar(job, { small: true }));
        place.append(bars.get(job.id).node);
      }
      bars.get(job.id).update(job);
    }
    place.hidden = going.length === 0;
  });
}

function showConnection() {
  const place = document.getElementById("connection");
  changes.addEventListener("connection", ({ detail: answers }) => {
    place.hidden = answers;
    place.textContent = answers ? "" : "The studio does not answer; this page tries again by itself. If it was ended, "
      + "start it with `vizeme studio`: what was begun goes on.";
    if (answers) announce("The studio answers again");
  });
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  showError(event.reason);
});
addEventListener("error", (event) => { if (event.error) showError(event.error); });
addEventListener("hashchange", open);
// The cookie opens the page from now on: keep the key out of sight.
history.replaceState(null, "", `/${location.hash}`);
showWork();
showConnection();
follow();
open();
