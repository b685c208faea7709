// Talks to the agent: questions, commands, and the stream of what happens.

const FIRST_PAUSE = 500; // milliseconds between two attempts; doubled after each that fails
const LONGEST_PAUSE = 5000;
const SILENCE = 15000; // the agent tells its state twice a second

async function told(response) {
  if (response.status === 401 && location.pathname === "/") {
    location.assign("/login");
  }
  const body = await response.json().catch(() => ({ error: response.statusText }));
  if (!response.ok) {
    throw new Error(body.error || `the agent answers ${response.status}`);
  }
  return body;
}

export async function ask(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const address = given.length ? `${path}?${new URLSearchParams(given)}` : path;
  return told(await fetch(address, { cache: "no-store" }));
}

// Past events as the agent tells them, and those that came meanwhile; each once.
export function joined(past, came) {
  const told = new Set(past.map((event) => event.id));
  return [...past, ...came.filter((event) => !told.has(event.id))];
}

export async function command(path, body = {}) {
  return told(await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Emotion-Agent": "page" },
    body: JSON.stringify(body),
  }));
}

// Listens for ever: calls `on.open()`, `on.state(state)`, `on.emotion(event)`, `on.lost()`.
export function listen(on) {
  let pause = FIRST_PAUSE;
  let source;
  let watchdog;

  function alive() {
    clearTimeout(watchdog);
    watchdog = setTimeout(again, SILENCE);
  }

  function again() {
    clearTimeout(watchdog);
    source.close();
    on.lost();
    setTimeout(open, pause);
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }

  function open() {
    source = new EventSource("/api/v1/events/stream");
    source.onopen = () => {
      pause = FIRST_PAUSE;
      on.open();
    };
    source.onerror = again;
    source.addEventListener("state", (message) => {
      alive();
      on.state(JSON.parse(message.data));
    });
    source.addEventListener("emotion", (message) => {
      alive();
      on.emotion(JSON.parse(message.data));
    });
    alive();
  }

  open();
}
