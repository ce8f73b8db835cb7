// What is seen behind the person: the footage's own, a colour, or a picture.

import { labelled } from "./controls.js";
import { choice, make } from "./dom.js";
import { uploadField } from "./upload.js";

const PLAIN = { "": "As in the footage", green: "Green", white: "White", grey: "Grey", black: "Black" };

/** Make the control of a background, to stand in for that of its field. */
export const backgroundControl = (signal) => (field) => {
  const select = choice(Object.entries({ ...PLAIN, colour: "Another colour", picture: "A picture" }), "");
  const outer = labelled(select, field.title);
  const colour = labelled(make("input", { type: "color", value: "#2a6f97" }), "Colour");
  const picture = uploadField({ purpose: "picture", title: "Picture", signal, onChange: (upload) => { if (upload) earlier = ""; } });
  let earlier = "";
  const showParts = () => {
    colour.node.hidden = select.value !== "colour";
    picture.node.hidden = select.value !== "picture";
  };
  select.addEventListener("change", showParts);
  outer.node.append(colour.node, picture.node);
  const read = () => {
    if (select.value === "colour") return colour.input.value;
    if (select.value !== "picture") return select.value || undefined;
    const id = picture.upload() ? picture.upload().id : earlier;
    if (!id) {
      picture.fail("Choose a picture first, or another background.");
      throw new Error("The background's picture is not here yet.");
    }
    return id;
  };
  const write = (value) => {
    earlier = "";
    if (!value || value in PLAIN) select.value = value || "";
    else if (value.startsWith("#")) {
      select.value = "colour";
      colour.input.value = value;
    } else {
      select.value = "picture";
      earlier = value;
    }
    showParts();
  };
  showParts();
  return { name: field.name, node: outer.node, input: select, fail: outer.fail, read, write };
};
