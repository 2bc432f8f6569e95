import { expect, it } from 'vitest';
import { memoryLog } from '../../../../src/adapters/log-memory/memory-log.ts';
import { type Namespace, position } from '../../../../src/domain/identity.ts';
import { Rejection } from '../../../../src/domain/rejection.ts';
import { Ledger } from '../../../../src/engine/ledger.ts';
import { eventService } from '../../../../src/engine/store/events.ts';
import type { StoreParts } from '../../../../src/engine/store/parts.ts';
import { realClock } from '../../../support/task.ts';

const cause = { actor: { uid: 0, gid: 0, pid: 1, exe: '', client: 'test' }, correlation: 'c' };

/** A log with namespaces made before and after a restart, and what a subscriber without a position is told first. */
const firstTold = async (sinceRestartUs: number): Promise<unknown> => {
  const log = memoryLog();
  const ledger = await Ledger.open(log, realClock);
  const make = (name: string) =>
    ledger.dispatch([{ type: 'create-namespace', namespace: name as Namespace, labels: {} }], cause);
  await make('before');
  const from = position(log.durable);
  await make('meanwhile');
  const clock = { ...realClock, now: () => ({ ...realClock.now(), mono: sinceRestartUs }) };
  const parts = { ports: { clock, log }, interruption: { from, until: 15_000_000 } };
  const events = eventService(parts as unknown as StoreParts);
  const over = new AbortController();
  const told = events.subscribe([], undefined, over.signal)[Symbol.asyncIterator]();
  const first = told.next();
  await make('now');
  const { value } = await first;
  over.abort();
  await told.return?.();
  return value;
};

it('tells a client that comes back soon after a restart what happened since', async () => {
  expect(await firstTold(14_999_999)).toMatchObject({ namespace: 'meanwhile' });
});

it('ends a subscription with the reason why the daemon stops', async () => {
  const log = memoryLog();
  const stopping = new AbortController();
  const parts = { ports: { clock: realClock, log }, stopping: stopping.signal };
  const events = eventService(parts as unknown as StoreParts);
  const subscribed = () => events.subscribe([], undefined, new AbortController().signal);
  const waiting = subscribed()[Symbol.asyncIterator]().next();
  stopping.abort(new Rejection('unavailable', 'stopping'));
  await expect(waiting).rejects.toMatchObject({ code: 'unavailable', message: 'stopping' });
  await expect(subscribed()[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'unavailable' });
});

it('tells a client that comes later what happens from then on', async () => {
  expect(await firstTold(15_000_000)).toMatchObject({ namespace: 'now' });
});
