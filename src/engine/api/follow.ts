import type { Recorded } from '../../domain/envelope.ts';
import { type Position, position } from '../../domain/identity.ts';
import type { Log } from '../ports/log.ts';

/** A reader so far behind the live events (in events) reads on from disk, at its own pace. */
const patience = 10_000;

/** Events from a position on, without end: as they become durable, in order, without gap or repeat. */
export async function* follow(
  log: Log,
  from: Position,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly Recorded[]> {
  let next = from;
  while (!signal?.aborted) {
    for await (const batch of log.read({ from: next })) {
      next = after(batch, next);
      yield batch;
    }
    for await (const batch of live(log, next, signal)) {
      next = after(batch, next);
      yield batch;
    }
  }
}

const after = (batch: readonly Recorded[], otherwise: Position): Position => {
  const last = batch.at(-1);
  return last === undefined ? otherwise : position(last.position + 1n);
};

/** Live events until the signal, or until the reader has fallen too far behind. */
async function* live(
  log: Log,
  from: Position,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly Recorded[]> {
  let waiting: Recorded[] = [];
  let failure: { readonly error: unknown } | undefined;
  let over = signal?.aborted ?? false;
  let wake = () => {};
  const stop = () => {
    over = true;
    wake();
  };
  const subscription = log.subscribe(from).subscribe({
    next: (event) => {
      if (over) return;
      waiting.push(event);
      if (waiting.length >= patience) stop();
      else wake();
    },
    error: (error: unknown) => {
      failure = { error };
      stop();
    },
    complete: stop,
  });
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      if (failure) throw failure.error;
      const batch = waiting;
      waiting = [];
      if (batch.length > 0) yield batch;
      else if (over) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    subscription.unsubscribe();
    signal?.removeEventListener('abort', stop);
  }
}
