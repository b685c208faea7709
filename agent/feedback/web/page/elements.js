// Makes elements and charts: plain HTML and SVG, no text is ever read as markup.

export const EMOTIONS = [
  "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt",
];
export const SHOWN = [...EMOTIONS, "unknown"];

const SVG = "http://www.w3.org/2000/svg";

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) {
      node.setAttribute(name, value);
    }
  }
  node.append(...children);
  return node;
}

export const byId = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

// A button that is one of several: pressed or not.
export function press(buttons, pressed) {
  for (const button of buttons) {
    button.setAttribute("aria-pressed", String(button === pressed));
  }
}

export function percent(share) {
  return `${Math.round(100 * share)} %`;
}

export function clock(time, seconds = true) {
  const parts = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Date(time).toLocaleTimeString([], seconds ? { ...parts, second: "2-digit" } : parts);
}

export function day(time) {
  return new Date(time).toLocaleDateString([], { day: "numeric", month: "short" });
}

export function lasted(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
