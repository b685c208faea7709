// Who showed what and when: bars on lanes, with zoom; the newest end moves on by itself.
import { ask } from "./server.js";
import { withEvent } from "./bars.js";
import { byId, clock, day, element, lasted, press, svg } from "./elements.js";

const MINUTE = 60000;
const RANGES = [["5 min", 5], ["15 min", 15], ["1 h", 60], ["6 h", 360], ["24 h", 1440], ["7 d", 10080]];
const SHORTEST = MINUTE / 2;
const LONGEST = 30 * 1440 * MINUTE;
const LANE = 22;
const FOOT = 24;
const MOST_LANES = 8;
const TICKS = [
  5000, 10000, 15000, 30000, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  60 * MINUTE, 120 * MINUTE, 180 * MINUTE, 360 * MINUTE, 720 * MINUTE, 1440 * MINUTE, 2880 * MINUTE,
  7200 * MINUTE,
];

const box = byId("timeline");
const chart = svg("svg", { role: "img", "aria-label": "Timeline" });
box.append(chart);

const view = { span: 5 * MINUTE, end: Date.now(), follow: true };
let bars = []; // { track, emotion, begin, end }, times in milliseconds; end null while it lasts
let living = new Map(); // what each face shows that is followed now
let skew = 0; // the agent's clock less ours
let complete = true;
let came; // events that come while those before them are asked for

const now = () => Date.now() + skew;
const from = () => view.end - view.span;

async function fetchBars() {
  const meanwhile = came = [];
  let told;
  try {
    told = await ask("/api/v1/timeline", {
      since: new Date(from()).toISOString(), until: new Date(view.end + 1000).toISOString(),
    });
  } catch {
    // The next one may come through; the page says that the agent is away.
  }
  if (came !== meanwhile) return; // something else was asked for since
  came = undefined;
  if (!told) return;
  bars = told.bars.map((bar) => ({
    ...bar, begin: Date.parse(bar.begin), end: bar.end && Date.parse(bar.end),
  }));
  complete = told.complete;
  meanwhile.forEach(addToTimeline);
  draw();
}

let pending;
function fetchSoon() {
  clearTimeout(pending);
  pending = setTimeout(fetchBars, 150);
}

// The end of a bar as it is drawn: nobody knows it for a face that an agent lost as it died.
function drawnEnd(bar) {
  return bar.end ?? (living.has(bar.track) ? now() : bar.begin);
}

// The fewest lanes so that no two faces overlap; a face keeps its lane.
function lanes(shown) {
  const tracks = new Map();
  for (const bar of shown) {
    const run = tracks.get(bar.track);
    // A number that comes again after a while is another face, of a later run.
    if (run && bar.begin - run.end < 2000) {
      run.end = Math.max(run.end, drawnEnd(bar));
      run.bars.push(bar);
    } else {
      const fresh = { begin: bar.begin, end: drawnEnd(bar), bars: [bar] };
      tracks.set(bar.track, fresh);
      (tracks.runs ??= []).push(fresh);
    }
  }
  const ends = [];
  for (const bar of shown) bar.leads = undefined;
  for (const run of (tracks.runs ?? []).sort((a, b) => a.begin - b.begin)) {
    let lane = ends.findIndex((end) => end <= run.begin);
    if (lane < 0) lane = ends.length < MOST_LANES ? ends.length : ends.indexOf(Math.min(...ends));
    ends[lane] = Math.max(ends[lane] ?? 0, run.end);
    for (const bar of run.bars) bar.lane = lane;
    run.bars[0].leads = run;
  }
  return Math.max(1, ends.length);
}

function visible() {
  const shown = bars.filter((bar) => drawnEnd(bar) >= from() && bar.begin <= view.end);
  const open = new Set(shown.filter((bar) => bar.end === null).map((bar) => bar.track));
  for (const [track, emotion] of living) {
    // It shows this since before the time that is looked at.
    if (!open.has(track) && now() <= view.end + 2000 && !bars.some((bar) => bar.track === track)) {
      shown.push({ track, emotion, begin: from(), end: null });
    }
  }
  return shown;
}

function tickLabel(time, step) {
  if (step >= 1440 * MINUTE) return day(time);
  const midnight = new Date(time).getHours() === 0 && new Date(time).getMinutes() === 0;
  return midnight && step >= 60 * MINUTE ? day(time) : clock(time, step < MINUTE);
}

function ticks(width, height, x) {
  const step = TICKS.find((one) => (one / view.span) * width > 74) ?? TICKS[TICKS.length - 1];
  const zone = new Date(view.end).getTimezoneOffset() * MINUTE;
  const marks = [];
  for (let time = Math.ceil((from() - zone) / step) * step + zone; time <= view.end; time += step) {
    marks.push(svg("line", { class: "grid", x1: x(time), x2: x(time), y1: 0, y2: height }));
    if (x(time) > 20 && x(time) < width - 24) {
      marks.push(svg("text", { x: x(time), y: height + 16, "text-anchor": "middle" }, tickLabel(time, step)));
    }
  }
  return marks;
}

function drawBar(bar, x) {
  const begin = Math.max(bar.begin, from());
  const end = Math.min(drawnEnd(bar), view.end);
  const about = `Face ${bar.track}: ${bar.emotion}, ${clock(bar.begin)}, ${lasted(end - begin)}`;
  const shape = svg("rect", {
    class: `bar ${bar.emotion}`, x: x(begin), width: Math.max(1.5, x(end) - x(begin)),
    y: bar.lane * LANE + 3, height: LANE - 6, rx: 3,
  }, svg("title", {}, about));
  const room = bar.leads && x(Math.min(bar.leads.end, view.end)) - x(begin);
  if (!room || room < 10 + 7 * String(bar.track).length) return [shape];
  return [shape, svg("text", { class: "on", x: x(begin) + 5, y: bar.lane * LANE + 15 }, bar.track)];
}

function summary(shown) {
  const faces = new Set(shown.map((bar) => bar.track)).size;
  const where = `${clock(from())} to ${clock(view.end)}`;
  return `Timeline from ${where}: ${faces} ${faces === 1 ? "face" : "faces"}, ${shown.length} stretches`;
}

export function draw() {
  if (view.follow) view.end = now();
  const width = box.clientWidth || 600;
  const shown = visible();
  const height = Math.max(2, lanes(shown)) * LANE;
  const x = (time) => ((time - from()) / view.span) * width;
  chart.setAttribute("viewBox", `0 0 ${width} ${height + FOOT}`);
  chart.setAttribute("height", height + FOOT);
  chart.setAttribute("aria-label", summary(shown));
  chart.replaceChildren(...ticks(width, height, x), ...shown.flatMap((bar) => drawBar(bar, x)));
  byId("timeline-note").textContent = complete
    ? (shown.length ? "" : "Nobody was seen in this time.")
    : "There were too many events; only the newest are shown.";
}

function look(span, end, follow) {
  view.span = Math.min(LONGEST, Math.max(SHORTEST, span));
  view.follow = follow ?? end >= now() - 1000;
  view.end = view.follow ? now() : end;
  byId("follow").setAttribute("aria-pressed", String(view.follow));
  press(byId("ranges").children, [...byId("ranges").children].find((b) => b.span === view.span));
  draw();
  fetchSoon();
}

const zoom = (factor, at = view.follow ? view.end : view.end - view.span / 2) => {
  const span = Math.min(LONGEST, Math.max(SHORTEST, view.span * factor));
  look(span, at + (view.end - at) * (span / view.span), view.follow && at === view.end);
};
const move = (share) => look(view.span, view.end + share * view.span);

for (const [name, minutes] of RANGES) {
  const button = element("button", { type: "button", "aria-pressed": "false" }, name);
  button.span = minutes * MINUTE;
  button.addEventListener("click", () => look(button.span, view.end, view.follow));
  byId("ranges").append(button);
}
byId("earlier").addEventListener("click", () => move(-0.5));
byId("later").addEventListener("click", () => move(0.5));
byId("zoom-in").addEventListener("click", () => zoom(0.5));
byId("zoom-out").addEventListener("click", () => zoom(2));
byId("follow").addEventListener("click", () => look(view.span, now(), true));

box.addEventListener("wheel", (turned) => {
  if (!turned.ctrlKey && !turned.shiftKey) return; // the page itself is to scroll
  turned.preventDefault();
  const at = from() + (turned.offsetX / box.clientWidth) * view.span;
  zoom((turned.deltaY || turned.deltaX) > 0 ? 1.25 : 0.8, at);
}, { passive: false });

let grabbed;
box.addEventListener("pointerdown", (down) => {
  grabbed = { x: down.clientX, end: view.end };
  box.setPointerCapture(down.pointerId);
});
box.addEventListener("pointermove", (moved) => {
  if (!grabbed || Math.abs(moved.clientX - grabbed.x) < 4) return;
  look(view.span, grabbed.end - ((moved.clientX - grabbed.x) / box.clientWidth) * view.span);
});
for (const ending of ["pointerup", "pointercancel"]) {
  box.addEventListener(ending, () => { grabbed = undefined; });
}
new ResizeObserver(() => draw()).observe(box);

export function followTime(state) {
  skew = Date.parse(state.time) - Date.now();
  living = new Map(state.tracks.map((track) => [track.track, track.emotion]));
  if (view.follow && !document.hidden) draw();
}

export function addToTimeline(event) {
  came?.push(event);
  const end = view.follow ? now() : view.end;
  bars = withEvent(bars, event, end - view.span, end);
}

export function refreshTimeline() {
  look(view.span, view.end, view.follow);
}
