// What is seen now: the emotion large, a chip for each face, a bar for each probability.
import { EMOTIONS, byId, element, percent, svg } from "./elements.js";

// Mouth and brows of each emotion, in a field of 64 x 64.
const MOUTHS = {
  neutral: "M22 43h20",
  happiness: "M19 39c5 10 21 10 26 0",
  surprise: "M32 37c7 0 7 14 0 14s-7-14 0-14",
  sadness: "M21 47c5-8 17-8 22 0",
  anger: "M22 45c5-4 15-4 20 0",
  disgust: "M20 42c4-4 7 5 12 1s7 4 12 0",
  fear: "M20 46c3-7 6 1 12-3s9 5 12 3",
  contempt: "M22 44c8 1 15 0 20-5",
  unknown: "M27 44h10",
  none: "M28 44h8",
};
const BROWS = {
  anger: "M17 18l11 4M47 18l-11 4",
  disgust: "M17 20l10 2M47 17l-10 5",
  sadness: "M17 22l10-4M47 22l-10-4",
  fear: "M17 21l10-5M47 21l-10-5",
  surprise: "M18 16c3-3 7-3 9 0M37 16c3-3 7-3 9 0",
  contempt: "M37 18l10-3",
};

let chosen; // the track whose bars are shown; undefined: the surest
let drawn;

function drawFace(emotion) {
  if (drawn === emotion) return;
  drawn = emotion;
  byId("face").replaceChildren(
    svg("circle", { class: "skin", cx: 32, cy: 32, r: 29 }),
    svg("circle", { class: "eye", cx: 23, cy: 27, r: 3.2 }),
    svg("circle", { class: "eye", cx: 41, cy: 27, r: 3.2 }),
    svg("path", { class: "line", d: MOUTHS[emotion] || MOUTHS.none }),
    svg("path", { class: "line", d: BROWS[emotion] || "" }),
  );
}

// A bar for each emotion, made once and then only changed.
const bars = Object.fromEntries(EMOTIONS.map((emotion) => {
  const fill = svg("rect", { class: `fill ${emotion}`, width: 0, height: 8, rx: 4 });
  const value = element("dd", { class: "value" }, "");
  const bar = svg("svg", { class: "track", viewBox: "0 0 100 8", preserveAspectRatio: "none" }, fill);
  bar.setAttribute("aria-hidden", "true");
  byId("bars").append(element("div", {}, element("dt", {}, emotion), bar, value));
  return [emotion, { fill, value }];
}));

function surest(tracks) {
  const read = tracks.filter((track) => track.emotion !== "unknown");
  return (read.length ? read : tracks).reduce(
    (best, track) => (!best || track.confidence > best.confidence ? track : best), undefined,
  );
}

function words(state, track) {
  if (state.paused) return "camera off";
  if (!track) return state.state === "live" ? "nobody" : state.state;
  return track.emotion;
}

function showChips(tracks, shown) {
  const chips = byId("chips");
  chips.hidden = tracks.length < 2;
  const wanted = tracks.map((track) => `${track.track} ${track.emotion}`).join();
  if (chips.dataset.wanted !== wanted) {
    const focused = document.activeElement?.dataset?.track;
    chips.dataset.wanted = wanted;
    chips.replaceChildren(...tracks.map((track) => {
      const chip = element(
        "button", { type: "button", class: "chip", "data-track": track.track },
        element("span", { class: `dot ${track.emotion}`, "aria-hidden": "true" }),
        `Face ${track.track}: ${track.emotion}`,
      );
      chip.addEventListener("click", () => {
        chosen = chosen === track.track ? undefined : track.track;
      });
      return chip;
    }));
    [...chips.children].find((chip) => chip.dataset.track === focused)?.focus();
  }
  for (const chip of chips.children) {
    chip.setAttribute("aria-pressed", String(Number(chip.dataset.track) === shown?.track));
  }
}

export function showFaces(state) {
  const tracks = state.paused ? [] : state.tracks;
  const track = tracks.find((one) => one.track === chosen) || surest(tracks);
  if (track?.track !== chosen) chosen = undefined;
  const emotion = track ? track.emotion : "none";
  byId("current").dataset.emotion = emotion;
  drawFace(emotion);
  const text = words(state, track);
  if (byId("emotion").textContent !== text) byId("emotion").textContent = text;
  byId("confidence").textContent = track?.confidence ? percent(track.confidence) : track?.reason || "";
  byId("faces").textContent = tracks.length === 1 ? "1 face" : `${tracks.length} faces`;
  showChips(tracks, track);
  for (const name of EMOTIONS) {
    const share = track?.probabilities?.[name] ?? 0;
    bars[name].fill.setAttribute("width", (100 * share).toFixed(1));
    bars[name].value.textContent = percent(share);
  }
}
