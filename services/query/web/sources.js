// Says in one line which sources are not well.

const UNREADABLE = new Set(["blocked", "failing", "gone"]);
const NAMED = 3;

/** The line for these sources of the API, empty when all are well. */
export function sourcesNote(sources, words) {
  const unreadable = sources.filter((source) => UNREADABLE.has(source.health));
  const silent = sources.filter((source) => source.health === "silent");
  const parts = [];
  if (unreadable.length) {
    const names = unreadable.map(({id, reason}) => (reason ? `${id} (${reason})` : id));
    parts.push(words.sourcesUnreadable(unreadable.length, listed(names, words)));
  }
  if (silent.length) parts.push(words.sourcesSilent(listed(silent.map(({id}) => id), words)));
  return parts.join(" – ");
}

function listed(names, words) {
  const rest = names.length - NAMED;
  const named = names.slice(0, NAMED).join(", ");
  return rest > 0 ? `${named} ${words.more(rest)}` : named;
}
