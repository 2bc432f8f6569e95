import type { Envelope, Events } from '../../gen/containerd/services/events/v1/events_pb.ts';
import type { ServiceClient } from '../service-types.ts';
import { ShiplogError } from '../shiplog-error.ts';

export interface Subscription {
  /** In containerd's language; any of them is enough. All events by default. */
  readonly filters?: readonly string[];
  /** Tell those of the log from this position on first. */
  readonly from?: bigint;
  readonly signal?: AbortSignal;
  /** Milliseconds to wait before a broken stream is taken up again. */
  readonly retryMs?: number;
}

/** Calls the service with a header that says where in the log to begin. */
export type EventsFrom = (from: bigint | undefined) => ServiceClient<typeof Events>;

const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal?.addEventListener('abort', over, { once: true });
  });

/**
 * Events, without gap and each once, also across restarts of the daemon: a stream that breaks is taken up again after the
 * last position that it told. What other clients published while it was broken is not told, for nobody keeps that.
 * Ends when the signal fires.
 * @throws ShiplogError for anything but a daemon that can't be reached
 */
export async function* subscribe(
  events: EventsFrom,
  { filters = [], from, signal, retryMs = 500 }: Subscription = {},
): AsyncGenerator<Envelope> {
  let next = from;
  while (!signal?.aborted) {
    try {
      for await (const event of events(next).subscribe({ filters: [...filters] }, { signal })) {
        yield event;
        if (event.shiplogPosition !== undefined) next = event.shiplogPosition + 1n;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (!(error instanceof ShiplogError) || error.code !== 'unavailable') throw error;
    }
    // Without a position nothing says where the gap began: the next stream begins where it can.
    await pause(retryMs, signal);
  }
}
