// Machine: what `vizeme doctor` says of it.

import { ask } from "../js/api.js";
import { button, errorPlace, fill, make } from "../js/dom.js";
import { when } from "../js/words.js";

const MARKS = { ok: ["good", "✓ fine"], note: ["fair", "! note"], bad: ["bad", "✗ mend"] };

export async function show({ body, signal }) {
  const [errors, lines] = [errorPlace(), make("div", {}, make("p", { class: "quiet" }, "Looking at this machine …"))];
  const refresh = async (again) => {
    const { ok, lines: all, home, version, time } = await ask(`/api/machine?again=${again ? 1 : 0}`, { signal });
    const summary = ok ? "Everything that is needed is here." : "Something must be mended first.";
    fill(lines, make("p", { class: `note ${ok ? "good" : "bad"}` }, summary),
      make("section", { class: "sheet" }, make("ul", { class: "plain" }, all.map(({ name, verdict, said }) => {
        const [look, word] = MARKS[verdict] || ["", verdict];
        const heading = make("div", { class: "row" }, make("h2", {}, name), make("span", { class: `verdict ${look}` }, word));
        return make("li", {}, heading, make("div", {}, said));
      }))),
      make("p", { class: "small quiet" }, `${version}. Everything is kept in `, make("code", {}, home), `; looked at ${when(time)}.`));
  };
  fill(body, make("p", {}, button("Look again", () => refresh(true), { errors })), errors, lines);
  await refresh(false);
}
