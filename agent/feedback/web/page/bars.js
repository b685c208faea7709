// The bars of the timeline as events come. A page may be looked at for months, so only those in sight
// are kept: what is out of sight is asked for again where somebody looks there.

const MOST = 8000; // as many as the agent tells at once

// All bars with what an event adds, for a view from `begin` to `end`, times in milliseconds. One that
// they tell already adds nothing.
export function withEvent(bars, event, begin, end) {
  const time = Date.parse(event.time);
  const edge = event.type === "ended" ? "end" : "begin";
  if (bars.some((bar) => bar.track === event.track && bar[edge] === time)) return bars;
  const open = bars.find((bar) => bar.track === event.track && bar.end === null);
  if (open) open.end = event.type === "started" ? open.begin : time;
  const fresh = { track: event.track, emotion: event.emotion, begin: time, end: null };
  const all = event.type === "ended" ? bars : [...bars, fresh];
  const kept = all.filter((bar) => bar.end === null || (bar.end >= begin && bar.begin <= end));
  return kept.slice(-MOST);
}
