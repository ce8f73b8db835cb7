// Settings that have no control of their own, one a line.

import { labelled } from "./controls.js";
import { make } from "./dom.js";

const typed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

/** Make a field for lines like `syncnet.max_updates=100`. `read` throws where a line is none. */
export function settingLines() {
  const field = labelled(make("textarea", { rows: "3", spellcheck: false, autocomplete: "off" }), "Settings of training",
    { help: "One a line: max_updates=100 for every stage, syncnet.max_updates=100 for one." });
  const read = () => Object.fromEntries(field.input.value.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const [, name, value] = /^([\w.]+)\s*=\s*(.+)$/.exec(line) || [];
    if (!name) {
      field.fail(`“${line}” is no setting: write NAME=VALUE.`);
      field.input.focus();
      throw new Error(`“${line}” is no setting: write NAME=VALUE.`);
    }
    return [name, typed(value)];
  }));
  return { ...field, read };
}
