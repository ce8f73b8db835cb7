// Draw one curve as an SVG.

const SPACE = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [360, 150, 52, 12, 10, 22];

function part(tag, attributes, text) {
  const node = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

const short = (value) => (Math.abs(value) >= 1000 ? `${Number((value / 1000).toPrecision(3))}k` : String(Number(value.toPrecision(3))));

/** Draw points [[update, value], ...] with their range at the axes, from two on; who cannot see it is told first, last and best. */
export function drawCurve({ said, points, better }) {
  const finite = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (finite.length < 2) return null;
  const [xs, ys] = [finite.map(([x]) => x), finite.map(([, y]) => y)];
  const [x0, x1, y0, y1] = [xs[0], xs.at(-1), Math.min(...ys), Math.max(...ys)];
  const at = ([x, y]) => [
    LEFT + (x1 > x0 ? (x - x0) / (x1 - x0) : 0.5) * (WIDTH - LEFT - RIGHT),
    HEIGHT - BOTTOM - (y1 > y0 ? (y - y0) / (y1 - y0) : 0.5) * (HEIGHT - TOP - BOTTOM),
  ];
  const best = better === "lower" ? y0 : y1;
  const words = `${said}: ${short(ys[0])} at update ${x0}, ${short(ys.at(-1))} at update ${x1}, at best ${short(best)}`;
  const svg = part("svg", { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words });
  svg.append(
    part("path", { class: "axis", d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}` }),
    part("text", { x: LEFT - 6, y: TOP + 8, "text-anchor": "end" }, short(y1)),
    part("text", { x: LEFT, y: HEIGHT - 6 }, short(x0)),
    part("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, `${short(x1)} updates`),
  );
  if (y1 > y0) svg.append(part("text", { x: LEFT - 6, y: HEIGHT - BOTTOM, "text-anchor": "end" }, short(y0)));
  const spots = finite.map((point) => at(point).map((value) => value.toFixed(1)).join(" "));
  svg.append(part("path", { class: "line", d: `M${spots.join("L")}` }));
  const [x, y] = at(finite.at(-1));
  svg.append(part("circle", { class: "dot", cx: x.toFixed(1), cy: y.toFixed(1), r: 3.5 }));
  return svg;
}
