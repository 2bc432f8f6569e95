import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../../src/adapters/log-memory/memory-log.ts';
import { meet } from '../../../src/engine/meeting.ts';
import type { Log } from '../../../src/engine/ports/log.ts';
import { chunksOf, pauseBefore } from '../../../src/engine/replicator.ts';
import { at, event, events, readAll } from '../../support/log-events.ts';

const logOf = async (...numbers: readonly number[]): Promise<Log> => {
  const log = memoryLog();
  for (const n of numbers) await log.append([event(n)], log.head);
  return log;
};

describe('a copy meets its log:', () => {
  it.each([
    { what: 'nothing yet', copy: [], meets: { kind: 'fits' } },
    { what: 'a beginning', copy: [0, 1, 2], meets: { kind: 'fits' } },
    { what: 'all of it', copy: [0, 1, 2, 3, 4, 5], meets: { kind: 'fits' } },
    { what: 'more', copy: [0, 1, 2, 3, 4, 5, 6], meets: { kind: 'ahead' } },
    { what: 'another log', copy: [9, 10], meets: { kind: 'forked', at: 0n } },
    { what: 'a fork', copy: [0, 1, 2, 3, 9], meets: { kind: 'forked', at: 4n } },
  ])('$what', async ({ copy, meets }) => {
    expect(await meet(await logOf(0, 1, 2, 3, 4, 5), await logOf(...copy))).toEqual(meets);
  });

  it('a payload that was redacted since does not make it another', async () => {
    const copy = memoryLog();
    await copy.append([{ ...event(0), data: { redacted: true } }], at(0));
    expect(await meet(await logOf(0, 1), copy)).toEqual({ kind: 'fits' });
  });

  it('what was pruned can not be compared', async () => {
    const log = await logOf(0, 1, 2, 3);
    const pruned: Log = Object.create(log, { horizon: { value: at(2) } });
    expect(await meet(pruned, await logOf(0, 1))).toEqual({ kind: 'pruned' });
    expect(await meet(pruned, await logOf())).toEqual({ kind: 'pruned' });
    expect(await meet(pruned, await logOf(0, 1, 2))).toEqual({ kind: 'fits' });
  });
});

describe('pieces to append', () => {
  it('are bounded in events and bytes, and lose nothing', async () => {
    const log = memoryLog();
    await log.append([...events(0, 600), event(600, { text: 'x'.repeat(300_000) }), event(601)], at(0));
    const all = await readAll(log);
    const chunks = [...chunksOf(all)];
    expect(chunks.map(({ length }) => length)).toEqual([256, 256, 89, 1]);
    expect(chunks.flat()).toEqual(all);
  });
});

describe('pauses between tries', () => {
  it('double up to half a minute, and spread', () => {
    expect([1, 2, 3, 8, 99].map((attempt) => pauseBefore(attempt, 1))).toEqual([
      250, 500, 1000, 30_000, 30_000,
    ]);
    expect(pauseBefore(1, 0)).toBe(125);
  });
});
