import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import type { Failure } from './status.ts';
import { until } from './until.ts';

type Writable = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/** What sending has to do with its call. */
interface Sent {
  readonly context: { readonly signal: AbortSignal };
  /** The last answer is on its way. */
  settle(): void;
  failure(error: unknown): Failure;
}

/** Resolves when the client has taken enough for more to be sent. */
const drained = (call: Writable, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const go = (): void => {
      call.off('drain', go);
      signal.removeEventListener('abort', go);
      resolve();
    };
    call.once('drain', go);
    signal.addEventListener('abort', go, { once: true });
    if (signal.aborted) go();
  });

/** Resolves when `work` is done, or nobody is there to take what it sends. */
const orGone = (work: Promise<void>, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const go = (): void => {
      signal.removeEventListener('abort', go);
      resolve();
    };
    work.then(go);
    signal.addEventListener('abort', go, { once: true });
    if (signal.aborted) go();
  });

/** Writes answers, and tells when all of them have gone to the transport. */
const writingTo = (call: Writable) => {
  let waiting = 0;
  let gone: (() => void) | undefined;
  const sent = (): void => {
    waiting -= 1;
    if (waiting === 0) gone?.();
  };
  return {
    /** @returns whether there is room for more */
    send: (answer: Buffer): boolean => {
      waiting += 1;
      return call.write(answer, sent);
    },
    flushed: (): Promise<void> =>
      new Promise((resolve) => {
        if (waiting === 0) resolve();
        else gone = resolve;
      }),
  };
};

/**
 * Sends answers as fast as the client takes them; a slow one makes the source wait. A failure is told when the answers
 * before it have gone: it also breaks the reading of requests, and Node then destroys the call at once, with what still
 * waits in it. The status would be lost with that, and the client wait for ever.
 */
export const sendAll = async (
  call: Writable,
  answers: AsyncIterable<readonly Buffer[]>,
  opened: Sent,
): Promise<void> => {
  const { signal } = opened.context;
  const writing = writingTo(call);
  try {
    for await (const some of until(answers, signal)) {
      for (const answer of some) {
        if (writing.send(answer)) continue;
        await drained(call, signal);
        if (signal.aborted) break;
      }
    }
    signal.throwIfAborted();
    opened.settle();
    call.end();
  } catch (error) {
    await orGone(writing.flushed(), signal);
    opened.settle();
    call.emit('error', opened.failure(error));
  }
};

/** How many answers that are all there are made at a time. */
const atOnce = 64;

/** What one turn can send: of a source that must be waited for each item alone. */
export async function* some<T>(source: AsyncIterable<T> | Iterable<T>): AsyncGenerator<readonly T[]> {
  if (Symbol.asyncIterator in source) {
    for await (const one of source) yield [one];
    return;
  }
  let items: T[] = [];
  for (const one of source) {
    if (items.push(one) < atOnce) continue;
    yield items;
    items = [];
  }
  yield items;
}
