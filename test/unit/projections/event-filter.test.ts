import { describe, expect, it } from 'vitest';
import { containerEvents } from '../../../src/domain/containers.ts';
import { Namespace } from '../../../src/domain/identity.ts';
import { matchesQuery } from '../../../src/domain/log-query.ts';
import { isRejection } from '../../../src/domain/rejection.ts';
import { emptyWorld } from '../../../src/domain/world.ts';
import { eventFilter, eventQuery, namesQuery } from '../../../src/projections/event-filter.ts';
import { digest, type EventInput, eventFrom, factOf, worldOf } from '../../support/given.ts';

const { example } = containerEvents['container-created'];
const container = (id: string, name: string, namespace = 'default'): EventInput => ({
  type: 'container-created',
  data: { ...example, id, name, namespace },
});
const exited = (id: string, namespace = 'default'): EventInput => ({
  type: 'task-exited',
  data: { namespace, id, exitCode: 0, exitedAt: 0 },
});
const target = { mediaType: 'application/x', digest: digest(1), size: 1 };
const events: readonly EventInput[] = [
  { type: 'daemon-started', data: { version: '1', hostId: 'h', pid: 1 } },
  {
    type: 'image-created',
    data: { namespace: 'default', name: 'docker.io/library/busybox:latest', target, labels: {} },
  },
  container('c0ffee', 'web'),
  container('c0de', 'db'),
  exited('c0ffee'),
  exited('c0de'),
  { type: 'container-removed', data: { namespace: 'default', id: 'c0ffee', name: 'web' } },
  container('beef', 'web', 'other'),
  exited('beef', 'other'),
  {
    type: 'transfer-started',
    data: { namespace: 'default', id: 't1', verb: 'pull', what: 'docker.io/library/busybox:latest' },
  },
];
const facts = events.map((event, at) =>
  factOf(eventFrom(event), at, {
    actor: { uid: at % 2 === 0 ? 0 : 1000, gid: 0, pid: 1, exe: '', client: '' },
    correlation: `request-${at >> 1}`,
  }),
);
const found = (filters: string[], namespace?: Namespace, world = worldOf(facts)) => {
  const wanted = eventFilter(filters, world, namespace);
  if (isRejection(wanted)) return wanted.message;
  return facts.flatMap((fact, at) => (wanted(fact) ? [at] : []));
};

describe('events are chosen by', () => {
  it.each<[string[], number[]]>([
    [[], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    [['type=task-exited'], [4, 5, 8]],
    [['type=task'], [4, 5, 8]],
    [
      ['type=image', 'type=host'],
      [0, 1],
    ],
    [['subject=container/default/c0de'], [3, 5]],
    [['container=c0de'], [3, 5]],
    [['container=c0'], [2, 3, 4, 5, 6]],
    [['container=db'], [3, 5]],
    [['container=db', 'type=task-exited'], [5]],
    [['container=web'], [2, 4, 6, 7, 8]],
    [['container=nosuch'], []],
    [['container='], []],
    [['image=busybox'], [1, 2, 3, 7, 9]],
    [[`image=${digest(1)}`], [1]],
    [['namespace=other'], [7, 8]],
    [['actor=1000'], [1, 3, 5, 7, 9]],
    [['correlation=request-2'], [4, 5]],
    [
      ['actor=0', 'correlation=request-2', 'correlation=request-3'],
      [4, 6],
    ],
  ])('%j', (filters, positions) => {
    expect(found(filters)).toEqual(positions);
  });
  it('namespace, which the host’s events have none of', () => {
    expect(found([], Namespace.parse('default'))).toEqual([1, 2, 3, 4, 5, 6, 9]);
    expect(found(['container=web'], Namespace.parse('default'))).toEqual([2, 4, 6]);
  });
  it('the name of a container that comes later', () => {
    expect(found(['container=web'], undefined, emptyWorld)).toEqual([2, 4, 6, 7, 8]);
  });
  it('the name of a container that was there before the first of them', () => {
    const wanted = eventFilter(['container=db'], worldOf(facts));
    if (isRejection(wanted)) throw wanted;
    expect(
      facts
        .slice(4)
        .filter(wanted)
        .map(({ position }) => position),
    ).toEqual([5n]);
  });
  it.each([
    [
      'colour=red',
      /filter 'colour=red' is not known; there are type=, subject=, container=, image=, namespace=, actor=, correlation=/,
    ],
    ['type', /filter 'type' is not known/],
    ['type=die', /no event type is called 'die'; .*task-exited/],
    ['type=constructor', /no event type is called/],
    ['actor=root', /actor 'root' is no user id/],
  ])('but %s is refused', (filter, message) => {
    expect(eventFilter([filter], emptyWorld)).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(message),
    });
  });
});

describe('the query for an index holds all events that pass', () => {
  const ns = Namespace.parse('default');
  const envelopes = facts.map((fact) => ({ ...fact, version: 1 }));
  /** As the log API asks: for the names first. */
  const asked = (filters: string[], namespace?: Namespace) => {
    const names = namesQuery(filters, namespace);
    const named = names && envelopes.filter((one) => matchesQuery(names, one)).map(({ subject }) => subject);
    return eventQuery(filters, namespace, named ?? []);
  };
  const inQuery = (filters: string[], namespace?: Namespace) =>
    envelopes.flatMap((one, at) => (matchesQuery(asked(filters, namespace), one) ? [at] : []));

  it.each<[string[], number[]]>([
    [['type=task-exited'], [4, 5, 8]],
    [['type=task'], [4, 5, 8]],
    [['subject=container/default/c0de'], [3, 5]],
    [['namespace=other'], [7, 8]],
    [['actor=1000'], [1, 3, 5, 7, 9]],
    [['correlation=request-2'], [4, 5]],
    [['image=busybox'], [1, 2, 3, 7, 9]],
    [['container=db'], [2, 3, 4, 5, 6, 7, 8]],
    [
      ['container=db', 'type=task'],
      [4, 5, 8],
    ],
    [['container=db', 'type=image'], []],
  ])('of all namespaces, by %j', (filters, positions) => {
    expect(inQuery(filters)).toEqual(positions);
  });
  it.each<[string[], number[]]>([
    [['container=web'], [2, 4, 6]],
    [['container=c0'], [2, 3, 4, 5, 6]],
    [['container='], []],
    [['namespace=other'], [1, 2, 3, 4, 5, 6, 9]],
  ])('of one namespace, by %j', (filters, positions) => {
    expect(inQuery(filters, ns)).toEqual(positions);
  });
  it('also of a container that has gone, from its creation on or later', () => {
    const late = facts.slice(4);
    const named = [facts[2]?.subject].flatMap((subject) => subject ?? []);
    const wanted = eventFilter(['container=web'], emptyWorld, ns, named);
    if (isRejection(wanted)) throw wanted;
    expect(late.filter(wanted).map(({ position }) => position)).toEqual([4n, 6n]);
  });
});
