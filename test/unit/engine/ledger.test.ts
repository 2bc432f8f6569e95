import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../../src/adapters/log-memory/memory-log.ts';
import { LeaseId, Namespace } from '../../../src/domain/identity.ts';
import { findLease } from '../../../src/domain/leases.ts';
import type { Command, World } from '../../../src/domain/world.ts';
import { Ledger } from '../../../src/engine/ledger.ts';
import type { Cause } from '../../../src/engine/ports/cause.ts';
import { gatedLog } from '../../support/gated-log.ts';
import { realClock } from '../../support/task.ts';

const namespace = Namespace.parse('default');
const lease = (id: string): Command => ({
  type: 'create-lease',
  namespace,
  id: LeaseId.parse(id),
  labels: {},
});
const cause: Cause = {
  actor: { uid: 7, gid: 0, pid: 1, exe: '/bin/x', client: 'test' },
  correlation: 'c-1',
  reason: 'why not',
};
const has = (world: World, id: string) => findLease(world.lease, namespace, LeaseId.parse(id)) !== undefined;

const open = async () => {
  const log = gatedLog();
  const ledger = await Ledger.open(log, realClock);
  const told: string[] = [];
  ledger.recorded.subscribe(({ data }) => told.push('id' in data ? String(data.id) : ''));
  return { log, ledger, told };
};

describe('a ledger', () => {
  it('decides on what was handed over, and shows what is durable', async () => {
    const { log, ledger, told } = await open();
    const first = ledger.dispatch([lease('a')], cause);
    expect(has(ledger.head.world, 'a')).toBe(true);
    expect(has(ledger.durable.world, 'a')).toBe(false);
    await expect(ledger.dispatch([lease('a')], cause)).rejects.toMatchObject({ code: 'already-exists' });
    expect(told).toEqual([]);
    await log.flush();
    expect(await first).toMatchObject([
      {
        type: 'lease-created',
        position: 0n,
        meta: { correlation: 'c-1', reason: 'why not', actor: { uid: 7 } },
      },
    ]);
    expect(has(ledger.durable.world, 'a')).toBe(true);
    expect(told).toEqual(['a']);
  });

  it('gives what is decided together one moment, and what is decided later another', async () => {
    const { log, ledger } = await open();
    const together = ledger.dispatch([lease('a'), lease('b')], cause);
    const later = ledger.dispatch([lease('c')], cause);
    await log.flush();
    const times = [...(await together), ...(await later)].map(({ meta }) => meta.time.mono);
    expect(times[1]).toBe(times[0]);
    expect(times[2]).toBeGreaterThan(times[0] ?? 0);
  });

  it('tells facts in the order of the log', async () => {
    const { log, ledger, told } = await open();
    const names = Array.from({ length: 50 }, (_, at) => `lease-${at}`);
    const all = Promise.all(names.map((name) => ledger.dispatch([lease(name)], cause)));
    await log.flush(20);
    expect(told).toEqual(names.slice(0, 20));
    await log.flush();
    await all;
    expect(told).toEqual(names);
  });

  it('records nothing of a batch of which one command is refused', async () => {
    const { ledger } = await open();
    await expect(ledger.dispatch([lease('a'), lease('a')], cause)).rejects.toMatchObject({
      code: 'already-exists',
    });
    expect(ledger.head.world.position).toBe(0n);
  });

  it('lets a request that changes nothing wait for what it was decided on', async () => {
    const { log, ledger } = await open();
    const made = ledger.dispatch([lease('a')], cause);
    let answered = false;
    const again = ledger.dispatch([{ type: 'expire-leases', now: realClock.now().wall }], cause).then(() => {
      answered = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    await log.flush();
    await Promise.all([made, again]);
    expect(answered).toBe(true);
  });

  it('falls back to what is durable when a write fails with several in flight', async () => {
    const { log, ledger, told } = await open();
    const kept = ledger.dispatch([lease('kept')], cause);
    const lost = ['x', 'y', 'z'].map((name) => ledger.dispatch([lease(name)], cause));
    await log.flush(1);
    await kept;
    log.fail();
    for (const one of lost) await expect(one).rejects.toMatchObject({ code: 'resource-exhausted' });
    expect(ledger.head).toBe(ledger.durable);
    expect(has(ledger.head.world, 'x')).toBe(false);
    const again = ledger.dispatch([lease('x')], cause);
    await log.flush();
    expect(await again).toMatchObject([{ position: 1n }]);
    expect(told).toEqual(['kept', 'x']);
  });

  it('takes up work again also when failures are told late', async () => {
    const { log, ledger } = await open();
    const first = ledger.dispatch([lease('a')], cause).catch(() => 'failed');
    const second = ledger.dispatch([lease('b')], cause).catch(() => 'failed');
    log.fail();
    expect(await first).toBe('failed');
    const third = ledger.dispatch([lease('c')], cause);
    expect(await second).toBe('failed');
    await log.flush();
    expect(await third).toMatchObject([{ position: 0n }]);
    expect(has(ledger.durable.world, 'c')).toBe(true);
  });

  it('keeps what is in flight when the log refuses a batch at once', async () => {
    const { log, ledger } = await open();
    const kept = ledger.dispatch([lease('a')], cause);
    log.refuseNext();
    await expect(ledger.dispatch([lease('b')], cause)).rejects.toMatchObject({ code: 'resource-exhausted' });
    expect(has(ledger.head.world, 'a')).toBe(true);
    expect(has(ledger.head.world, 'b')).toBe(false);
    const next = ledger.dispatch([lease('c')], cause);
    await log.flush();
    await kept;
    expect(await next).toMatchObject([{ position: 1n }]);
    expect(ledger.head.world.position).toBe(ledger.durable.world.position);
  });

  it('is what a replay gives, at any time', async () => {
    const log = memoryLog();
    const ledger = await Ledger.open(log, realClock);
    for (const name of ['a', 'b', 'c']) await ledger.dispatch([lease(name)], cause);
    expect((await Ledger.open(log, realClock)).head).toEqual(ledger.durable);
  });

  it('names an event that it can not read', async () => {
    const log = memoryLog();
    const meta = { actor: cause.actor, time: realClock.now(), correlation: 'c' };
    await log.append(
      [{ type: 'lease-created', version: 99, subject: 'host' as never, data: {}, meta }],
      log.head,
    );
    await expect(Ledger.open(log, realClock)).rejects.toMatchObject({
      code: 'data-loss',
      message: expect.stringMatching(/event 0 is 'lease-created' version 99/),
    });
  });
});
