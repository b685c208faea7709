// Has the agent look at a resting face for five seconds, and undoes that.
import { byId, clock, day } from "./elements.js";
import { order, tell } from "./controls.js";

for (const [name, undo] of [["calibrate", false], ["uncalibrate", true]]) {
  byId(name).addEventListener("click", async () => {
    const done = await order("calibrate", { undo });
    if (done) tell(done);
  });
}

function inWords({ state, refusal, trouble, about, time }) {
  if (state === "measuring") return "Look neutral, and keep still";
  const applied = state === "applied"
    ? `Applied since ${day(time)}, ${clock(time, false)}: ${about}`
    : "Where a resting face reads as sad or angry, have it measured: no picture is kept";
  if (refusal) return `Not calibrated: ${refusal}${state === "applied" ? `. ${applied}` : ""}`;
  return trouble ? `Not applied: ${trouble}` : applied;
}

export function showCalibration(agent) {
  const told = agent.calibration;
  const words = inWords(told);
  if (byId("calibration").textContent !== words) byId("calibration").textContent = words;
  byId("calibrate").disabled = told.state === "measuring" || agent.paused;
  byId("uncalibrate").hidden = told.state === "none" && !told.trouble;
}
