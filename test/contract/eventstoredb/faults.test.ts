import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appendBatches, events, positionsOf, readAll, upTo } from '../../support/log-events.ts';
import { givenServers, urlOf } from './given-server.ts';

const { start, open, stream } = givenServers();

const fault = fc.oneof(
  fc.record({
    breakAppends: fc.record({
      count: fc.integer({ min: 1, max: 3 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    }),
  }),
  fc.record({ muteAppends: fc.constant(1) }),
  fc.record({ breakReads: fc.record({ count: fc.constant(1), after: fc.integer({ min: 0, max: 20 }) }) }),
  fc.record({ muteReads: fc.constant(1) }),
);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 30 }), wait: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ cut: fc.integer({ min: 0, max: 5 }) }) },
  { weight: 2, arbitrary: fault },
);

describe('whatever happens on the way', () => {
  it('every acknowledged event is stored once, in its place, and seen once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 20 }), async (steps) => {
        const server = await start();
        server.streams.forgetful = steps.length % 2 === 0;
        const log = await open(urlOf(server), { deadlineMs: 100, groupEvents: 40 });
        const seen: number[] = [];
        const { knobs, front } = server;
        const live = log.subscribe(log.head).subscribe((one) => seen.push(Number(one.position)));
        for (const one of steps) {
          if ('append' in one) {
            const appending = log.append(events(Number(log.head), one.append), log.head);
            if (one.wait) await appending;
          } else if ('cut' in one) {
            await new Promise((resolve) => setTimeout(resolve, one.cut));
            front.cut();
          } else Object.assign(knobs, structuredClone(one));
        }
        await log.settled(log.head);
        await appendBatches(log, [1]);
        const all = upTo(Number(log.head));
        const recorded = await readAll(log);
        expect(positionsOf(recorded)).toEqual(all);
        expect(recorded.map(({ data }) => data)).toEqual(all.map((n) => ({ n })));
        expect(server.streams.events(stream)).toHaveLength(all.length);
        await new Promise((resolve) => setImmediate(resolve));
        live.unsubscribe();
        expect(seen).toEqual(all);
      }),
      { numRuns: 12 },
    );
  });
});
