// Send a file in pieces; what broke off goes on where it stopped, after a reload too.

import { ask, Refusal, Unreachable } from "./api.js";
import { announce, button, errorPlace, fill, freshId, make, showError } from "./dom.js";
import { recorder } from "./record.js";
import { bytes, place } from "./words.js";

const PIECE = 2 << 20;
const KEPT = "vizeme-uploads";
const MOST_KEPT = 20;
const WAIT_MS = 2000;

const fileKey = (file, purpose) => `${purpose}/${file.name}/${file.size}/${file.lastModified}`;

/** Which upload a file was begun as, kept for after a reload: [[key, id], ...], the newest first. */
function keptUploads() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) || "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

function keep(key, id) {
  const others = keptUploads().filter(([other]) => other !== key);
  try {
    localStorage.setItem(KEPT, JSON.stringify([[key, id], ...others].slice(0, MOST_KEPT)));
  } catch { /* a browser that keeps nothing begins anew after a reload */ }
}

const asleep = (milliseconds, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, milliseconds);
  signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
});

/** Send a file until it is there or `signal` says stop; `tell` gets ({offset, waiting}). Return the upload. */
export async function send(file, purpose, signal, tell) {
  const key = fileKey(file, purpose);
  let upload = null;
  while (!signal.aborted) {
    try {
      upload = upload ? await ask(`/api/uploads/${upload.id}`, { signal }) : await begun(file, purpose, key, signal);
      while (!upload.done) {
        tell({ offset: upload.offset });
        const piece = file.slice(upload.offset, upload.offset + PIECE);
        upload = await ask(`/api/uploads/${upload.id}?offset=${upload.offset}`, { method: "PATCH", bytes: piece, signal });
      }
      return upload;
    } catch (error) {
      if (!(error instanceof Unreachable) && !(error instanceof Refusal && error.status === 409)) throw error;
      tell({ offset: upload ? upload.offset : 0, waiting: true });
      await asleep(WAIT_MS, signal);
    }
  }
  throw new DOMException("stopped", "AbortError");
}

async function begun(file, purpose, key, signal) {
  const kept = keptUploads().find(([other]) => other === key);
  if (kept) {
    const { uploads } = await ask("/api/uploads", { signal });
    const same = uploads.find(({ id, bytes: size }) => id === kept[1] && size === file.size);
    if (same) return same;
  }
  const upload = await ask("/api/uploads", { method: "POST", signal, body: { name: file.name, bytes: file.size, purpose } });
  keep(key, upload.id);
  return upload;
}

const THINGS = { film: "film", sound: "sound", pack: "packed person", picture: "picture", template: "template" };
const ACCEPT = {
  film: "video/*,.mkv,.mts,.avi", sound: "audio/*,video/*,.flac,.aiff", pack: ".vizeme", picture: "image/*", template: ".npy,.csv,.b64",
};

/** Say what is in an upload that is done. */
function about(upload) {
  const { seconds, width, height, sound } = upload.about || {};
  return [upload.name, bytes(upload.bytes), seconds && `${place(seconds)} long`, width && `${width} × ${height}`,
    sound === false && "no sound"].filter(Boolean).join(", ");
}

/** Take one file: dropped, chosen, recorded, or one that is there already. `onChange(upload or null)`. */
export function uploadField({ purpose, title, help = "", record = null, signal, onChange }) {
  const id = freshId("file");
  const thing = THINGS[purpose];
  const errors = errorPlace();
  const input = make("input", { type: "file", id, accept: ACCEPT[purpose], "aria-describedby": `${id}-help` });
  const bar = make("progress", { "aria-label": `Sending the ${thing}` });
  const words = make("p", { class: "small" });
  const earlier = make("div");
  let [done, file, running] = [null, null, null];

  const pause = button("Pause", () => stop(), { "aria-label": `Pause sending the ${thing}` });
  const goOn = button("Go on", () => { start(); }, { "aria-label": `Go on sending the ${thing}` });
  const other = button(`Take another ${thing}`, () => drop());
  const state = make("div", { hidden: true }, bar, words, make("div", { class: "row" }, pause, goOn, other));
  const recording = record && recorder({ kind: record, signal, onFile: take });
  const pick = make("div", {}, make("label", { class: "label", for: id }, title),
    make("p", { class: "help", id: `${id}-help` }, help || `Drop a ${thing} here, or choose one.`), input, recording, earlier);
  const node = make("div", { class: "drop field" }, pick, state, errors);

  function show(phase) {
    pick.hidden = phase !== "pick";
    state.hidden = phase === "pick";
    bar.hidden = phase === "done";
    pause.hidden = phase !== "sending";
    goOn.hidden = phase !== "paused";
  }

  function tell({ offset, waiting }) {
    bar.max = file.size;
    bar.value = offset;
    words.textContent = `${file.name}: ${bytes(offset)} of ${bytes(file.size)}`
      + (waiting ? ". The studio does not answer; this goes on by itself when it does." : "");
  }

  async function take(chosen) {
    if (running) stop();
    fill(errors);
    try {
      const limits = await ask("/api/limits", { signal });
      if (!chosen.size) throw new Error(`${chosen.name} is empty. Choose another file.`);
      if (chosen.size > limits[purpose]) {
        throw new Error(`${chosen.name} has ${bytes(chosen.size)}; a ${thing} may have ${bytes(limits[purpose])} at most.`);
      }
      if (chosen.size > limits.free) {
        throw new Error(`${chosen.name} has ${bytes(chosen.size)}, and this machine has room for ${bytes(limits.free)}.`);
      }
      file = chosen;
      start();
    } catch (error) {
      input.value = "";
      showError(error, errors);
    }
  }

  async function start() {
    const own = running = new AbortController();
    signal.addEventListener("abort", () => own.abort(), { signal: own.signal });
    const focused = document.activeElement;
    show("sending");
    if (focused === input || focused === goOn) pause.focus();
    tell({ offset: 0 });
    try {
      arrived(await send(file, purpose, own.signal, tell));
    } catch (error) {
      if (running !== own || error.name === "AbortError") return;
      drop();
      showError(error, errors);
    } finally {
      if (running === own) running = null;
    }
  }

  function stop() {
    if (running) running.abort();
    running = null;
    const focused = document.activeElement === pause;
    show("paused");
    if (focused) goOn.focus();
  }

  function arrived(upload) {
    done = upload;
    const focused = state.contains(document.activeElement) && document.activeElement !== other;
    show("done");
    if (focused) other.focus();
    words.textContent = `Here: ${about(upload)}`;
    announce(`The ${thing} is here`);
    onChange(upload);
  }

  function drop() {
    if (running) running.abort();
    const focused = state.contains(document.activeElement);
    [done, file, running] = [null, null, null];
    input.value = "";
    show("pick");
    if (focused) input.focus();
    offer();
    onChange(null);
  }

  /** Offer what was sent earlier: all of it, or the part that is here. */
  async function offer() {
    const { uploads } = await ask("/api/uploads", { signal }).catch(() => ({ uploads: [] }));
    fill(earlier, uploads.filter((upload) => upload.purpose === purpose && upload.offset > 0).slice(0, 3).map((upload) => {
      const row = make("div", { class: "row small" });
      const forget = button("Forget it", async () => {
        await ask(`/api/uploads/${upload.id}`, { method: "DELETE" });
        row.remove();
      }, { errors, "aria-label": `Forget ${upload.name}` });
      return fill(row, upload.done
        ? [`Sent earlier: ${about(upload)}.`, button("Use it", () => arrived(upload), { "aria-label": `Use ${upload.name}` })]
        : [`${upload.name} is here up to ${bytes(upload.offset)} of ${bytes(upload.bytes)}: choose the same file to go on.`], forget);
    }));
  }

  input.addEventListener("change", () => { if (input.files[0]) take(input.files[0]); });
  node.addEventListener("dragover", (event) => { event.preventDefault(); node.classList.add("over"); });
  node.addEventListener("dragleave", () => node.classList.remove("over"));
  node.addEventListener("drop", (event) => {
    event.preventDefault();
    node.classList.remove("over");
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
  show("pick");
  offer();
  const fail = (text) => fill(errors, text && make("p", { class: "note bad" }, text));
  return { node, input, fail, drop, upload: () => done };
}
