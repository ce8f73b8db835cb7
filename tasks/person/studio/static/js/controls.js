// Controls made from the fields that the server describes.

import { choice, fill, folded, freshId, make } from "./dom.js";

/** Put a label, words of help and the place of an error around an input. */
export function labelled(input, title, { help = "", check = false } = {}) {
  input.id ||= freshId("field");
  const told = help && make("p", { class: "help", id: `${input.id}-help` }, help);
  const wrong = make("p", { class: "wrong", id: `${input.id}-wrong` });
  input.setAttribute("aria-describedby", `${told ? `${told.id} ` : ""}${wrong.id}`);
  const label = make("label", { for: input.id }, title);
  const node = check
    ? make("div", { class: "field" }, make("div", { class: "check" }, input, label), told, wrong)
    : make("div", { class: "field" }, label, told, input, wrong);
  const fail = (text) => {
    fill(wrong, text || "");
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  input.addEventListener("input", () => fail(""));
  return { node, input, fail };
}

const MAKERS = {
  choice: ({ default: usual, choices }) => choice([...(usual === null ? [""] : []), ...choices.map(String)]
    .map((value) => [value, value || "as usual"])),
  switch: () => make("input", { type: "checkbox" }),
  number: (field) => make("input", { type: "number", step: "any", ...limits(field) }),
  whole: (field) => make("input", { type: "number", step: "1", ...limits(field) }),
  text: () => make("input", { type: "text", autocomplete: "off", spellcheck: false }),
};

const limits = ({ least, most, default: usual }) => ({
  min: least === null || least === undefined ? null : String(least),
  max: most === null || most === undefined ? null : String(most),
  placeholder: usual === null || usual === undefined ? "as usual" : String(usual),
});

/** Make the control of one field: {node, fail, read, write}; `read` gives undefined for what is left as usual. */
export function control(field) {
  const kind = field.kind in MAKERS ? field.kind : "text";
  const input = MAKERS[kind](field);
  const { node, fail } = labelled(input, field.title, { help: field.help, check: kind === "switch" });
  const usual = field.default ?? null;
  const number = kind === "number" || kind === "whole";
  const write = (value) => {
    const shown = value === undefined || value === null ? usual : value;
    if (kind === "switch") input.checked = Boolean(shown);
    else if (number && (value === undefined || value === null)) input.value = "";
    else input.value = shown === null ? "" : String(shown);
  };
  const read = () => {
    if (kind === "switch") return input.checked === Boolean(usual) ? undefined : input.checked;
    if (input.value === "" && (number || usual === null || kind === "choice")) return undefined;
    if (number) return Number(input.value);
    return input.value === String(usual ?? "") ? undefined : input.value;
  };
  write(undefined);
  return { name: field.name, node, input, fail, read, write };
}

/** Make the controls of many fields: those in plain sight, the others under "More". `own` makes some by hand. */
export function controls(fields, own = {}) {
  const all = fields.map((field) => (own[field.name] || control)(field));
  const byName = new Map(all.map((each) => [each.name, each]));
  const nodes = (group) => fields.filter((field) => (field.group === "plain") === group)
    .map((field) => byName.get(field.name).node);
  const more = nodes(false);
  return {
    node: make("div", {}, make("div", { class: "grid" }, nodes(true)),
      more.length > 0 && folded("More", make("div", { class: "grid" }, more))),
    read: () => Object.fromEntries(all.map((each) => [each.name, each.read()]).filter(([, value]) => value !== undefined)),
    write: (settings) => all.forEach((each) => each.write(settings[each.name])),
    byName,
  };
}

/** Show the server's words at the fields they are about, go to the first, and return whether there was one. */
export function failFields(refusal, places) {
  let first = null;
  for (const [name, text] of Object.entries(refusal.fields || {})) {
    const place = places[name] || places[name.split(".").pop()];
    if (!place) continue;
    place.fail(text);
    const folded = place.node.closest("details");
    if (folded) folded.open = true;
    first ||= place;
  }
  if (first) first.input.focus();
  return Boolean(first);
}
