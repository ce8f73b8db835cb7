// Show a film while it is drawn, then the same film to move about in.

import { button, errorPlace, fill, make } from "./dom.js";
import { deleteButton, downloads, jobList, jobPlace } from "./jobs.js";
import { when } from "./words.js";

const NOTHING = "The film appears here as soon as it is drawn.";

/** Make a player; `show(job)` takes a speaking or dubbing job and its later states. */
export function player() {
  const video = make("video", { class: "film", controls: true, playsInline: true, hidden: true });
  const state = make("div");
  const told = make("p", { class: "small quiet" }, NOTHING);
  const files = make("div", { class: "row" });
  const place = jobPlace(state);
  const node = make("div", {}, video, told, state, files);
  let [shown, address] = [null, ""];
  video.addEventListener("error", () => {
    if (!address || !video.error) return;
    told.textContent = address.includes("/live")
      ? "The film broke off while it was drawn: the whole of it comes when it is done." : "The film cannot be played here: download it.";
  });

  function play(source, job) {
    const [at, going] = [video.currentTime, !video.paused && !video.ended];
    const same = shown === job.id && address !== "";
    address = source;
    video.hidden = false;
    video.setAttribute("aria-label", `Film: ${job.title}`);
    const tongue = ((job.request || {}).voice || "en").slice(0, 2);
    fill(video, job.files.words && source === job.files.film
      && make("track", { kind: "subtitles", src: job.files.words, label: "Words", srclang: tongue, default: true }));
    video.src = source;
    const goThere = () => { video.currentTime = Math.min(at, video.duration || at); };
    if (same) video.addEventListener("loadedmetadata", goThere, { once: true });
    if (!same || going) video.play().catch(() => {}); // a browser that plays nothing unasked shows its own button
  }

  function show(job) {
    if (shown !== job.id) {
      address = "";
      video.pause();
      video.hidden = true;
      fill(files);
    }
    const { film, live } = job.files || {};
    const next = job.state === "done" ? film : job.state === "running" ? live : "";
    if (next && next !== address) play(next, job);
    shown = job.id;
    const words = next === film && film ? `The whole film, of ${when(job.ended || job.created)}` : next ? "Drawn while you watch" : NOTHING;
    if (told.textContent !== words) told.textContent = words;
    place(job.state === "done" ? null : job);
    if (job.state === "done" && !files.childElementCount) fill(files, downloads(job));
  }

  function empty() {
    [shown, address] = [null, ""];
    video.pause();
    video.removeAttribute("src");
    video.load();
    video.hidden = true;
    told.textContent = NOTHING;
    place(null);
    fill(files);
  }

  return { node, video, show, empty, shown: () => shown };
}

/** Make the list of a person's films. */
export function history({ onShow, onAgain }) {
  function row(job) {
    const errors = errorPlace();
    const bar = make("div");
    const place = jobPlace(bar);
    const buttons = make("div", { class: "row" });
    const told = make("p", { class: "small quiet" });
    const item = make("li", {}, make("h3", {}, job.title || "Film"), told, bar, buttons, errors);
    let state = "";
    const update = (now) => {
      place(now.state === "done" ? null : now);
      if (now.state === state) return;
      state = now.state;
      told.textContent = [when(now.created), settingsInWords(now)].filter(Boolean).join(". ");
      const act = (text, work) => button(text, () => work(now), { "aria-label": `${text}: ${now.title}` });
      const again = act("Again with this", onAgain);
      fill(buttons, ["done", "running"].includes(state) && act("Show", onShow), again, state === "done" && downloads(now),
        ["done", "failed", "stopped"].includes(state) && deleteButton(now, "this film", errors));
    };
    update(job);
    return { item, update };
  }

  return jobList("No film yet.", row);
}

const settingsInWords = (job) => {
  const settings = Object.entries(job.settings || {});
  return settings.length ? `With ${settings.map(([name, value]) => `${name} ${value === true ? "on" : value}`).join(", ")}` : "";
};
