/** Gives what `start` makes of each item, in order, with up to `width` of them under way at a time. */
export async function* ahead<T, R>(
  items: readonly T[],
  width: number,
  start: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const under: Promise<R>[] = [];
  try {
    for (const item of items) {
      under.push(start(item));
      if (under.length < width) continue;
      const first = under.shift();
      if (first !== undefined) yield await first;
    }
    for (let first = under.shift(); first !== undefined; first = under.shift()) yield await first;
  } finally {
    // Whoever stopped early, or failed, still waits for what it began.
    await Promise.allSettled(under);
  }
}
