import { Observable, Subject } from 'rxjs';
import type { Envelope, Recorded } from '../../domain/envelope.ts';
import { type Position, position } from '../../domain/identity.ts';
import { matchesQuery } from '../../domain/log-query.ts';
import { Rejection } from '../../domain/rejection.ts';
import { type Log, LogLimits, type LogRange } from '../../engine/ports/log.ts';

/** A log in memory, for tests and simulation. It keeps text, as a disk would: what is read is never what was handed in. */
export const memoryLog = (): Log => {
  const texts: string[] = [];
  const moved = new Subject<void>();
  const waiting: (() => void)[] = [];
  let durable = 0;
  let queuedBytes = 0;
  let closed = false;
  let running: Promise<void> | undefined;

  const at = (index: number): Position => position(BigInt(index));
  const eventAt = (index: number): Recorded => ({ ...JSON.parse(texts[index] ?? ''), position: at(index) });

  const run = async (): Promise<void> => {
    while (durable < texts.length) {
      await turn();
      durable = texts.length;
      queuedBytes = 0;
      for (const wake of waiting.splice(0)) wake();
      await turn();
      moved.next();
    }
    running = undefined;
  };

  const settled = async (until: Position): Promise<void> => {
    if (until > texts.length) {
      throw new Rejection('unavailable', `Waiting for position ${until}: the log ends at ${texts.length}.`);
    }
    while (durable < until) await new Promise<void>((resolve) => waiting.push(resolve));
  };

  async function* read(range: LogRange = {}): AsyncIterable<readonly Recorded[]> {
    const from = Number(range.from ?? 0n);
    const to = () => Math.min(durable, Number(range.to ?? durable));
    const { where } = range;
    const wanted = (event: Recorded): boolean => where === undefined || matchesQuery(where, event);
    const step = range.backward === true ? -1 : 1;
    for (let index = step < 0 ? to() - 1 : from; index >= from && index < to(); index += step) {
      const event = eventAt(index);
      if (wanted(event)) yield [event];
    }
  }

  return {
    get head() {
      return at(texts.length);
    },
    get durable() {
      return at(durable);
    },
    horizon: at(0),
    async append(events, expected) {
      if (closed) throw new Rejection('unavailable', 'Appending to a log in memory: it is closed.');
      if (expected !== at(texts.length)) {
        throw new Rejection('aborted', `Appending at position ${expected}: the log is at ${texts.length}.`);
      }
      const batch = textsOf(events);
      const bytes = batch.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
      if (bytes > LogLimits.batchBytes) {
        throw new Rejection('invalid-argument', `Appending a batch of ${bytes} bytes: it is too large.`);
      }
      if (queuedBytes + bytes > LogLimits.queuedBytes) {
        throw new Rejection('resource-exhausted', `Appending ${bytes} bytes: too many wait to be written.`);
      }
      queuedBytes += bytes;
      texts.push(...batch);
      const head = at(texts.length);
      running ??= run();
      await settled(head);
      return head;
    },
    read,
    subscribe: (from) =>
      new Observable((subscriber) => {
        let next = Number(from);
        const catchUp = (): void => {
          while (next < durable && !subscriber.closed) {
            next += 1;
            subscriber.next(eventAt(next - 1));
          }
        };
        catchUp();
        return moved.subscribe({ next: catchUp, complete: () => subscriber.complete() });
      }),
    settled,
    async close() {
      closed = true;
      await running;
      moved.complete();
    },
  };
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const textsOf = (events: readonly Envelope[]): string[] => {
  if (events.length < 1 || events.length > LogLimits.batchEvents) {
    throw new Rejection(
      'invalid-argument',
      `Appending ${events.length} events: 1 to ${LogLimits.batchEvents} go.`,
    );
  }
  return events.map(({ type, version, subject, data, meta }) => {
    if (data === undefined) throw new Rejection('invalid-argument', `Appending ${type}: it has no data.`);
    const text = JSON.stringify({ type, version, subject, data, meta });
    if (Buffer.byteLength(text) <= LogLimits.eventBytes) return text;
    throw new Rejection(
      'invalid-argument',
      `Appending ${type}: it is larger than ${LogLimits.eventBytes} bytes.`,
    );
  });
};
