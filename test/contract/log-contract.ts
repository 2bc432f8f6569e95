import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Recorded } from '../../src/domain/envelope.ts';
import type { Log } from '../../src/engine/ports/log.ts';
import { LogLimits } from '../../src/engine/ports/log.ts';
import { appendBatches, at, event, events, positionsOf, readAll, upTo } from '../support/log-events.ts';
import { appendVaried, queries, subjectAt, varied } from '../support/log-queries.ts';

/** An empty log, and how to be rid of it. */
export interface OpenedLog {
  readonly log: Log;
  dispose(): Promise<void>;
}

/** What every implementation of the port `Log` holds to. */
export const describeLog = (name: string, open: () => Promise<OpenedLog>): void => {
  describe(`${name} as a log`, () => {
    let opened: OpenedLog;
    let log: Log;
    beforeEach(async () => {
      opened = await open();
      log = opened.log;
    });
    afterEach(() => opened.dispose());

    describe('appending', () => {
      it('begins empty at position 0n', async () => {
        expect([log.head, log.durable]).toEqual([0n, 0n]);
        expect(await readAll(log)).toEqual([]);
      });

      it('fixes the order at once and durability later', async () => {
        const appending = log.append(events(0, 2), at(0));
        expect([log.head, log.durable]).toEqual([2n, 0n]);
        expect(await appending).toBe(2n);
        expect(log.durable).toBe(2n);
      });

      it('takes the next batch before the first is durable', async () => {
        const both = [log.append([event(0)], at(0)), log.append(events(1, 3), at(1))];
        expect(log.head).toBe(4n);
        expect(await Promise.all(both)).toEqual([1n, 4n]);
        expect(positionsOf(await readAll(log))).toEqual([0, 1, 2, 3]);
      });

      it('gives back what was appended, with its position', async () => {
        const odd = event(0, { text: 'Grüße 🚢 \u0000 "', list: [1, null, { deep: true }] });
        await log.append([odd], at(0));
        expect(await readAll(log)).toEqual([{ ...odd, position: 0n }]);
      });

      it('keeps what was appended, not the object that was handed in', async () => {
        const data = { n: 1 };
        const appending = log.append([{ ...event(0), data }], at(0));
        data.n = 2;
        await appending;
        expect((await readAll(log))[0]?.data).toEqual({ n: 1 });
      });

      it.each([0, 2, 5])('refuses expected position %i when the head is 1', async (expected) => {
        await log.append([event(0)], at(0));
        await expect(log.append([event(1)], at(expected))).rejects.toMatchObject({ code: 'aborted' });
        expect(log.head).toBe(1n);
        expect(await readAll(log)).toHaveLength(1);
      });

      it('lets one of two writers at the same position win', async () => {
        const results = await Promise.allSettled([
          log.append([event(0)], at(0)),
          log.append([event(1)], at(0)),
        ]);
        expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected']);
        expect(await readAll(log)).toMatchObject([{ data: { n: 0 } }]);
      });

      it('refuses a batch over a limit whole, and takes the next', async () => {
        const large = { text: 'x'.repeat(LogLimits.eventBytes) };
        for (const batch of [[], events(0, LogLimits.batchEvents + 1), [event(0), event(1, large)]]) {
          await expect(log.append(batch, at(0))).rejects.toMatchObject({ code: 'invalid-argument' });
        }
        const almost = { text: 'x'.repeat(LogLimits.eventBytes - 1024) };
        const tooMany = upTo(17).map((n) => event(n, almost));
        await expect(log.append(tooMany, at(0))).rejects.toMatchObject({ code: 'invalid-argument' });
        expect(log.head).toBe(0n);
        expect(await log.append(events(0, LogLimits.batchEvents), at(0))).toBe(BigInt(LogLimits.batchEvents));
      });

      it('refuses data that is no JSON', async () => {
        await expect(log.append([{ ...event(0), data: undefined }], at(0))).rejects.toMatchObject({
          code: 'invalid-argument',
        });
        expect(log.head).toBe(0n);
      });

      it('bounds what waits to be written, and takes more afterwards', async () => {
        const large = { text: 'x'.repeat(1_000_000) };
        const appends = upTo(80).map((n) => log.append([event(n, large)], log.head));
        const results = await Promise.allSettled(appends);
        const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
        expect(refused.length).toBeGreaterThan(5);
        expect(refused.length).toBeLessThan(20);
        expect(new Set(refused.map((reason) => reason.code))).toEqual(new Set(['resource-exhausted']));
        expect(log.durable).toBe(BigInt(80 - refused.length));
        await log.append([event(99)], log.head);
      });
    });

    describe('reading', () => {
      const cases = [
        { range: {}, expected: upTo(30) },
        { range: { from: at(7) }, expected: upTo(30).slice(7) },
        { range: { from: at(3), to: at(11) }, expected: upTo(11).slice(3) },
        { range: { to: at(1) }, expected: [0] },
        { range: { from: at(5), to: at(5) }, expected: [] },
        { range: { from: at(30) }, expected: [] },
        { range: { from: at(99) }, expected: [] },
        { range: { to: at(99) }, expected: upTo(30) },
      ];
      it.each(cases)('gives $range forward and backward', async ({ range, expected }) => {
        await appendBatches(log, [1, 9, 4, 1, 1, 14]);
        expect(positionsOf(await readAll(log, range))).toEqual(expected);
        const backward = await readAll(log, { ...range, backward: true });
        expect(positionsOf(backward)).toEqual(expected.toReversed());
      });

      it('may stop early', async () => {
        await appendBatches(log, [50, 50]);
        for await (const batch of log.read()) {
          expect(batch[0]?.position).toBe(0n);
          break;
        }
      });

      it('shows nothing that is not durable', async () => {
        const appending = log.append(events(0, 5), at(0));
        for await (const batch of log.read()) expect(BigInt(batch.length)).toBeLessThanOrEqual(log.durable);
        await appending;
        expect(await readAll(log)).toHaveLength(5);
      });
    });

    describe('reading what a query asks for', () => {
      beforeEach(() => appendVaried(log));

      it.each(queries)('$query', async ({ query, expected }) => {
        expect(positionsOf(await readAll(log, { where: query }))).toEqual(expected);
        const backward = await readAll(log, { where: query, backward: true });
        expect(positionsOf(backward)).toEqual(expected.toReversed());
      });

      it('within a range', async () => {
        const range = { from: at(10), to: at(31), where: { subjects: [subjectAt(2)] } };
        expect(positionsOf(await readAll(log, range))).toEqual([12, 22]);
        expect(positionsOf(await readAll(log, { ...range, backward: true }))).toEqual([22, 12]);
      });

      it('gives whole events, and what comes later too', async () => {
        await log.append([varied(60)], at(60));
        const [found] = await readAll(log, { from: at(51), where: { subjects: [subjectAt(0)] } });
        expect(found).toEqual({ ...varied(60), position: 60n });
      });

      it('may stop early', async () => {
        for await (const batch of log.read({ where: { types: ['test.even'] } })) {
          expect(batch[0]?.position).toBe(0n);
          break;
        }
      });
    });

    describe('subscribing', () => {
      it('gives what is there, then what comes, and ends with the log', async () => {
        await appendBatches(log, [3, 2]);
        const seen: Recorded[] = [];
        const ended = new Promise<void>((resolve, reject) => {
          log.subscribe(at(1)).subscribe({ next: (one) => seen.push(one), complete: resolve, error: reject });
        });
        await appendBatches(log, [1, 4]);
        await log.close();
        await ended;
        expect(positionsOf(seen)).toEqual(upTo(10).slice(1));
        expect(seen[9 - 1]).toEqual({ ...event(9), position: 9n });
      });

      it('waits for a position that is still to come', async () => {
        const seen: number[] = [];
        log.subscribe(at(3)).subscribe((one) => seen.push(Number(one.position)));
        await appendBatches(log, [2, 3]);
        await log.close();
        expect(seen).toEqual([3, 4]);
      });

      it('shows an event after its append has resolved', async () => {
        const order: string[] = [];
        log.subscribe(at(0)).subscribe((one) => order.push(`seen ${one.position}`));
        await new Promise((resolve) => setTimeout(resolve, 5));
        await log.append([event(0)], at(0)).then(() => order.push('resolved'));
        await log.close();
        expect(order).toEqual(['resolved', 'seen 0']);
      });

      it('stops when unsubscribed, also from inside', async () => {
        const seen: number[] = [];
        const subscription = log.subscribe(at(0)).subscribe((one) => {
          seen.push(Number(one.position));
          if (one.position === 1n) subscription.unsubscribe();
        });
        await new Promise((resolve) => setTimeout(resolve, 5));
        await appendBatches(log, [4, 1]);
        await log.close();
        expect(seen).toEqual([0, 1]);
      });

      it('has no gap and no repeat, whenever it begins among concurrent appends', async () => {
        const step = fc.oneof(
          fc.record({ append: fc.integer({ min: 1, max: 40 }), wait: fc.boolean() }),
          fc.record({
            subscribeBack: fc.integer({ min: 0, max: 60 }),
            pause: fc.integer({ min: 0, max: 2 }),
          }),
        );
        await fc.assert(
          fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
            const { log, dispose } = await open();
            const followers: { from: number; seen: number[] }[] = [];
            for (const one of steps) {
              if ('append' in one) {
                const appending = log.append(events(Number(log.head), one.append), log.head);
                if (one.wait) await appending;
              } else {
                const from = Math.max(0, Number(log.head) - one.subscribeBack);
                const seen: number[] = [];
                log.subscribe(at(from)).subscribe((event) => seen.push(Number(event.position)));
                followers.push({ from, seen });
                if (one.pause > 0) await new Promise((resolve) => setTimeout(resolve, one.pause - 1));
              }
            }
            await log.settled(log.head);
            const head = Number(log.head);
            await log.close();
            // A subscriber that was still catching up goes on to the end.
            const done = () => followers.every(({ from, seen }) => seen.length >= head - from);
            for (let waits = 0; !done() && waits < 200; waits += 1) {
              await new Promise((resolve) => setTimeout(resolve, 5));
            }
            await dispose();
            for (const { from, seen } of followers) expect(seen).toEqual(upTo(head).slice(from));
          }),
          { numRuns: 30 },
        );
      });
    });

    describe('settling and closing', () => {
      it('settles when everything below a position is durable', async () => {
        await log.settled(at(0));
        const appending = log.append(events(0, 3), at(0));
        await log.settled(at(2));
        expect(log.durable).toBeGreaterThanOrEqual(2n);
        await appending;
        await log.settled(at(3));
      });

      it('does not wait for what was never handed over', async () => {
        await expect(log.settled(at(1))).rejects.toMatchObject({ code: 'unavailable' });
      });

      it('writes what is queued before it closes, and refuses appends from then on', async () => {
        const appending = log.append(events(0, 3), at(0));
        const closing = log.close();
        await expect(log.append([event(3)], at(3))).rejects.toMatchObject({ code: 'unavailable' });
        await closing;
        expect(await appending).toBe(3n);
        await log.close();
      });
    });

    it('keeps every batch whole and in order under concurrent appends', async () => {
      const writers = upTo(40).map(async (writer) => {
        for (let turn = 0; turn < 5; turn += 1) {
          const batch = upTo(1 + ((writer + turn) % 4)).map((n) => event(n, { writer, turn }));
          await log.append(batch, log.head);
        }
      });
      await Promise.all(writers);
      const all = await readAll(log);
      expect(positionsOf(all)).toEqual(upTo(Number(log.head)));
      const runs = all.map(({ data }) => data as { n: number; writer: number; turn: number });
      for (const [index, { n, writer, turn }] of runs.entries()) {
        if (n > 0) expect(runs[index - 1]).toEqual({ n: n - 1, writer, turn });
        else if (index > 0)
          expect(runs[index - 1]?.n).toBe(
            ((runs[index - 1]?.writer ?? 0) + (runs[index - 1]?.turn ?? 0)) % 4,
          );
      }
    });
  });
};
