import { describe, it } from 'vitest';
import { given } from '../../support/given.ts';

const build = { namespace: 'build' };
const created = { type: 'namespace-created', data: { ...build, labels: { team: 'ledger' } } } as const;

describe('a namespace', () => {
  it('is created with its labels', () => {
    given()
      .when({ type: 'create-namespace', ...build, labels: { team: 'ledger' } })
      .thenHappens(created);
  });
  it('is created once', () => {
    given(created)
      .when({ type: 'create-namespace', ...build, labels: {} })
      .thenRefused('already-exists', /"build": already exists/);
  });
  it('comes into being when it is labelled', () => {
    given()
      .when({ type: 'label-namespace', ...build, labels: { team: 'ledger' } })
      .thenHappens(created);
  });
  it('merges labels; an empty value takes one away', () => {
    given(created)
      .when({ type: 'label-namespace', ...build, labels: { team: '', tier: 'front' } })
      .thenHappens({ type: 'namespace-labelled', data: { ...build, labels: { tier: 'front' } } });
  });
  it('is not labelled again with what it bears', () => {
    given(created)
      .when({ type: 'label-namespace', ...build, labels: { team: 'ledger', absent: '' } })
      .thenNothingHappens();
  });
  it('is removed when empty', () => {
    given(created)
      .when({ type: 'remove-namespace', ...build })
      .thenHappens({ type: 'namespace-removed', data: build });
  });
  it('must be there to be removed', () => {
    given()
      .when({ type: 'remove-namespace', ...build })
      .thenRefused('not-found', /'build' does not exist/);
  });
  it('must be there to be removed, and is not after its removal', () => {
    given(created, { type: 'namespace-removed', data: build })
      .when({ type: 'remove-namespace', ...build })
      .thenRefused('not-found', /'build' does not exist/);
  });
  it('is not removed while things live in it', () => {
    given(created, { type: 'lease-created', data: { ...build, id: 'l1', labels: {} } })
      .when({ type: 'remove-namespace', ...build })
      .thenRefused('failed-precondition', /still holds 1 things/);
  });
  it('is empty again when they have gone', () => {
    given(
      created,
      { type: 'lease-created', data: { ...build, id: 'l1', labels: {} } },
      { type: 'lease-deleted', data: { ...build, id: 'l1', cause: { by: 'request' } } },
    )
      .when({ type: 'remove-namespace', ...build })
      .thenHappens({ type: 'namespace-removed', data: build });
  });
});
