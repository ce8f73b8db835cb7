// Record with this machine's camera or microphone.

import { announce, button, errorPlace, make, showError } from "./dom.js";
import { place } from "./words.js";

const WANTED = {
  film: { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25 } } },
  sound: { audio: { channelCount: 1 } },
};
const FORMATS = {
  film: ["video/mp4;codecs=avc1.640028,mp4a.40.2", "video/webm;codecs=vp9,opus", "video/webm", "video/mp4"],
  sound: ["audio/webm;codecs=opus", "audio/webm", "audio/mp4", "audio/ogg"],
};
const TROUBLE = {
  NotAllowedError: "may not be used: allow it in the browser, beside the address",
  NotFoundError: "was not found: is it connected?",
  NotReadableError: "is used by another program",
};

/** Make a recorder; `onFile` gets what was recorded as a file. */
export function recorder({ kind, signal, onFile }) {
  const device = kind === "film" ? "camera" : "microphone";
  const errors = errorPlace();
  const picture = kind === "film"
    && make("video", { class: "film", muted: true, playsInline: true, "aria-label": "What the camera sees" });
  const clock = make("span", { role: "timer" });
  let [stream, machine, ticking, pieces, began] = [null, null, null, [], 0];

  const open = button(`Record with the ${device}`, async () => {
    if (!navigator.mediaDevices) throw new Error(`This browser gives no ${device} to this address: open it as http://localhost.`);
    try {
      stream = await navigator.mediaDevices.getUserMedia(WANTED[kind]);
    } catch (error) {
      throw new Error(`The ${device} ${TROUBLE[error.name] || `could not be opened (${error.message})`}.`);
    }
    if (signal.aborted) return close();
    if (picture) {
      picture.srcObject = stream;
      picture.play().catch(() => {});
    }
    show("ready");
    begin.focus();
  }, { errors });
  const begin = button("Begin recording", () => {
    const format = FORMATS[kind].find((type) => MediaRecorder.isTypeSupported(type));
    machine = new MediaRecorder(stream, { mimeType: format, videoBitsPerSecond: 8_000_000 });
    pieces = [];
    machine.addEventListener("dataavailable", (event) => pieces.push(event.data));
    machine.addEventListener("stop", () => {
      const type = machine.mimeType.split(";")[0];
      const name = `${kind}-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, "-")}.${type.split("/")[1]}`;
      close();
      if (!signal.aborted) onFile(new File(pieces, name, { type }));
      pieces = [];
    });
    machine.addEventListener("error", ({ error }) => showError(new Error(`The recording broke off: ${error.message}`), errors));
    machine.start(1000);
    began = performance.now();
    ticking = setInterval(tick, 200);
    tick();
    show("recording");
    end.focus();
    announce("Recording");
  }, { errors, class: "first" });
  const end = button("End recording", () => machine.stop(), { class: "first" });
  const leave = button("Put it away", () => { close(); open.focus(); });
  const node = make("div", { class: "recorder" }, open, picture, make("div", { class: "row" }, begin, end, clock, leave), errors);

  function tick() {
    clock.textContent = place((performance.now() - began) / 1000);
  }

  function show(phase) {
    open.hidden = phase !== "closed";
    if (picture) picture.hidden = phase === "closed";
    begin.hidden = phase !== "ready";
    end.hidden = clock.hidden = phase !== "recording";
    leave.hidden = phase !== "ready";
  }

  function close() {
    clearInterval(ticking);
    if (stream) for (const track of stream.getTracks()) track.stop();
    if (picture) picture.srcObject = null;
    stream = null;
    show("closed");
  }

  signal.addEventListener("abort", () => {
    if (machine && machine.state !== "inactive") machine.stop();
    close();
  });
  show("closed");
  return node;
}
