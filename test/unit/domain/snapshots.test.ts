import { describe, expect, it } from 'vitest';
import { emptyWorld, evolve } from '../../../src/domain/world.ts';
import { type EventInput, eventFrom, factOf, given, wallAt } from '../../support/given.ts';

const at = { namespace: 'default', snapshotter: 'overlayfs' };
const prepared = (key: string, id: string, parent?: string, kind: 'active' | 'view' = 'active') =>
  ({
    type: 'snapshot-prepared',
    data: { ...at, key, id, kind, labels: { k: key }, ...(parent === undefined ? {} : { parent }) },
  }) as const;
const usage = { bytes: 4096, inodes: 2 };
const committed = (key: string, name: string) =>
  ({ type: 'snapshot-committed', data: { ...at, key, name, usage, labels: { k: key } } }) as const;
const lease = { type: 'lease-created', data: { namespace: 'default', id: 'pull', labels: {} } } as const;
const holds = (id: string) =>
  ({
    type: 'lease-resource-added',
    data: { namespace: 'default', id: 'pull', resource: { type: 'snapshots/overlayfs', id } },
  }) as const;
const prepare = { type: 'prepare-snapshot', ...at, key: 'a', id: '1', kind: 'active', labels: {} } as const;
const cause = { by: 'request' } as const;
const base = [prepared('a', '1'), committed('a', 'base')] as const;

describe('a snapshot', () => {
  it('is prepared', () => {
    given()
      .when({ ...prepare, labels: { k: 'a' } })
      .thenHappens(prepared('a', '1'));
  });
  it('is prepared on a committed one, under a lease', () => {
    given(lease, ...base)
      .when({ ...prepare, key: 'b', id: '2', parent: 'base', labels: { k: 'b' }, lease: 'pull' })
      .thenHappens(prepared('b', '2', 'base'), holds('b'));
  });
  it('is prepared as a view', () => {
    given(...base)
      .when({ ...prepare, key: 'v', id: '2', kind: 'view', parent: 'base', labels: { k: 'v' } })
      .thenHappens(prepared('v', '2', 'base', 'view'));
  });
  it('is taken in from a daemon that has it already, on a parent and under a lease', () => {
    const adopted = { ...at, key: 'layer', id: '2', handle: 'theirs', usage, labels: {}, parent: 'base' };
    const adopt = { type: 'adopt-snapshot', ...adopted } as const;
    given(lease, ...base)
      .when({ ...adopt, lease: 'pull' })
      .thenHappens({ type: 'snapshot-adopted', data: adopted }, holds('layer'));
    given()
      .when(adopt)
      .thenRefused('not-found', /'base' does not exist/);
    given(...base, { type: 'snapshot-adopted', data: adopted })
      .when(adopt)
      .thenRefused('already-exists', /'layer' exists already/);
    given(...base, { type: 'snapshot-adopted', data: adopted })
      .when({ type: 'remove-snapshot', ...at, key: 'base', cause })
      .thenRefused('failed-precondition', /'base' is the parent of 1 others/);
  });
  it('is prepared once', () => {
    given(prepared('a', '1'))
      .when(prepare)
      .thenRefused('already-exists', /'a' exists already/);
  });
  it('is not prepared under the name of a committed one', () => {
    given(...base)
      .when({ ...prepare, key: 'base' })
      .thenRefused('already-exists', /'base' exists already/);
  });
  it('needs its parent', () => {
    given()
      .when({ ...prepare, parent: 'base' })
      .thenRefused('not-found', /'base' does not exist in snapshotter 'overlayfs', namespace 'default'/);
  });
  for (const kind of ['active', 'view'] as const) {
    it(`needs a parent that is committed, not ${kind}`, () => {
      given(prepared('p', '1', undefined, kind))
        .when({ ...prepare, parent: 'p' })
        .thenRefused('failed-precondition', new RegExp(`parent 'p' is ${kind}; commit it first`));
    });
  }
  it('needs the lease that it names', () => {
    given()
      .when({ ...prepare, lease: 'gone' })
      .thenRefused('not-found', /lease 'gone' does not exist/);
  });
});

const commit = { type: 'commit-snapshot', ...at, key: 'a', name: 'base', usage, labels: {} } as const;

describe('the time of a snapshot', () => {
  const timesAfter = (...events: readonly EventInput[]) => {
    const { snapshot } = events.map((event, n) => factOf(eventFrom(event), n)).reduce(evolve, emptyWorld);
    return [...snapshot.values()].map(({ key, createdAt, updatedAt }) => [key, createdAt, updatedAt]);
  };
  const labelled = { type: 'snapshot-labelled', data: { ...at, key: 'base', labels: {} } } as const;

  it('is that of its preparing, until it is committed', () => {
    expect(timesAfter(prepared('a', '1'))).toEqual([['a', wallAt(0), wallAt(0)]]);
    expect(timesAfter(...base)).toEqual([['base', wallAt(1), wallAt(1)]]);
  });
  it('stays when its labels change', () => {
    expect(timesAfter(...base, labelled)).toEqual([['base', wallAt(1), wallAt(2)]]);
  });
});

describe('a commit', () => {
  it('gives an active snapshot its name and merges labels', () => {
    given(prepared('a', '1'))
      .when({ ...commit, labels: { more: '1' } })
      .thenHappens({
        type: 'snapshot-committed',
        data: { ...at, key: 'a', name: 'base', usage, labels: { k: 'a', more: '1' } },
      });
  });
  it('comes under the lease by its name', () => {
    given(lease, prepared('a', '1'))
      .when({ ...commit, lease: 'pull' })
      .thenHappens(committed('a', 'base'), holds('base'));
  });
  it('needs the lease that it names', () => {
    given(prepared('a', '1'))
      .when({ ...commit, lease: 'gone' })
      .thenRefused('not-found', /lease 'gone' does not exist/);
  });
  it('needs the snapshot', () => {
    given()
      .when(commit)
      .thenRefused('not-found', /'a' does not exist/);
  });
  it('is for active ones, not views', () => {
    given(prepared('a', '1', undefined, 'view'))
      .when(commit)
      .thenRefused('failed-precondition', /'a' is view, not active/);
  });
  it('is for active ones, not committed ones', () => {
    given(...base)
      .when({ ...commit, key: 'base', name: 'again' })
      .thenRefused('failed-precondition', /'base' is committed, not active/);
  });
  it('does not take a name that is in use', () => {
    given(...base, prepared('a', '2'))
      .when(commit)
      .thenRefused('already-exists', /'base' exists already/);
  });
});

describe('a snapshot that is there', () => {
  it('is labelled', () => {
    given(prepared('a', '1'))
      .when({ type: 'label-snapshot', ...at, key: 'a', labels: { k: 'other' } })
      .thenHappens({ type: 'snapshot-labelled', data: { ...at, key: 'a', labels: { k: 'other' } } });
  });
  it('is not labelled again with what it bears', () => {
    given(prepared('a', '1'))
      .when({ type: 'label-snapshot', ...at, key: 'a', labels: { k: 'a' } })
      .thenNothingHappens();
  });
  it('is removed, with the id of its directory', () => {
    given(prepared('a', '1'))
      .when({ type: 'remove-snapshot', ...at, key: 'a', cause })
      .thenHappens({ type: 'snapshot-removed', data: { ...at, key: 'a', id: '1', cause } });
  });
  it('keeps its id through a commit', () => {
    given(...base)
      .when({ type: 'remove-snapshot', ...at, key: 'base', cause })
      .thenHappens({ type: 'snapshot-removed', data: { ...at, key: 'base', id: '1', cause } });
  });
  it('is not removed before its children', () => {
    given(...base, prepared('b', '2', 'base'), prepared('c', '3', 'base'))
      .when({ type: 'remove-snapshot', ...at, key: 'base', cause })
      .thenRefused('failed-precondition', /'base' is the parent of 2 others/);
  });
  it('is removed after its children, also those that were committed', () => {
    given(...base, prepared('b', '2', 'base'), committed('b', 'top'), {
      type: 'snapshot-removed',
      data: { ...at, key: 'top', id: '2', cause },
    })
      .when({ type: 'remove-snapshot', ...at, key: 'base', cause })
      .thenHappens({ type: 'snapshot-removed', data: { ...at, key: 'base', id: '1', cause } });
  });
  for (const command of [
    { type: 'label-snapshot', ...at, key: 'a', labels: {} },
    { type: 'remove-snapshot', ...at, key: 'a', cause },
  ] as const) {
    it(`must be in this snapshotter for ${command.type}`, () => {
      given({
        type: 'snapshot-prepared',
        data: { ...at, snapshotter: 'native', key: 'a', id: '1', kind: 'active', labels: {} },
      })
        .when(command)
        .thenRefused('not-found', /'a' does not exist in snapshotter 'overlayfs'/);
    });
  }
});
