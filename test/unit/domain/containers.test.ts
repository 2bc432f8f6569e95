import { describe, it } from 'vitest';
import { containerEvents } from '../../../src/domain/containers.ts';
import { given } from '../../support/given.ts';

const { example } = containerEvents['container-created'];
const at = { namespace: 'default', id: 'c0ffee' };
const created = { type: 'container-created', data: { ...example, labels: { a: '1' } } } as const;
const requested = { type: 'task-create-requested', data: at } as const;
const exited = [
  requested,
  { type: 'task-created', data: { ...at, pid: 7 } },
  { type: 'task-started', data: { ...at, pid: 7 } },
  { type: 'task-exited', data: { ...at, exitCode: 0, exitedAt: 1 } },
] as const;

describe('a container', () => {
  it('is created', () => {
    given()
      .when({ type: 'create-container', ...example, labels: { a: '1' } })
      .thenHappens(created);
  });
  it('is created once', () => {
    given(created)
      .when({ type: 'create-container', ...example, name: 'another' })
      .thenRefused('already-exists', /'c0ffee' exists already/);
  });
  it('does not take a name in use', () => {
    given(created)
      .when({ type: 'create-container', ...example, id: 'decaf' })
      .thenRefused(
        'already-exists',
        /the name 'web' is in use by container c0ffee; remove it or choose another/,
      );
  });
  it('takes the name in another namespace', () => {
    const data = { ...example, namespace: 'other' };
    given(created)
      .when({ type: 'create-container', ...data })
      .thenHappens({ type: 'container-created', data });
  });
  it('takes the name of one that has gone', () => {
    const data = { ...example, id: 'decaf' };
    given(created, { type: 'container-removed', data: { ...at, name: 'web' } })
      .when({ type: 'create-container', ...data })
      .thenHappens({ type: 'container-created', data });
  });
  it('is labelled', () => {
    given(created)
      .when({ type: 'label-container', ...at, labels: { b: '2' } })
      .thenHappens({ type: 'container-labelled', data: { ...at, labels: { a: '1', b: '2' } } });
  });
  it('is not labelled again with what it bears', () => {
    given(created)
      .when({ type: 'label-container', ...at, labels: { a: '1' } })
      .thenNothingHappens();
  });
  for (const command of [
    { type: 'label-container', ...at, labels: {} },
    { type: 'remove-container', ...at },
  ] as const) {
    it(`must be there for ${command.type}`, () => {
      given()
        .when(command)
        .thenRefused('not-found', /'c0ffee' does not exist in namespace 'default'/);
    });
  }
  const removed = { type: 'container-removed', data: { ...at, name: 'web' } } as const;
  it('is removed when it never ran', () => {
    given(created)
      .when({ type: 'remove-container', ...at })
      .thenHappens(removed);
  });
  it('is not removed while it has a task', () => {
    given(created, requested)
      .when({ type: 'remove-container', ...at })
      .thenRefused('failed-precondition', /'web' still has a task/);
  });
  it('is removed once its task has ended, also before what that used is freed', () => {
    given(created, ...exited)
      .when({ type: 'remove-container', ...at })
      .thenHappens(removed);
  });
  it('is removed when its task is over', () => {
    given(created, ...exited, { type: 'task-deleted', data: at })
      .when({ type: 'remove-container', ...at })
      .thenHappens(removed);
  });
  it('takes its task along: a new one of the same id has none', () => {
    given(created, ...exited, { type: 'task-deleted', data: at }, removed, created)
      .when({ type: 'request-signal', ...at, signal: 15, all: false })
      .thenRefused('not-found', /has no task/);
  });
});

describe('a container of a client', () => {
  const client = containerEvents['client-container-created'].example;
  const its = { namespace: client.namespace, id: client.id };
  const made = { type: 'client-container-created', data: client } as const;
  const updated = (change: object) =>
    ({ type: 'client-container-updated', data: { ...its, change } }) as const;

  it('is kept as it was given', () => {
    given()
      .when({ type: 'create-client-container', ...client })
      .thenHappens(made);
  });
  it('shares ids and names with those of our own', () => {
    given(created)
      .when({ type: 'create-client-container', ...client, id: 'c0ffee' })
      .thenRefused('already-exists', /'c0ffee' exists already/);
    given(created)
      .when({ type: 'create-client-container', ...client, id: 'web' })
      .thenRefused('already-exists', /the name 'web' is in use/);
    given(made)
      .when({ type: 'create-container', ...example, name: client.id })
      .thenRefused('already-exists', /the name 'decaf' is in use/);
  });
  it('is changed where something changes', () => {
    const change = { imageName: 'other', labels: { a: '1' } };
    given(made)
      .when({ type: 'update-client-container', ...its, change })
      .thenHappens(updated(change));
    given(made)
      .when({ type: 'update-client-container', ...its, change: { imageName: client.imageName, labels: {} } })
      .thenHappens();
  });
  it('says of a new root which snapshotter it is of', () => {
    given(made)
      .when({ type: 'update-client-container', ...its, change: { snapshotKey: 'new' } })
      .thenHappens(updated({ snapshotKey: 'new', snapshotter: 'overlayfs' }));
  });
  it('fits in the log, or is refused', () => {
    const json = JSON.stringify({ padding: 'x'.repeat(1024 * 1024) });
    given()
      .when({ type: 'create-client-container', ...client, spec: { typeUrl: 't', json } })
      .thenRefused('invalid-argument', /takes \d+ characters, more than \d+; make it smaller/);
    given(made)
      .when({ type: 'update-client-container', ...its, change: { spec: { typeUrl: 't', json } } })
      .thenRefused('invalid-argument', /make it smaller/);
  });
  it('is no change that one of our own takes', () => {
    given(created)
      .when({ type: 'update-client-container', ...at, change: { imageName: 'other' } })
      .thenRefused('failed-precondition', /was made by Shiplog/);
  });
});
