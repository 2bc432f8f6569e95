/**
 * The items of `source` until the signal fires; then it ends at once, also where the source would never answer again,
 * and the source is told to stop.
 */
export async function* until<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const items = source[Symbol.asyncIterator]();
  let stop = (): void => undefined;
  const abort = (): void => stop();
  signal.addEventListener('abort', abort, { once: true });
  let leaving = true;
  try {
    for (;;) {
      // A promise of its own for each item: racing one that lives as long as the signal would keep every item reachable.
      const item = await new Promise<IteratorResult<T> | undefined>((resolve, reject) => {
        stop = () => resolve(undefined);
        if (signal.aborted) stop();
        else items.next().then(resolve, reject);
      });
      if (item === undefined) return;
      if (item.done) {
        leaving = false;
        return;
      }
      yield item.value;
    }
  } catch (error) {
    leaving = false;
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    // Not awaited: a generator in the middle of waiting stops when it wakes up, which may be never.
    if (leaving) items.return?.().then(ignore, ignore);
  }
}

/** Whatever a source says that was told to stop, nobody waits for it. */
const ignore = (): void => undefined;

/** What `work` resolves to, or a rejection with the signal's reason as soon as it fires. */
export const orAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    const release = (): void => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).then(release, release);
    if (signal.aborted) abort();
  });
