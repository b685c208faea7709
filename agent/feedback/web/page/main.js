// Puts the page together: one stream from the agent, everything else follows it.
import { SHOWN, byId, element } from "./elements.js";
import { ask, joined, listen } from "./server.js";
import { refreshSettings, showSwitches } from "./controls.js";
import { addEvent, fillEvents, showHealth } from "./health.js";
import { addToTimeline, followTime, refreshTimeline } from "./timeline.js";
import { reopenPicture, showPicture } from "./picture.js";
import { followHour, refreshShares } from "./shares.js";
import { showFaces } from "./faces.js";
import { showCalibration } from "./calibration.js";

const WORDS = {
  starting: "Starting", opening: "Opening the source", live: "Live", stalled: "No pictures",
  paused: "Camera off", ended: "Source has ended", stopping: "Stopping",
};

function connection(state, words) {
  const pill = byId("connection");
  pill.dataset.state = state;
  if (pill.textContent !== words) pill.textContent = words;
}

function showState(state) {
  connection(state.state, WORDS[state.state] ?? state.state);
  byId("device").textContent = `${state.device} · ${state.source}`;
  byId("footer").textContent = `emotion-agent ${state.version} · ${state.model}`;
  document.title = `${state.device}: ${state.emotion}`;
  showFaces(state);
  showPicture(state);
  followTime(state);
  followHour(state);
  showHealth(state);
  showSwitches(state);
  showCalibration(state);
}

let came; // events that come while those before them are asked for

async function catchUp() {
  const meanwhile = came = [];
  connection("connected", "Connected");
  reopenPicture();
  refreshTimeline();
  refreshShares();
  refreshSettings();
  try {
    fillEvents(joined((await ask("/api/v1/events", { limit: 60 })).events, meanwhile));
  } catch {
    // The stream tells when the agent is back, and this is asked again.
  }
  if (came === meanwhile) came = undefined;
}

byId("legend").append(...SHOWN.map((emotion) => element("li", {},
  element("span", { class: `dot ${emotion}`, "aria-hidden": "true" }), emotion)));

listen({
  open: catchUp,
  state: showState,
  emotion: (event) => {
    came?.push(event);
    addEvent(event);
    addToTimeline(event);
  },
  lost: () => connection("lost", "Agent is away, trying again"),
});
setInterval(() => { if (!document.hidden) refreshShares(); }, 60000);
