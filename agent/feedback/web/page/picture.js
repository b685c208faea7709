// The live picture: asked for only while it is to be shown and the page is looked at.
import { byId } from "./elements.js";

const picture = byId("picture");
const show = byId("show");
const blur = byId("blur");
const note = byId("no-picture");

let agent; // its last state
let address = "";

const isOn = (button) => button.getAttribute("aria-checked") === "true";

function why() {
  if (!agent) return "No picture yet";
  if (!agent.preview) return "The settings forbid the picture (web.preview)";
  if (!isOn(show)) return "The picture is hidden; none is made";
  if (agent.paused) return "The camera is off";
  return agent.state === "live" ? "" : `The source is ${agent.state}`;
}

function refresh(anew = false) {
  const reason = document.hidden ? "hidden" : why();
  const wanted = reason ? "" : `/api/v1/preview.mjpg?blur=${isOn(blur) ? 1 : 0}`;
  note.textContent = reason;
  note.hidden = !reason;
  picture.hidden = Boolean(reason);
  if (wanted === address && !anew) return;
  address = wanted;
  // A picture that is only hidden would go on being sent.
  if (wanted) picture.src = `${wanted}&at=${Date.now()}`;
  else picture.removeAttribute("src");
}

function remember(button, name, usual) {
  button.setAttribute("aria-checked", localStorage.getItem(name) ?? String(usual));
  button.addEventListener("click", () => {
    const on = String(!isOn(button));
    button.setAttribute("aria-checked", on);
    localStorage.setItem(name, on);
    refresh();
  });
}

remember(show, "show", true);
remember(blur, "blur", false);
document.addEventListener("visibilitychange", () => refresh());
picture.addEventListener("error", () => {
  if (address) setTimeout(() => refresh(true), 2000);
});

export function showPicture(state) {
  agent = state;
  show.disabled = !state.preview;
  blur.disabled = !state.preview || state.blurred;
  if (state.blurred) blur.setAttribute("aria-checked", "true");
  refresh();
}

// After the agent was away its old stream is dead, though the browser may not know.
export function reopenPicture() {
  refresh(true);
}
