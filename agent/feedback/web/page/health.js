// Events as they come, how fast the agent is, and how each part is.
import { byId, clock, element, percent, svg } from "./elements.js";

const MOST_EVENTS = 60;
const SPARK = 120; // states that the curve of the latency is made of: a minute
const HEIGHT = 48;

const spark = svg("svg", {
  role: "img", viewBox: `0 0 ${SPARK} ${HEIGHT}`, preserveAspectRatio: "none", height: HEIGHT,
});
byId("spark").append(spark);
const latencies = [];

function inWords(event) {
  if (event.type === "ended") return `gone (was ${event.emotion})`;
  const sure = event.reason ? ` (${event.reason})` : ` ${percent(event.confidence)}`;
  return event.emotion + sure + (event.previous ? `, was ${event.previous}` : "");
}

function row(event) {
  return element("li", {},
    element("time", { datetime: event.time }, clock(event.time)),
    element("span", { class: `dot ${event.emotion}${event.type === "ended" ? " gone" : ""}`, "aria-hidden": "true" }),
    element("span", {}, `Face ${event.track}: ${inWords(event)}`));
}

export function fillEvents(events) {
  const list = byId("events");
  list.replaceChildren(...events.slice(-MOST_EVENTS).reverse().map(row));
  if (!events.length) list.append(element("li", { class: "muted" }, "No event yet"));
}

export function addEvent(event) {
  const list = byId("events");
  list.querySelector(".muted")?.remove();
  list.prepend(row(event));
  while (list.children.length > MOST_EVENTS) list.lastElementChild.remove();
}

function showFigures(state) {
  const figures = {
    "Frame rate": `${state.fps.toFixed(1)} fps`,
    Latency: `${Math.round(state.latency_ms)} ms`,
    Frames: state.frames.toLocaleString(),
    Dropped: state.dropped.toLocaleString(),
    Events: state.events.toLocaleString(),
    Temperature: state.temperature === null ? "not told" : `${Math.round(state.temperature)} °C`,
  };
  const list = byId("figures");
  if (!list.children.length) {
    list.append(...Object.keys(figures).map((name) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, ""))));
  }
  Object.values(figures).forEach((text, index) => {
    list.children[index].lastElementChild.textContent = text;
  });
}

function showSpark(state) {
  latencies.push(state.latency_ms);
  if (latencies.length > SPARK) latencies.shift();
  const top = Math.max(50, ...latencies) * 1.1;
  const points = latencies.map((value, index) =>
    `${SPARK - latencies.length + index},${(HEIGHT - (value / top) * HEIGHT).toFixed(1)}`);
  const worst = Math.round(Math.max(...latencies));
  spark.setAttribute("aria-label", `Latency over the last minute, at most ${worst} ms`);
  spark.replaceChildren(svg("polyline", { class: "curve", points: points.join(" ") }));
}

export function showHealth(state) {
  showFigures(state);
  showSpark(state);
  const parts = { ...state.health };
  if (state.reopened) parts.source += `; opened again ${state.reopened} times`;
  byId("health").replaceChildren(...Object.entries(parts).map(([part, words]) => {
    const well = words.startsWith("ok");
    const resting = part === "source" && state.paused;
    return element("li", {},
      element("span", { class: `lamp ${well ? "well" : resting ? "resting" : "ill"}`, "aria-hidden": "true" }),
      element("strong", {}, part), " ", element("span", {}, words));
  }));
}
