import { describe, expect, it } from 'vitest';
import { LeaseId, Namespace } from '../../../src/domain/identity.ts';
import { findLease } from '../../../src/domain/leases.ts';
import type { Command } from '../../../src/domain/world.ts';
import { folded } from '../../../src/engine/fold.ts';
import { Ledger } from '../../../src/engine/ledger.ts';
import type { Cause } from '../../../src/engine/ports/cause.ts';
import { emptyViews, type Views } from '../../../src/engine/views.ts';
import { gatedLog } from '../../support/gated-log.ts';
import { plain } from '../../support/plain.ts';
import { realClock } from '../../support/task.ts';

const namespace = Namespace.parse('default');
const lease = (id: string): Command => ({
  type: 'create-lease',
  namespace,
  id: LeaseId.parse(id),
  labels: { said: id },
});
const cause: Cause = {
  actor: { uid: 7, gid: 0, pid: 1, exe: '/bin/x', client: 'test' },
  correlation: 'c-1',
};
const said = ({ world }: Views, id: string) =>
  findLease(world.lease, namespace, LeaseId.parse(id))?.labels.said;

/** A ledger over a log in which lease `a` says something else than when it was folded. */
const changed = async () => {
  const log = gatedLog();
  const ledger = await Ledger.open(log, realClock);
  const first = ledger.dispatch([lease('a')], cause);
  await log.flush();
  await first;
  const read = log.read.bind(log);
  log.read = async function* (range) {
    for await (const batch of read(range)) {
      yield batch.map((event) =>
        event.position === 0n
          ? { ...event, data: { ...(event.data as object), labels: { said: '[x]' } } }
          : event,
      );
    }
  };
  const refold = (to: bigint) => folded(log, { from: emptyViews, to: to as typeof log.head });
  return { log, ledger, refold };
};

describe('a ledger whose past has changed', () => {
  it('holds what is folded anew', async () => {
    const { log, ledger, refold } = await changed();
    await ledger.reload(refold);
    expect(said(ledger.head, 'a')).toBe('[x]');
    expect(said(ledger.durable, 'a')).toBe('[x]');
    expect(ledger.head.world.position).toBe(log.head);
  });

  it('keeps what was in flight before, and what is decided and becomes durable meanwhile', async () => {
    const { log, ledger, refold } = await changed();
    const before = ledger.dispatch([lease('b')], cause);
    let meanwhile: Promise<unknown> = Promise.resolve();
    const reloaded = ledger.reload(async (to) => {
      const views = await refold(to);
      meanwhile = ledger.dispatch([lease('c')], cause);
      await log.flush();
      await meanwhile;
      return views;
    });
    await log.flush();
    await Promise.all([before, reloaded]);
    for (const views of [ledger.head, ledger.durable]) {
      expect([said(views, 'a'), said(views, 'b'), said(views, 'c')]).toEqual(['[x]', 'b', 'c']);
    }
    expect(plain(ledger.durable)).toEqual(plain(await refold(log.durable)));
  });

  it('shows what is in flight afterwards once it is durable, without what was', async () => {
    const { log, ledger, refold } = await changed();
    let late: Promise<unknown> = Promise.resolve();
    await ledger.reload(async (to) => {
      late = Promise.all([lease('b'), lease('c')].map((one) => ledger.dispatch([one], cause)));
      return refold(to);
    });
    expect(said(ledger.head, 'c')).toBe('c');
    expect(said(ledger.durable, 'b')).toBeUndefined();
    await log.flush();
    await late;
    expect([said(ledger.durable, 'a'), said(ledger.durable, 'c')]).toEqual(['[x]', 'c']);
    expect(plain(ledger.head)).toEqual(plain(ledger.durable));
  });

  it('loses what could not be written meanwhile', async () => {
    const { log, ledger, refold } = await changed();
    const lost = ledger.dispatch([lease('b')], cause).catch(() => 'lost');
    const reloaded = ledger.reload(refold);
    log.fail();
    expect(await lost).toBe('lost');
    await reloaded;
    expect(said(ledger.head, 'b')).toBeUndefined();
    expect(ledger.head.world.position).toBe(log.head);
    const next = ledger.dispatch([lease('b')], cause);
    await log.flush();
    await next;
    expect([said(ledger.durable, 'a'), said(ledger.durable, 'b')]).toEqual(['[x]', 'b']);
  });
});
