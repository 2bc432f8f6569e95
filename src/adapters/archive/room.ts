import type { EventEmitter } from 'node:events';

/** Resolves when a stream takes bytes again, or never will. */
export const roomIn = (stream: EventEmitter): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      stream.removeListener('drain', done);
      stream.removeListener('close', done);
      resolve();
    };
    stream.once('drain', done);
    stream.once('close', done);
  });
