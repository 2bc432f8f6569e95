import { describe, expect, it } from 'vitest';
import { containerEvents } from '../../../src/domain/containers.ts';
import { Namespace } from '../../../src/domain/identity.ts';
import { type LogQuery, matchesQuery } from '../../../src/domain/log-query.ts';
import { queriesForRemoved, removedSubjects, resolveThing } from '../../../src/projections/things.ts';
import { type EventInput, log, worldOf } from '../../support/given.ts';

const ns = Namespace.parse('default');
const { example } = containerEvents['container-created'];
const hex = (start: string) => `sha256:${start.padEnd(64, '0')}`;
const target = { mediaType: 'application/x', digest: hex('1a'), size: 1 };
const snapshot = (key: string): EventInput => ({
  type: 'snapshot-prepared',
  data: { namespace: 'default', snapshotter: 'overlayfs', key, id: '1', kind: 'active', labels: {} },
});
const events: EventInput[] = [
  { type: 'container-created', data: { ...example, id: 'c0ffee', name: 'web' } },
  snapshot('c0ffee'),
  snapshot(hex('4a')),
  snapshot('extract 1'),
  { type: 'blob-committed', data: { namespace: 'default', digest: hex('4a'), size: 1, labels: {} } },
  { type: 'blob-committed', data: { namespace: 'default', digest: hex('1a'), size: 1, labels: {} } },
  { type: 'blob-committed', data: { namespace: 'default', digest: hex('1b'), size: 1, labels: {} } },
  {
    type: 'image-created',
    data: { namespace: 'default', name: 'docker.io/library/busybox:latest', target, labels: {} },
  },
  { type: 'lease-created', data: { namespace: 'default', id: 'pull-1', labels: {} } },
  { type: 'ingest-started', data: { namespace: 'default', ref: 'layer-1' } },
  { type: 'transfer-started', data: { namespace: 'default', id: 't1', verb: 'pull', what: 'x' } },
  { type: 'blob-committed', data: { namespace: 'other', digest: hex('77'), size: 1, labels: {} } },
];
const facts = log(...events);
const world = worldOf(facts);

describe('a thing is meant by', () => {
  it.each<[string, string[]]>([
    ['host', ['host']],
    ['container/default/c0ffee', ['container/default/c0ffee']],
    ['container/default/gone', ['container/default/gone']],
    ['web', ['container/default/c0ffee']],
    ['c0ffee', ['container/default/c0ffee', 'snapshot/default/overlayfs/c0ffee']],
    ['c0f', ['container/default/c0ffee']],
    ['busybox', ['image/default/docker.io/library/busybox:latest']],
    ['docker.io/library/busybox:latest', ['image/default/docker.io/library/busybox:latest']],
    ['1a', [`blob/default/${hex('1a')}`]],
    ['sha256:1b', [`blob/default/${hex('1b')}`]],
    [hex('1b').slice(7), [`blob/default/${hex('1b')}`]],
    [hex('4a'), [`blob/default/${hex('4a')}`, `snapshot/default/overlayfs/${hex('4a')}`]],
    ['4a', [`blob/default/${hex('4a')}`, `snapshot/default/overlayfs/${hex('4a')}`]],
    ['extract 1', ['snapshot/default/overlayfs/extract 1']],
    ['overlayfs/extract 1', ['snapshot/default/overlayfs/extract 1']],
    ['pull-1', ['lease/default/pull-1']],
    ['layer-1', ['ingest/default/layer-1']],
    ['t1', ['transfer/default/t1']],
    ['nosuch', []],
    ['77', []],
  ])('%s', (text, subjects) => {
    expect(resolveThing(world, ns, text)).toEqual(subjects);
  });
  it('a start that fits several: asks for more', () => {
    expect(resolveThing(world, ns, 'sha256:1')).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(/'sha256:1' may be blob\/default\/sha256:1a0+, blob.*; give more of it/),
    });
  });
  it('nothing, when nothing is given', () => {
    expect(resolveThing(world, ns, '')).toMatchObject({ code: 'invalid-argument' });
  });
});

describe('a thing that is gone is found in the log by', () => {
  const gone = log(
    ...events,
    { type: 'container-removed', data: { namespace: 'default', id: 'c0ffee', name: 'web' } },
    {
      type: 'snapshot-committed',
      data: {
        namespace: 'default',
        snapshotter: 'overlayfs',
        key: 'extract 1',
        name: hex('9a'),
        usage: { bytes: 1, inodes: 1 },
        labels: {},
      },
    },
    {
      type: 'blobs-collected',
      data: {
        namespace: 'default',
        blobs: ['4b', '4c'].map((one) => ({ digest: hex(one), size: 1, lastHolder: true })),
      },
    },
  );
  /** What the first query with an answer finds. */
  const foundBy = (queries: readonly LogQuery[], text: string): number[] => {
    const meant = removedSubjects(text);
    const answers = queries.map((query) =>
      gone.flatMap((fact, at) =>
        matchesQuery(query, { ...fact, version: 1 }) && meant(fact).length > 0 ? [at] : [],
      ),
    );
    return answers.find(({ length }) => length > 0) ?? [];
  };
  it.each<[string, number[]]>([
    ['c0ffee', [0, 1, 12]],
    ['c0ff', [0, 12]],
    ['c0', []],
    ['web', [0, 12]],
    ['busybox', [7]],
    ['latest', []],
    [hex('4a'), [2, 4]],
    ['4a00', [2, 4]],
    ['4a', []],
    [hex('9a'), [13]],
    ['extract 1', [3, 13]],
    ['pull-1', [8]],
    [hex('4c'), [14]],
    ['4b00', [14]],
  ])('%s', (text, positions) => {
    const meant = removedSubjects(text);
    expect(gone.flatMap((fact, at) => (meant(fact).length > 0 ? [at] : []))).toEqual(positions);
    expect(foundBy(queriesForRemoved(world, ns, text), text)).toEqual(positions);
  });
  it('the blob alone that a collection of many names with it', () => {
    expect(gone.flatMap(removedSubjects('4b00'))).toEqual([`blob/default/${hex('4b')}`]);
  });
  it('in its own namespace only', () => {
    expect(foundBy(queriesForRemoved(world, Namespace.parse('other'), 'web'), 'web')).toEqual([]);
    expect(foundBy(queriesForRemoved(world, Namespace.parse('other'), '7700'), '7700')).toEqual([11]);
  });
});
