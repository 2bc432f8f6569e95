/** Ascending lists of places without repeats. */

export const union = (lists: readonly Uint32Array[]): Uint32Array => {
  const [only, ...others] = lists;
  if (only === undefined) return new Uint32Array();
  if (others.length === 0) return only;
  const all = new Uint32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const list of lists) {
    all.set(list, end);
    end += list.length;
  }
  all.sort();
  let kept = 0;
  for (const place of all) {
    if (kept > 0 && all[kept - 1] === place) continue;
    all[kept] = place;
    kept += 1;
  }
  return all.subarray(0, kept);
};

export const intersection = (a: Uint32Array, b: Uint32Array): Uint32Array => {
  const both = new Uint32Array(Math.min(a.length, b.length));
  let kept = 0;
  let at = 0;
  for (const place of a) {
    while ((b[at] ?? Number.POSITIVE_INFINITY) < place) at += 1;
    if (b[at] !== place) continue;
    both[kept] = place;
    kept += 1;
  }
  return both.subarray(0, kept);
};
