import { describe, expect, it } from 'vitest';
import { Timestamp } from '../../../src/domain/identity.ts';
import { LeaseExpiries } from '../../../src/engine/lease-expiries.ts';
import { type EventInput, log, START, worldOf } from '../../support/given.ts';

const lease = (id: string, expiresAt?: number): EventInput => ({
  type: 'lease-created',
  data: { namespace: 'default', id, labels: {}, ...(expiresAt === undefined ? {} : { expiresAt }) },
});
const at = (after: number): Timestamp => Timestamp.parse(START + after);
const ids = (due: ReturnType<LeaseExpiries['due']>) => due.map(({ id }) => id).sort();

describe('the times at which leases end', () => {
  const before = log(lease('soon', START + 5), lease('never'), lease('late', START + 50));
  const known = () => new LeaseExpiries(worldOf(before).lease);

  it('are those of the leases that are there, to the microsecond', () => {
    expect(ids(known().due(at(4)))).toEqual([]);
    expect(ids(known().due(at(5)))).toEqual(['soon']);
    expect(ids(known().due(at(50)))).toEqual(['late', 'soon']);
  });

  it('are told again until they are settled, and what came meanwhile after that too', () => {
    const expiries = known();
    const due = expiries.due(at(5));
    const facts = log(lease('at once', START + 1), lease('between', START + 20), lease('forever'));
    for (const fact of facts) expiries.take(fact, worldOf(before).lease);
    expiries.settled(due);
    expect(ids(expiries.due(at(5)))).toEqual(['at once']);
    expect(ids(expiries.due(at(50)))).toEqual(['at once', 'between', 'late']);
  });

  it('are forgotten of leases that are gone, once there are many', () => {
    const expiries = known();
    const { lease: leases } = worldOf(before);
    for (let n = 0; n < 1100; n += 1) {
      for (const fact of log(lease(`gone ${n}`, START + 7))) expiries.take(fact, leases);
    }
    const left = ids(expiries.due(at(50)));
    expect(left).toEqual(expect.arrayContaining(['late', 'soon']));
    expect(left.length).toBeLessThan(200);
  });
});
