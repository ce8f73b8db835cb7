// Say figures in words.

const UNITS = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];

/** 1234567 -> "1.2 MB". */
export function bytes(count) {
  if (!Number.isFinite(count)) return "";
  for (const [size, unit] of UNITS) {
    if (count >= size) return `${count / size >= 100 ? Math.round(count / size) : (count / size).toFixed(1)} ${unit}`;
  }
  return `${count} bytes`;
}

/** 7500 -> "2 h 5 min". */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 10) return `${Math.round(minutes / 60)} h`;
  return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

/** 83.4 -> "1:23.4", a place in a film. */
export function place(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(1).padStart(4, "0")}`;
}

/** Seconds since 1970 -> the day and time as they are written here. */
export const when = (seconds) => new Date(1000 * seconds).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

/** (2, "film") -> "2 films". */
export const many = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;

/** 1234.567 -> "1235", 0.01234 -> "0.0123". */
export const figure = (value) => (value === null || value === undefined ? "–"
  : Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3))));

const JOBS = {
  process: (who) => `Processing the film of ${who}`, train: (who) => `Training ${who}`, speak: (who) => `${who} speaks`,
  dub: (who) => `Dubbing ${who}`, check: (who) => `Checking ${who}`, evaluate: (who) => `Measuring ${who}`,
  pack: (who) => `Packing ${who}`, unpack: (who) => `Unpacking ${who || "a person"}`, face: () => "Drawing a face",
};

/** What stages of jobs are called here; others are called as they call themselves. */
const STAGES = {
  probe: "Opening the film", convert: "Cutting out the frames", cuts: "Looking for cuts", landmarks: "Finding the face",
  sync: "Comparing lips and sound", camera: "Following the head", parsing: "Telling head from background",
  plate: "Painting what is behind", audio: "Listening to the voice", dataset: "Putting it together", report: "Writing the report",
  syncnet: "Do lips and sound belong together", lm3d_vae_sync: "From sound to lips", postnet: "This person's own lips",
  lm3d_nerf: "Drawing the head", lm3d_nerf_torso: "Drawing the shoulders", lm3d_nerf_portrait: "Laying the face into true frames",
  rendering: "Drawing frames",
};

/** Say what a stage is. */
export const stageName = (stage) => STAGES[stage] || stage;

/** Say what a job is. */
export const jobName = (job) => {
  const name = job.kind in JOBS ? JOBS[job.kind](job.person) : `${job.kind} ${job.person}`;
  return job.title && ["speak", "dub", "face"].includes(job.kind) ? `${name}: ${job.title}` : name;
};

/** Say how far a job is. */
export function jobState(job) {
  const { progress } = job;
  if (job.state === "queued") {
    return job.before ? `Waits for ${many(job.before, "other job")}` : job.attempts > 1 ? "Goes on soon" : "Begins soon";
  }
  if (job.state === "stopping") return "Pausing: what is done is being kept";
  if (job.state === "stopped") return "Paused. What is done is kept";
  if (job.state === "failed") return job.error || "It failed: see what it said";
  if (job.state === "done") return "Done";
  if (!progress) return "Beginning";
  return stageState(progress);
}

/** Say how far one stage is. */
export function stageState({ stage, done, total, left_s: left, said, event }) {
  const name = stageName(stage);
  const parts = [total > 1 ? `${name}: ${done} of ${total}` : name];
  if (event === "progress" && left) parts.push(`about ${duration(left)} left`);
  if (said) parts.push(said);
  return parts.join(", ");
}

/** Tell whether a job has ended. */
export const ended = (job) => ["done", "failed", "stopped"].includes(job.state);
