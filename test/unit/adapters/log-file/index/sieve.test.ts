import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchOf } from '../../../../../src/adapters/log-file/event-text.ts';
import { Sieve } from '../../../../../src/adapters/log-file/index/sieve.ts';
import type { Envelope } from '../../../../../src/domain/envelope.ts';
import { type LogQuery, matchesQuery } from '../../../../../src/domain/log-query.ts';
import { event } from '../../../../support/log-events.ts';

const named = (name: string, type = 'container-created'): Envelope =>
  ({
    ...event(1),
    type,
    subject: 'container/default/3f2a9c1be07d',
    data: { id: '3f2a9c1be07d', namespace: 'default', name, snapshotter: 'overlayfs' },
  }) as Envelope;

const bytesOf = (one: Envelope): Buffer => {
  const [text] = batchOf([one]).texts;
  return Buffer.from(`${text?.head}0123456789abcdef${text?.data}`);
};

const found = (where: object, one: Envelope): readonly number[] | undefined =>
  Sieve.of(where as LogQuery)?.hits(bytesOf(one));

describe('searching bytes for the events of a query', () => {
  it('finds a thing by its subject, and by the name that an event gives it', () => {
    expect(found({ subjects: ['container/default/3f2a9c1be07d'] }, named('web'))).toHaveLength(1);
    expect(found({ subjects: ['container/default/a-long-name'] }, named('a-long-name'))).toHaveLength(1);
    expect(found({ subjects: ['container/default/web'] }, named('web'))).toHaveLength(1);
    expect(found({ prefixes: ['container/default/3f2a9c1'] }, named('web'))).toHaveLength(1);
    expect(found({ prefixes: ['container/default/a-long'] }, named('a-long-name'))).toHaveLength(1);
  });

  it('passes over what only ends like it', () => {
    expect(found({ subjects: ['container/default/a-long-name'] }, named('not-a-long-name'))).toEqual([]);
    expect(found({ subjects: ['container/other/3f2a9c1be07d'] }, named('web'))).toEqual([]);
    expect(found({ subjects: ['image/default/3f2a9c1be07d'] }, named('web'))).toEqual([]);
  });

  it('finds a blob that is collected with others, by its digest and by how that begins', () => {
    const digests = ['ab', 'cd', 'ef'].map((start) => `sha256:${start.padEnd(64, '0')}`);
    const data = {
      namespace: 'default',
      blobs: digests.map((digest) => ({ digest, size: 1, lastHolder: true })),
    };
    const one = {
      ...event(1),
      type: 'blobs-collected',
      subject: 'namespace/default/default',
      data,
    } as Envelope;
    expect(found({ subjects: [`blob/default/${digests[1]}`] }, one)).toHaveLength(1);
    expect(found({ prefixes: ['blob/default/sha256:ef0'] }, one)).toHaveLength(1);
    expect(found({ subjects: [`blob/default/sha256:${'1'.repeat(64)}`] }, one)).toEqual([]);
    expect(Sieve.of({ prefixes: ['blob/def'] })).toBeUndefined();
  });

  it('never passes over an event that a query asks for', () => {
    const name = fc.oneof(
      fc.stringMatching(/^[a-c/"]{1,3}$/),
      fc.stringMatching(/^[a-b]{6,8}$/),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 9 }),
    );
    const type = fc.constantFrom('container-created', 'container-removed', 'snapshot-committed');
    let asked = 0;
    const property = fc.property(name, type, fc.nat(9), fc.boolean(), (its, kind, cut, whole) => {
      const one = named(its, kind);
      const start = kind === 'snapshot-committed' ? 'snapshot/default/overlayfs/' : 'container/default/';
      // Cut between characters, as whoever types a prefix would.
      const begun = `${start}${[...its].slice(0, cut).join('')}`;
      const where = (whole ? { subjects: [`${start}${its}`] } : { prefixes: [begun] }) as unknown as LogQuery;
      if (!matchesQuery(where, one)) return;
      asked += 1;
      expect(Sieve.of(where)?.hits(bytesOf(one)) ?? ['all are looked at']).not.toEqual([]);
    });
    fc.assert(property, { numRuns: 1000 });
    expect(asked).toBeGreaterThan(100);
  });
});
