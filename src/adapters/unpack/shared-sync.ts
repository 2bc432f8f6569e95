/**
 * Shares one slow sync between callers: who asks while one runs gets the next one, since the running one began before
 * its bytes were written; all who wait get the same.
 */
export const shareSync = (sync: () => Promise<void>): (() => Promise<void>) => {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  const begin = (): Promise<void> => {
    const mine = sync().finally(() => {
      if (running === mine) running = undefined;
    });
    running = mine;
    return mine;
  };

  return () => {
    if (running === undefined) return begin();
    next ??= running
      // its failure is its callers' own; ours begins afresh
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        next = undefined;
        return begin();
      });
    return next;
  };
};
