// How much of the time each emotion was shown, by hour or day: stacked columns and a table.
import { ask } from "./server.js";
import { HOUR, columns } from "./columns.js";
import { SHOWN, byId, clock, day, element, lasted, percent, press, svg } from "./elements.js";

const HEIGHT = 150;
const FOOT = 24;

const box = byId("shares");
const chart = svg("svg", { role: "img", "aria-label": "Shares" });
box.append(chart);

let by = "hour";
let buckets = [];
let hour = Math.floor(Date.now() / HOUR) * HOUR;

const label = (begin) => (by === "hour" ? clock(begin, false) : day(begin));

function column({ begin, bucket }, left, width) {
  const parts = [svg("rect", { class: "empty", x: left, y: 0, width, height: HEIGHT, rx: 4 })];
  let top = HEIGHT;
  for (const emotion of SHOWN) {
    const share = bucket?.share[emotion];
    if (!share) continue;
    const height = share * HEIGHT;
    top -= height;
    const seconds = lasted(1000 * bucket.seconds[emotion]);
    parts.push(svg(
      "rect", { class: `bar ${emotion}`, x: left, y: top, width, height: Math.max(0.5, height - 1) },
      svg("title", {}, `${label(begin)}: ${emotion} ${percent(share)} (${seconds})`),
    ));
  }
  return parts;
}

function draw() {
  const all = columns(buckets, by, hour);
  const width = box.clientWidth || 600;
  const step = width / Math.max(all.length, 12);
  const every = Math.ceil(44 / step);
  const parts = all.flatMap((one, index) => {
    const drawn = column(one, index * step + step * 0.1, step * 0.8);
    if (index % every === 0) {
      const x = index * step + step / 2;
      const anchor = x < 20 ? "start" : "middle";
      drawn.push(svg(
        "text", { x: x < 20 ? 0 : x, y: HEIGHT + 16, "text-anchor": anchor }, label(one.begin),
      ));
    }
    return drawn;
  });
  chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT + FOOT}`);
  chart.setAttribute("height", HEIGHT + FOOT);
  chart.setAttribute("aria-label", `Share of each emotion by ${by}; the table below tells the same`);
  chart.replaceChildren(...parts);
}

function fillTable() {
  const head = element("tr", {}, element("th", { scope: "col" }, by),
    ...SHOWN.map((emotion) => element("th", { scope: "col" }, emotion)));
  const rows = buckets.map((bucket) => element("tr", {},
    element("th", { scope: "row" }, by === "hour" ? `${day(bucket.begin)} ${label(bucket.begin)}` : label(bucket.begin)),
    ...SHOWN.map((emotion) => element("td", {}, bucket.share[emotion] ? percent(bucket.share[emotion]) : "–"))));
  byId("shares-table").replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows.reverse()));
}

export async function refreshShares() {
  try {
    buckets = (await ask("/api/v1/history", { by })).buckets;
  } catch {
    return; // the page says that the agent is away
  }
  draw();
  fillTable();
}

export function followHour(state) {
  const now = Math.floor(Date.parse(state.time) / HOUR) * HOUR;
  if (now === hour) return;
  hour = now;
  draw();
}

const buttons = { hour: byId("by-hour"), day: byId("by-day") };
for (const [name, button] of Object.entries(buttons)) {
  button.addEventListener("click", () => {
    by = name;
    press(Object.values(buttons), button);
    refreshShares();
  });
}
new ResizeObserver(() => draw()).observe(box);
