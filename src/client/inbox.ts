import type { Readable } from 'node:stream';

/** The messages of a call in order. Iterate once. */
export interface Inbox<Message> extends AsyncIterable<Message> {
  /** Resolves when the call is over, however it ended; never rejects. */
  readonly ended: Promise<void>;
  over(): boolean;
}

/**
 * Reads a grpc-js stream. Node's own iterator would not do: grpc-js says `error` while messages still wait in the stream,
 * and the iterator throws them away. Here they come first, then the error. (What grpc-js itself has not put into the stream
 * by then, it drops when a call fails; after a success nothing is lost.) It listens from the start, so that an error before
 * the first read doesn't crash the process.
 */
export const inbox = <Message>(call: Readable): Inbox<Message> => {
  let failure: { readonly error: unknown } | undefined;
  let finished = false;
  let wake = (): void => undefined;
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const finish = (): void => {
    finished = true;
    end();
    wake();
  };
  call.on('readable', () => wake());
  call.on('end', finish);
  call.on('error', (error) => {
    failure ??= { error };
    finish();
  });
  const messages = async function* (): AsyncGenerator<Message> {
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const message: Message | null = call.read();
      if (message !== null) yield message;
      else if (finished) break;
      else await changed;
    }
    if (failure) throw failure.error;
  };
  return { ended, over: () => finished, [Symbol.asyncIterator]: messages };
};
