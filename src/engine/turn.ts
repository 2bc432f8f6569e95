/** Lets everything else that waits go first. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
