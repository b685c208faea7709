// The columns of the shares, from the oldest to now, those without anything among them.

export const HOUR = 3600000;

// `hour` is the beginning of the agent's hour: its clock may be years from that of the browser.
export function columns(buckets, by, hour) {
  const told = new Map(buckets.map((bucket) => [Date.parse(bucket.begin), bucket]));
  const begins = [];
  if (by === "hour") {
    for (let back = 23; back >= 0; back--) begins.push(hour - back * HOUR);
  } else {
    // The board's days need not be ours: take them as they are told.
    begins.push(...[...told.keys()].sort((a, b) => a - b).slice(-30));
  }
  return begins.map((begin) => ({ begin, bucket: told.get(begin) }));
}
