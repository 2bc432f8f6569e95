/**
 * Runs work on one key strictly one after another, in the order of asking; different keys don't wait for each other.
 * A key is forgotten when nobody waits for it.
 */
export interface Turns {
  take<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Runs work on several keys, once it is the turn of each of them. */
  takeAll<T>(keys: readonly string[], work: () => Promise<T>): Promise<T>;
}

export const createTurns = (): Turns => {
  const last = new Map<string, Promise<void>>();
  const takeAll: Turns['takeAll'] = async (keys, work) => {
    // Asked for together, in one turn: no two can wait for each other.
    const before = keys.flatMap((key) => last.get(key) ?? []);
    const { promise: done, resolve: finish } = deferred();
    for (const key of keys) last.set(key, done);
    try {
      await Promise.all(before);
      return await work();
    } finally {
      for (const key of keys) if (last.get(key) === done) last.delete(key);
      finish();
    }
  };
  return { takeAll, take: (key, work) => takeAll([key], work) };
};

const deferred = (): { promise: Promise<void>; resolve: () => void } => {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
};
