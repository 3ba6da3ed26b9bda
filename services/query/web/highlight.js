// Marks in a text what decided its label. Pure: values in, values out.

/**
 * Cuts `text` into pieces [{text, label}], label null where no reason applies. The offsets of
 * reasons count Unicode code points; JavaScript's strings count UTF-16 units, so an emoji before
 * a cue would shift every mark. Where reasons overlap, the weightiest one names the label.
 */
export function pieces(text, reasons) {
  const points = Array.from(text);
  const ranges = reasons
    .map(({start = 0, end = 0, label, weight}) => ({start, end, label, weight})) // 0 is left out
    .filter(({start, end}) => start >= 0 && start < end && end <= points.length)
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
  if (ranges.length === 0) return [{text, label: null}];
  const cuts = new Set([0, points.length]);
  for (const {start, end} of ranges) cuts.add(start).add(end);
  const bounds = [...cuts].sort((a, b) => a - b);
  const found = [];
  for (let i = 0; i + 1 < bounds.length; i++) {
    const [from, to] = [bounds[i], bounds[i + 1]];
    const reason = ranges.find(({start, end}) => start <= from && to <= end);
    const label = reason ? reason.label : null;
    const piece = points.slice(from, to).join("");
    const last = found.at(-1);
    if (last && last.label === label) last.text += piece;
    else found.push({text: piece, label});
  }
  return found;
}
