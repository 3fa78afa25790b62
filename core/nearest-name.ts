/** Longer names are not compared: the time of a comparison grows with the product of both lengths. */
const maxLength = 40;

/**
 * Returns the known name that a writer of `name` most likely meant, or undefined if none is similar. Ignores case and
 * separators. A name that begins or ends like a known name (`quoted`, `quotedMessageId`) is similar to it.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > maxLength) return undefined;
  const wanted = plain(name);
  let nearest: { name: string; distance: number } | undefined;
  for (const candidate of known.slice(0, 200)) {
    const distance = distanceOf(wanted, plain(candidate));
    if (distance !== undefined && (!nearest || distance < nearest.distance)) nearest = { name: candidate, distance };
  }
  return nearest?.name;
}

const plain = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

/** The shortest part of a name that says enough to recognize the name. */
const minPart = 4;

/** Returns the distance of similar names, or undefined if the names are not similar. */
function distanceOf(a: string, b: string): number | undefined {
  if (a.length === 0 || b.length === 0 || b.length > maxLength) return undefined;
  const edits = editDistance(a, b);
  if (edits <= Math.floor(Math.max(a.length, b.length) / 3)) return edits;
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  // After every name that is similar by edits.
  return short.length >= minPart && (long.startsWith(short) || long.endsWith(short)) ? maxLength + edits : undefined;
}

/** The Levenshtein distance, where swapping two neighbors is also one edit (`olny`). */
function editDistance(a: string, b: string): number {
  let earlier: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (earlier[j - 2] ?? maxLength) + 1 : maxLength;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    earlier = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
