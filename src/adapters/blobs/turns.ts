/**
 * Runs work on one key strictly one after another, in the order of asking; different keys don't wait for each other.
 * A key is forgotten when nobody waits for it.
 */
export interface Turns {
  take<T>(key: string, work: () => Promise<T>): Promise<T>;
}

export const createTurns = (): Turns => {
  const last = new Map<string, Promise<void>>();
  return {
    async take(key, work) {
      const before = last.get(key);
      const { promise: done, resolve: finish } = deferred();
      last.set(key, done);
      try {
        await before;
        return await work();
      } finally {
        if (last.get(key) === done) last.delete(key);
        finish();
      }
    },
  };
};

const deferred = (): { promise: Promise<void>; resolve: () => void } => {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
};
