/* Fills the panel beside the map. The page is complete without it, but for charts and what lies behind single cells. */
const holder = document.getElementById("behind");
const found = JSON.parse(holder.type === "application/gzip" ? await unpacked(holder.textContent) : holder.textContent);
const panel = document.getElementById("panel");
const part = (name) => panel.querySelector(`[data-part="${name}"]`);
const tiles = [...document.querySelectorAll("a.tile[href]")];
const known = (id) => id in found.cells || id in found.combinations;
let current = null;
for (const each of document.querySelectorAll("td[id], dt[id]")) if (known(each.id)) each.removeAttribute("id"); // where links lead without this
let drawings = [];

function unpacked(base64) {
  const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

function made(tag, text, className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}

/* A term with its meaning, shown where the pointer or the focus is. */
function term(text, meaning) {
  if (!meaning) return document.createTextNode(text);
  const element = made("span", text, "term");
  const tip = made("span", meaning, "tip");
  element.tabIndex = 0;
  tip.id = `tip-${term.count = (term.count ?? 0) + 1}`;
  tip.setAttribute("role", "tooltip");
  element.setAttribute("aria-describedby", tip.id);
  element.append(tip);
  return element;
}

function headed(text, scope) {
  const item = made("th", text);
  item.scope = scope;
  return item;
}

const minus = (text) => String(text).replace("-", "\u2212");

/* A table: its titles, then lines of a name and [number, digest of its task] for each column. */
function fill(table, titles, lines) {
  const head = made("tr", "");
  head.append(...titles.map((text) => headed(text, "col")));
  table.tHead.replaceChildren(head);
  table.tBodies[0].replaceChildren(...lines.map(([first, ...cells]) => {
    const line = made("tr", "");
    line.append(headed(first, "row"), ...cells.map(([number, task]) => {
      const cell = made("td", minus(number ?? "undefined"));
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

/* A row after the one that it is compared with. */
const compared = (row) => [found.references[row], row];
const kindOf = (row, shown) => (row === shown ? "defended" : "undefended");

/* A chart that says "reference" where a row is compared with another one than the undefended. */
function worded(value, row) {
  if (found.references[row] === 0) return value;
  const words = { '"undefended"': '"reference"', "to the undefended model": "to the row that it is compared with" };
  return JSON.parse(Object.entries(words).reduce((text, [before, after]) => text.replaceAll(before, after), JSON.stringify(value)));
}

async function draw(figure, row, spec, datasets, words, name) {
  const place = figure.querySelector(".chart");
  figure.querySelector("figcaption").textContent = words;
  place.setAttribute("aria-label", `Chart: ${name}. The numbers are in a table below.`);
  const options = { mode: "vega-lite", renderer: "svg", ast: true, actions: false, tooltip: false, defaultStyle: false };
  const inner = made("div", "", "drawing"); // Vega names what it draws in; the name above stays
  inner.setAttribute("aria-hidden", "true");
  place.replaceChildren(inner);
  drawings.push(await vegaEmbed(inner, worded({ ...spec, datasets }, row), options));
}

const clone = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
const tile = (word, sign, text) => made("span", `${sign} ${word}${text ? ` ${text}` : ""}`, `tile ${word.replace(" ", "-")}`);

function differences(line, metric, explained) {
  const points = metric.differences.map((value) => ({ value }));
  const first = metric.judged.first ? ` by the first ${metric.judged.first} seeds` : "";
  const words = `A triangle is one seed's difference, the bar the interval${first}; in the shaded band no difference matters.`;
  return [{ points, judged: [metric.judged] }, explained ? words : "", `differences and interval of ${line.name}`];
}

/* One metric that counts, with its chart; the first one explains how to read it. */
function metricSection(metric, row, jobs, first) {
  const line = found.lines[metric.line];
  const section = clone("metric");
  section.querySelector("h3").textContent = line.name;
  section.querySelector(".under").append(term(line.title, line.meaning), ` \u00b7 ${line.probe}`);
  section.querySelector(".what").append(tile(...metric.read), " ", metric.said);
  section.querySelector("dl").append(...[...metric.facts, ...line.facts].flatMap(([name, text]) => {
    const item = made("dt", "");
    item.append(term(name, found.terms[name]));
    return [item, made("dd", text)];
  }));
  const rows = compared(row);
  section.querySelector(".scroll").setAttribute("aria-label", `Every seed: ${line.name}`);
  fill(section.querySelector("table"), ["Seed", ...rows.map((which) => found.rows[which])], joined(rows, (which) => line.values[which]));
  const figure = section.querySelector("figure");
  figure.hidden = !metric.judged;
  if (metric.judged) jobs.push(() => draw(figure, row, found.charts.difference, ...differences(line, metric, first)));
  return section;
}

/* On log scales zero has no place. */
const drawn = (curve, seed, kind, log) => curve.x[0] === undefined ? [] : curve.x
  .map((x, place) => ({ x, y: curve.y[place], seed, kind }))
  .filter(({ x, y }) => y !== undefined && (!log || (x > 0 && y > 0)));

function curveSection(line, row, jobs) {
  const curve = found.curves[line.curve];
  const section = clone("curve");
  const log = curve.scale === "log";
  const rows = compared(row);
  section.querySelector("h3").append(term(curve.title, found.terms[curve.title]), ` of ${line.probe}`);
  const seeds = rows.flatMap((which) => curve.seeds[which].flatMap(([seed, x, y]) => drawn({ x: curve.xs[x] ?? [], y }, seed, kindOf(which, row), log)));
  const means = rows.flatMap((which) => drawn(curve.means[which], null, kindOf(which, row), log));
  const names = rows.map((which) => found.rows[which]);
  fill(section.querySelector("table"), [curve.x_title, ...names], joined(rows, (which) => curve.means[which].x.map((x, at) => [x, curve.means[which].y[at]])));
  const tasks = rows.map((which, at) => `${names[at]}: ${curve.seeds[which].map(([seed, , , task]) => `seed ${seed} ${task}`).join(", ")}`);
  section.querySelector("caption").textContent = `Means over seeds. Tasks of the curves, ${tasks.join("; ")}.`;
  jobs.push(() => draw(section.querySelector("figure"), row, curve.chart, { seeds, means }, curve.words, `${curve.title} of ${line.probe}`));
  return section;
}

/* Whom a gap between groups compares. */
function count(line) {
  const groups = line?.groups;
  part("groups").hidden = !groups;
  if (!groups) return;
  part("groups-said").textContent = groups.said;
  part("groups-caption").textContent = groups.caption;
  fill(part("groups-head").parentElement, groups.head, groups.rows.map(([name, ...counts]) => [name, ...counts.map((each) => [each])]));
}

/* The rates of groups of a row and of the one that it is compared with, from the tables of all rows. */
function rates(probes, row) {
  const tables = [...document.querySelectorAll("#risks [data-rates]")].filter((each) => probes.has(each.dataset.rates));
  const shown = compared(row).map((which) => found.labels[which]);
  part("rates").hidden = tables.length === 0;
  part("rates").querySelector("div").replaceChildren(...tables.map((each) => {
    const copy = each.cloneNode(true);
    for (const body of copy.querySelectorAll("tbody")) if (!shown.includes(body.dataset.row)) body.remove();
    for (const line of copy.querySelectorAll("tr")) line.cells[0].remove(); // the row stands above its groups instead
    for (const body of copy.querySelectorAll("tbody")) {
      const head = made("tr", "", "of-row");
      head.append(headed(body.dataset.row, "rowgroup"));
      head.cells[0].colSpan = body.rows[0].cells.length;
      body.prepend(head);
    }
    return copy;
  }));
}

function checkItem(gate) {
  const [state, came, asked, follows] = found.gates[gate];
  const item = made("li", "");
  item.append(made("span", "", `mark ${state}`), " ", made("b", `${came}:`), ` ${asked}. ${follows}`);
  return item;
}

function check(gates) {
  const passed = gates.filter((gate) => found.gates[gate][0] === "passed");
  const others = gates.filter((gate) => !passed.includes(gate));
  part("rests").hidden = gates.length === 0;
  part("gates").replaceChildren(...others.map(checkItem));
  const fold = part("passed");
  fold.hidden = passed.length === 0;
  fold.querySelector("summary").textContent = others.length ? `${passed.length} passed` : passed.length > 1 ? `All ${passed.length} have passed` : "Passed";
  fold.querySelector("ul").replaceChildren(...passed.map(checkItem));
}

function others(lines, row) {
  part("others").hidden = lines.length === 0;
  const [before] = compared(row);
  fill(part("others-head").parentElement, ["Metric", found.rows[before], found.rows[row], "Difference", "Reading"],
    lines.map(([line, first, second, difference, sign, word]) => [`${found.lines[line].title} \u00b7 ${found.lines[line].probe}`, [first], [second], [difference], [`${sign} ${word}`.trim()]]));
}

function showCell(cell, jobs) {
  const [question, title] = found.risks[cell.risk];
  part("row").textContent = found.rows[cell.row];
  part("question").textContent = question;
  part("risk").replaceChildren(question === title ? "" : term(title, found.risks[cell.risk][2]));
  part("read").replaceChildren(tile(...cell.read));
  part("metrics").replaceChildren(...cell.counted.map((metric, at) => metricSection(metric, cell.row, jobs, at === 0)));
  const lines = [...cell.counted.map((metric) => metric.line), ...cell.others.map(([line]) => line)].map((line) => found.lines[line]);
  count(lines.find((line) => line.groups));
  const traced = new Map(lines.filter((line) => found.curves[line.curve]?.seeds[cell.row].length).map((line) => [line.curve, line]));
  part("curves").replaceChildren(...[...traced.values()].map((line) => curveSection(line, cell.row, jobs)));
  others(cell.others, cell.row);
  check(cell.gates);
  part("literature").hidden = !cell.published;
  part("published").textContent = cell.published;
  const probes = new Set(lines.map((line) => String(line.curve)));
  for (const each of panel.querySelectorAll("[data-pictures]")) each.hidden = !probes.has(each.dataset.pictures);
  rates(probes, cell.row);
}

function showCombination(cell) {
  part("row").textContent = "Two defenses together";
  part("question").textContent = found.rows[cell.row];
  part("risk").replaceChildren();
  part("read").replaceChildren(made("span", `${cell.sign} ${cell.words}`, `tile still-${cell.verdict}`));
  for (const name of ["metrics", "curves"]) part(name).replaceChildren();
  for (const name of ["groups", "rates", "others", "literature", "rests"]) part(name).hidden = true;
  for (const each of panel.querySelectorAll("[data-pictures]")) each.hidden = true;
  const list = made("ul", "", "risks");
  list.append(...cell.cells.map((id) => {
    const item = made("li", "");
    const link = made("a", found.risks[found.cells[id].risk][0]);
    link.href = `#${id}`;
    item.append(tile(...found.cells[id].read), " ", link);
    return item;
  }));
  part("combination").append(...cell.said.filter(Boolean).map((text) => made("p", text)), made("h3", "What the combination does to each risk"), list);
}

/* Draws one chart after the other, unless another cell has been chosen meanwhile. */
async function drawAll(id, jobs) {
  for (const job of jobs) {
    if (current !== id) return;
    await job();
  }
  if (current === id) panel.setAttribute("data-drawn", id);
}

/* The cell beside which the map stands: cells that can be reached by the buttons are those of its map. */
const tileOf = (id) => tiles.find((each) => each.hash === `#${id}`);
const neighbours = (id) => {
  const map = tileOf(id)?.closest("table");
  return map ? tiles.filter((each) => each.closest("table") === map) : [];
};

function show(id, { focus = false, remember = true } = {}) {
  if (!known(id)) return;
  drawings.forEach((drawing) => drawing.finalize());
  drawings = [];
  current = id;
  panel.hidden = false;
  panel.removeAttribute("data-drawn");
  document.documentElement.classList.add("beside");
  part("combination").replaceChildren();
  const jobs = [];
  if (id in found.cells) showCell(found.cells[id], jobs);
  else showCombination(found.combinations[id]);
  const around = neighbours(id);
  const at = around.findIndex((each) => each.hash === `#${id}`);
  part("place").textContent = at < 0 ? "" : `${at + 1} of ${around.length}`;
  for (const button of panel.querySelectorAll("[data-step]")) button.disabled = !around[at + Number(button.dataset.step)] || at < 0;
  for (const each of tiles) each.toggleAttribute("aria-current", each.hash === `#${id}`);
  const chosen = tileOf(id);
  if (chosen) {
    rove(chosen);
    chosen.closest("details")?.setAttribute("open", "");
    chosen.scrollIntoView({ block: "nearest", behavior: "instant" });
  }
  panel.scrollTop = 0;
  if (remember) history.replaceState(null, "", `#${id}`);
  if (focus) panel.focus({ preventScroll: true });
  drawAll(id, jobs).catch(console.error);
}

function step(by) {
  const around = neighbours(current);
  const next = around[around.findIndex((each) => each.hash === `#${current}`) + by];
  if (next) show(next.hash.slice(1));
}

function close() {
  if (current === null) return;
  const back = tileOf(current);
  current = null;
  panel.hidden = true;
  document.documentElement.classList.remove("beside");
  for (const each of tiles) each.removeAttribute("aria-current");
  history.replaceState(null, "", location.pathname + location.search);
  back?.focus();
}

/* One cell of each map can be reached by Tab; arrow keys lead to the others. */
function rove(chosen) {
  for (const each of tiles) if (each.closest("table") === chosen.closest("table")) each.tabIndex = each === chosen ? 0 : -1;
}

function moved(from, key) {
  const cell = from.closest("td");
  const lines = [...cell.closest("table").tBodies[0].rows];
  const seek = (y, x, dy, dx) => {
    for (let [line, at] = [y + dy, x + dx]; lines[line]?.cells[at]; line += dy, at += dx) {
      const link = lines[line].cells[at].querySelector("a.tile");
      if (link) return link;
    }
    return null;
  };
  const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
  return way && seek(lines.indexOf(cell.parentElement), cell.cellIndex, ...way);
}

for (const map of document.querySelectorAll("table[data-map]")) {
  map.setAttribute("role", "grid");
  const links = tiles.filter((each) => each.closest("table") === map);
  if (links.length) rove(links[0]);
  map.addEventListener("keydown", (event) => {
    const link = event.target.closest("a.tile");
    if (!link || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.key === " ") {
      event.preventDefault();
      show(link.hash.slice(1), { focus: true });
      return;
    }
    const next = moved(link, event.key);
    if (!next) return;
    event.preventDefault();
    rove(next);
    next.focus();
    if (current !== null) show(next.hash.slice(1));
  });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#']");
  const id = link && decodeURIComponent(link.hash.slice(1));
  if (id && known(id)) {
    event.preventDefault();
    show(id, { focus: true });
  } else if (id) {
    document.getElementById(id)?.closest("details")?.setAttribute("open", "");
  }
});
panel.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.step) step(Number(button.dataset.step));
  if (button && "close" in button.dataset) close();
});
panel.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest(".scroll")) return;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    event.preventDefault();
    step(event.key === "ArrowLeft" ? -1 : 1);
  }
});
document.addEventListener("keydown", (event) => event.key === "Escape" && close());
addEventListener("hashchange", () => show(decodeURIComponent(location.hash.slice(1)), { focus: true, remember: false }));
document.documentElement.classList.add("live");
show(decodeURIComponent(location.hash.slice(1)), { remember: false });
