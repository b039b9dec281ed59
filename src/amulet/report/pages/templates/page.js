/* Opens what lies behind a cell. The page is complete without it, but for the charts. */
const found = JSON.parse(document.getElementById("behind").textContent);
const dialog = document.getElementById("cell");
const part = (name) => dialog.querySelector(`[data-part="${name}"]`);

function made(tag, text, className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}

/* What a row is in the charts behind a cell of `shown`. */
const kindOf = (row, shown) => (row === shown && row !== 0 ? "defended" : "undefended");

/* A defended row after the one that it is compared with. */
const compared = (row) => (row === 0 ? [0] : [found.references[row], row]);

/* A chart that says "reference" where a row is compared with another one than the undefended. */
function worded(value, row) {
  if (!value || found.references[row] === 0) return value;
  const words = { '"undefended"': '"reference"', "to the undefended model": "to the row that it is compared with" };
  return JSON.parse(Object.entries(words).reduce((text, [before, after]) => text.replaceAll(before, after), JSON.stringify(value)));
}

function tell(line, cell) {
  part("risk").textContent = line.risk;
  part("title").textContent = `${line.title}: ${found.rows[cell.row]}`;
  part("probe").textContent = line.probe;
  part("said").textContent = cell.said;
  part("facts").replaceChildren(...cell.facts.flatMap(([term, text]) => [made("dt", term), made("dd", text)]));
  part("gates").replaceChildren(...cell.gates.map((gate) => {
    const [state, came, asked, follows] = found.gates[gate];
    const item = made("li", "");
    item.append(made("span", "", `mark ${state}`), " ", made("b", `${came}:`), ` ${asked}. ${follows}`);
    return item;
  }));
  part("rests").hidden = cell.gates.length === 0;
}

/* Whom a gap between groups compares. */
function count(groups) {
  part("groups").hidden = !groups;
  if (!groups) return;
  part("groups-said").textContent = groups.said;
  part("groups-caption").textContent = groups.caption;
  fill("groups", groups.head, groups.rows.map(([name, ...counts]) => [name, ...counts.map((each) => [each])]));
}

function headed(text, scope) {
  const item = made("th", text);
  item.scope = scope;
  return item;
}

/* A table: its titles, then lines of a name and [number, digest of its task] for each column. */
function fill(name, titles, lines) {
  const head = made("tr", "");
  head.append(...titles.map((text) => headed(text, "col")));
  part(`${name}-head`).replaceChildren(head);
  part(`${name}-body`).replaceChildren(...lines.map(([first, ...cells]) => {
    const line = made("tr", "");
    line.append(headed(first, "row"), ...cells.map(([number, task]) => {
      const cell = made("td", String(number ?? "undefined").replace("-", "\u2212"));
      if (task) cell.append(" ", made("code", task));
      return cell;
    }));
    return line;
  }));
}

/* [[key, values by row of the matrix]], keys in order of size. */
function joined(rows, entriesOf) {
  const all = new Map();
  rows.forEach((row) => entriesOf(row).forEach(([key, ...rest]) => all.set(key, { ...all.get(key), [row]: rest })));
  return [...all].sort(([first], [second]) => first - second)
    .map(([key, values]) => [key, ...rows.map((row) => values[row] ?? ["none"])]);
}

function tabulate(line, row) {
  const rows = compared(row);
  const names = rows.map((which) => found.rows[which]);
  fill("seeds", ["Seed", ...names], joined(rows, (which) => line.values[which]));
  const curve = found.curves[line.curve];
  part("curve-table").hidden = !curve;
  if (!curve) return;
  const means = (which) => curve.means[which].x.map((x, at) => [x, curve.means[which].y[at]]);
  fill("curve", [curve.x_title, ...names], joined(rows, means));
  const tasks = rows.map((which, at) => `${names[at]}: ${curve.seeds[which].map(([seed, , , task]) => `seed ${seed} ${task}`).join(", ")}`);
  part("curve-tasks").textContent = `Means over seeds. Tasks of the curves, ${tasks.join("; ")}.`;
}

function draw(name, row, plainSpec, plainData, words) {
  const [spec, datasets] = [worded(plainSpec, row), worded(plainData, row)];
  const figure = part(name);
  figure.hidden = !spec;
  if (!spec) return Promise.resolve();
  const place = figure.querySelector(".chart");
  figure.querySelector("figcaption").textContent = words;
  place.setAttribute("aria-label", `Chart: ${words} The numbers are in a table below.`);
  const options = { mode: "vega-lite", renderer: "svg", ast: true, actions: false, tooltip: false, defaultStyle: false };
  const inner = made("div", "", "drawing"); // Vega names what it draws in; the name above stays
  inner.setAttribute("aria-hidden", "true");
  place.replaceChildren(inner);
  return vegaEmbed(inner, { ...spec, datasets }, options);
}

function drawPoints(line, row) {
  const points = compared(row).flatMap((which) => line.values[which]
    .filter(([, value]) => value !== null)
    .map(([seed, value]) => ({ seed, value, kind: kindOf(which, row) })));
  return draw("points", row, points.length && found.charts.points, { points }, `${line.title}, seed by seed; a line joins each pair.`);
}

function drawDifference(line, cell) {
  const before = new Map(line.values[found.references[cell.row]]);
  const points = line.values[cell.row]
    .filter(([seed, value]) => value !== null && (before.get(seed) ?? null) !== null)
    .map(([seed, value]) => ({ value: value - before.get(seed) }));
  const first = cell.judged?.first ? ` by the first ${cell.judged.first} seeds` : "";
  const words = `Each seed's difference; the bar is the interval${first}, and in the shaded band no difference matters.`;
  return draw("difference", cell.row, cell.judged && found.charts.difference, { points, judged: [cell.judged] }, words);
}

/* On log scales zero has no place. */
const drawn = (curve, seed, kind, log) => curve.x[0] === undefined ? [] : curve.x
  .map((x, place) => ({ x, y: curve.y[place], seed, kind }))
  .filter(({ x, y }) => y !== undefined && (!log || (x > 0 && y > 0)));

function drawCurve(line, row) {
  const curve = found.curves[line.curve];
  if (!curve) return draw("curve", row);
  const log = curve.scale === "log";
  const rows = compared(row);
  const seeds = rows.flatMap((which) => curve.seeds[which].flatMap(([seed, x, y]) => drawn({ x: curve.xs[x], y }, seed, kindOf(which, row), log)));
  const means = rows.flatMap((which) => drawn(curve.means[which], null, kindOf(which, row), log));
  return draw("curve", row, means.length && curve.chart, { seeds, means }, curve.words);
}

async function show(id) {
  const [column, row] = id.split(".").map(Number);
  const line = found.lines[column];
  const cell = { ...line.cells[row], row };
  tell(line, cell);
  count(line.groups);
  tabulate(line, row);
  for (const each of dialog.querySelectorAll("[data-pictures]")) each.hidden = each.dataset.pictures !== String(line.curve);
  dialog.showModal();
  dialog.scrollTop = 0;
  dialog.removeAttribute("data-drawn");
  const drawings = await Promise.all([drawPoints(line, row), drawDifference(line, cell), drawCurve(line, row)]);
  dialog.addEventListener("close", () => drawings.forEach((drawing) => drawing?.finalize()), { once: true });
  dialog.setAttribute("data-drawn", id);
}

for (const button of document.querySelectorAll("button.behind")) {
  button.disabled = false;
  button.closest("td").addEventListener("click", (event) => {
    const selecting = event.target !== button && !getSelection().isCollapsed;
    if (!selecting) show(button.dataset.cell).catch(console.error);
  });
}
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
document.documentElement.classList.add("live");
