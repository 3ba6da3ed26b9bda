// Reads Server-Sent Events through fetch, which can send the token in a header.

/**
 * Turns chunks of text into events {type, data, id, retry}. A chunk may end anywhere. An event
 * without data is handed out too when it carries an id: it moves the position.
 */
export class EventParser {
  #rest = "";
  #event = {};

  /** The events that `chunk` completes. */
  push(chunk) {
    const lines = (this.#rest + chunk).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    const events = [];
    for (const line of lines) {
      if (line === "") {
        const {type = "message", data = null, id = null, retry = null} = this.#event;
        if (data !== null || id !== null || retry !== null) events.push({type, data, id, retry});
        this.#event = {};
      } else {
        this.#field(line);
      }
    }
    return events;
  }

  #field(line) {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") {
      this.#event.data = this.#event.data === undefined ? value : `${this.#event.data}\n${value}`;
    } else if (name === "event") {
      this.#event.type = value;
    } else if (name === "id" && !value.includes("\0")) {
      this.#event.id = value;
    } else if (name === "retry" && /^\d+$/.test(value)) {
      this.#event.retry = Number(value);
    }
  }
}

const LONGEST_PAUSE_MS = 15_000;
const SILENCE_MS = 40_000; // the server sends a sign of life every 15 s

/**
 * Follows a stream until `signal` aborts, and connects again after a loss, from the last
 * position. `open(lastId, signal)` gives a fetch Response. `on` has: open(resumed), event(event),
 * lost(), refused(error) for an answer that trying again will not change.
 */
export async function follow(open, on, signal) {
  let lastId = null;
  let retry = 1000;
  let attempt = 0;
  while (!signal.aborted) {
    const quiet = new AbortController();
    let timer = setTimeout(() => quiet.abort(), SILENCE_MS);
    try {
      const response = await open(lastId, AbortSignal.any([signal, quiet.signal]));
      on.open(lastId !== null);
      attempt = 0;
      const parser = new EventParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const {value, done} = await reader.read();
        if (done) break;
        clearTimeout(timer);
        timer = setTimeout(() => quiet.abort(), SILENCE_MS);
        for (const event of parser.push(value)) {
          if (event.id !== null) lastId = event.id || null;
          if (event.retry !== null) retry = event.retry;
          if (event.data !== null) on.event(event);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error.status >= 400 && error.status < 500 && error.status !== 429) {
        on.refused(error);
        return;
      }
    } finally {
      clearTimeout(timer);
    }
    if (signal.aborted) return;
    on.lost();
    const pause = Math.min(LONGEST_PAUSE_MS, retry * 2 ** attempt++);
    await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random() / 2)));
  }
}
