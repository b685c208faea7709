// Switches, cues, the theme and the settings.
import { EMOTIONS, byId, element } from "./elements.js";
import { ask, command } from "./server.js";

const message = byId("message");
let fading;

export function tell(words) {
  message.textContent = words;
  message.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => { message.hidden = true; }, 8000);
}

export async function order(name, body) {
  try {
    return (await command(`/api/v1/commands/${name}`, body)).done;
  } catch (problem) {
    tell(problem.message);
    return undefined;
  }
}

// A state that was on its way when a switch was turned must not turn it back.
const turned = {};

for (const name of ["mute", "pause"]) {
  const button = byId(name);
  button.addEventListener("click", async () => {
    const on = button.getAttribute("aria-checked") !== "true";
    if (!await order(name, { on })) return;
    turned[name] = Date.now();
    button.setAttribute("aria-checked", String(on));
  });
}

byId("cues").append(...EMOTIONS.map((emotion) => {
  const button = element("button", { type: "button", class: "chip" },
    element("span", { class: `dot ${emotion}`, "aria-hidden": "true" }), emotion);
  button.addEventListener("click", async () => {
    const done = await order("cue", { emotion });
    if (done) tell(done);
  });
  return button;
}));

export function showSwitches(state) {
  for (const [name, on] of [["mute", state.muted], ["pause", state.paused]]) {
    if (Date.now() - (turned[name] ?? 0) > 1000) byId(name).setAttribute("aria-checked", String(on));
  }
  byId("cues-card").hidden = !state.sound;
}

const THEMES = ["auto", "light", "dark"];

function useTheme(name) {
  document.documentElement.dataset.theme = name;
  byId("theme").textContent = `Theme: ${name}`;
  localStorage.setItem("theme", name);
}

byId("theme").addEventListener("click", () => {
  const next = THEMES.indexOf(document.documentElement.dataset.theme) + 1;
  useTheme(THEMES[next % THEMES.length]);
});
useTheme(THEMES.find((name) => name === localStorage.getItem("theme")) ?? "auto");

byId("logout").addEventListener("click", async () => {
  try {
    await command("/api/v1/logout");
    location.assign("/login");
  } catch (problem) {
    tell(problem.message);
  }
});

function inWords(value) {
  if (value === null) return "not set";
  if (Array.isArray(value)) return value.join(", ") || "none";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

async function fillSettings() {
  const { settings } = await ask("/api/v1/settings");
  byId("logout").hidden = !settings.some(({ key, value }) =>
    ["web.token", "web.password_hash"].includes(key) && value !== null);
  const head = element("tr", {}, ...["Setting", "Value", "What it does"].map((text) =>
    element("th", { scope: "col" }, text)));
  const rows = settings.map(({ key, value, default: usual, about }) => {
    const own = JSON.stringify(value) !== JSON.stringify(usual) && key !== "device";
    return element("tr", { class: own ? "own" : undefined },
      element("th", { scope: "row" }, element("code", {}, key)),
      element("td", {}, inWords(value), own ? element("small", {}, ` (usual: ${inWords(usual)})`) : ""),
      element("td", { class: "muted" }, about));
  });
  byId("settings").replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
  filter();
}

function filter() {
  const words = byId("find").value.trim().toLowerCase();
  for (const row of byId("settings").querySelectorAll("tbody tr")) {
    row.hidden = !row.textContent.toLowerCase().includes(words);
  }
}

byId("find").addEventListener("input", filter);
byId("reload").addEventListener("click", async () => {
  const done = await order("reload", {});
  if (done) tell(done);
});

export async function refreshSettings() {
  try {
    await fillSettings();
  } catch (problem) {
    tell(problem.message);
  }
}
