// Make elements; texts are only ever texts, never markup.

/** Make an element. `on…` listens; other values are properties where the element has such, else attributes. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (typeof value !== "string" && name in node) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  return fill(node, ...children);
}

/** Put children, texts and lists of them into an element in place of what it holds; nothing where there is none. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

let count = 0;
/** Return an id that no other element has. */
export const freshId = (start) => `${start}-${++count}`;

/** Make a link of this studio. */
export const link = (route, text, attributes = {}) => make("a", { href: `#/${route}`, ...attributes }, text);

/** Make a choice of [[value, title], ...]. */
export const choice = (pairs, chosen) => make("select", {},
  pairs.map(([value, title]) => make("option", { value, selected: value === chosen }, title)));

/** Make a part that is folded until it is wanted. */
export const folded = (title, ...content) => make("details", {}, make("summary", {}, title), ...content);

/** Make a button that is disabled while its work goes on, and shows the work's error in `errors`. */
export function button(text, work, { errors, ...attributes } = {}) {
  const node = make("button", { type: "button", ...attributes }, text);
  node.addEventListener("click", () => busy(node, errors, work));
  return node;
}

/** Do some work once at a time: the button sleeps meanwhile, and an error is shown. Return whether it went well. */
export async function busy(node, errors, work) {
  if (node.getAttribute("aria-disabled") === "true") return false;
  node.setAttribute("aria-disabled", "true"); // not `disabled`, which would throw the keyboard's focus away
  if (errors) clear(errors);
  try {
    await work();
    return true;
  } catch (error) {
    showError(error, errors);
    return false;
  } finally {
    node.removeAttribute("aria-disabled");
  }
}

/** Make the place where errors of a part are shown. */
export const errorPlace = () => make("div", { role: "alert", class: "errors" });

/** Show an error where it belongs, else at the top of the page. */
export function showError(error, place) {
  if (error.name === "AbortError") return;
  const target = place && place.isConnected ? place : document.getElementById("main").appendChild(errorPlace());
  fill(target, make("p", { class: "note bad" }, error.message || String(error)));
}

export const clear = (place) => place.replaceChildren();

/** Tell who cannot see the page; the same words twice are said twice. */
export function announce(text) {
  const place = document.getElementById("announcer");
  place.textContent = "";
  setTimeout(() => { place.textContent = text; }, 50);
}

/** Ask in a dialog before something that cannot be undone. Resolves to whether it was agreed to. */
export function confirmed({ title, content, agree, word }) {
  return new Promise((resolve) => {
    const heading = make("h2", { id: freshId("dialog") }, title);
    const yes = make("button", { type: "submit", class: "danger", disabled: Boolean(word) }, agree);
    const no = make("button", { type: "button", onclick: () => dialog.close() }, "Keep it");
    const typed = word && make("input", { type: "text", id: freshId("word"), autocomplete: "off", spellcheck: false });
    if (typed) typed.addEventListener("input", () => { yes.disabled = typed.value !== word; });
    const question = typed && make("p", { class: "field" }, make("label", { for: typed.id }, `Write ${word} to confirm`), typed);
    let agreed = false;
    const form = make("form", { onsubmit: (event) => { event.preventDefault(); agreed = true; dialog.close(); } },
      heading, content, question, make("p", { class: "row" }, yes, no));
    const dialog = make("dialog", { "aria-labelledby": heading.id }, form);
    dialog.addEventListener("close", () => { dialog.remove(); resolve(agreed); });
    document.body.append(dialog);
    dialog.showModal();
    (typed || no).focus();
  });
}
