import type { Log } from '../../src/engine/ports/log.ts';
import type { PlainEvent } from './host-stories.ts';
import { envelopeAt } from './live-records.ts';

/** Appends under way at once. */
const appends = 4096;

/** Appends events, each by itself. */
export const fillLog = async (log: Log, events: Iterable<PlainEvent>): Promise<void> => {
  let under: Promise<unknown>[] = [];
  for (const event of events) {
    under.push(log.append([envelopeAt(event, Number(log.head))], log.head));
    if (under.length < appends) continue;
    await Promise.all(under);
    under = [];
  }
  await Promise.all(under);
};
