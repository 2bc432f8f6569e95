import type { Envelope, Subject } from '../../src/domain/envelope.ts';
import type { Namespace, Timestamp } from '../../src/domain/identity.ts';
import { type LogQuery, matchesQuery } from '../../src/domain/log-query.ts';
import type { Log } from '../../src/engine/ports/log.ts';
import { at, event, upTo } from './log-events.ts';

/** Sixty events that differ in all that a query can ask for. */
const COUNT = 60;

export const subjectAt = (n: number): Subject =>
  (n % 5 === 0 ? `blob/other/sha256:${n % 10}` : `container/default/id-${n % 10}`) as Subject;

const timeOf = (n: number): Timestamp => (1_000_000 + (n % 20) * 10) as Timestamp;

export const varied = (n: number): Envelope => {
  const plain = event(n);
  const meta = {
    ...plain.meta,
    actor: { ...plain.meta.actor, uid: n % 3 },
    // The clock is set back now and then.
    time: { ...plain.meta.time, wall: timeOf(n) },
    correlation: `request "${n >> 2}" ✓`,
    ...(n % 4 === 0 ? {} : { causation: String(n - (n % 4)) }),
  };
  if (n === 7 || n === 47) {
    const data = { namespace: 'default', id: 'id-7', name: 'web/"1"' };
    return {
      ...plain,
      type: n === 7 ? 'container-created' : 'container-removed',
      subject: subjectAt(n),
      data,
      meta,
    };
  }
  if (n === 33) {
    const blobs = [1, 0].map((digit) => ({ digest: `sha256:${digit}`, size: 1, lastHolder: true }));
    const data = { namespace: 'other', blobs };
    return { ...plain, type: 'blobs-collected', subject: 'namespace/other/other' as Subject, data, meta };
  }
  return { ...plain, type: n % 2 === 0 ? 'test.even' : 'test.odd', subject: subjectAt(n), meta };
};

const all = upTo(COUNT).map(varied);

/** In batches of one to five. */
export const appendVaried = async (log: Log): Promise<void> => {
  for (let n = 0, size = 1; n < COUNT; n += size, size = (size % 5) + 1) {
    await log.append(all.slice(n, n + size), at(n));
    size = Math.min(size, COUNT - n);
  }
};

const asked: readonly LogQuery[] = [
  {},
  { subjects: [subjectAt(3)] },
  { subjects: [subjectAt(3), subjectAt(5)] },
  { subjects: ['container/default/web/"1"' as Subject] },
  { subjects: ['container/default/nobody' as Subject] },
  { subjects: [] },
  { prefixes: ['container/default/id-'] },
  { prefixes: ['container/default/web'] },
  { prefixes: ['cont'] },
  { subjects: ['blob/other/sha256:1' as Subject] },
  { prefixes: ['blob/other/sha256:0'] },
  { prefixes: ['blob/other/', 'container/default/id-1'], subjects: [subjectAt(2)] },
  { types: ['test.odd', 'container-created'] },
  { namespaces: ['other' as Namespace] },
  { actors: [1, 2] },
  { correlations: ['request "3" ✓'] },
  { causes: [at(8), at(56)] },
  { since: timeOf(5) },
  { until: timeOf(4) },
  { since: timeOf(7), until: timeOf(8), actors: [0] },
  {
    types: ['test.even'],
    namespaces: ['default' as Namespace],
    actors: [0],
    subjects: [subjectAt(4), subjectAt(6)],
  },
];

/** Queries, and the positions that they ask for among the sixty. */
export const queries = asked.map((query) => ({
  query,
  expected: upTo(COUNT).filter((n) => {
    const one = all[n];
    return one !== undefined && matchesQuery(query, one);
  }),
}));
