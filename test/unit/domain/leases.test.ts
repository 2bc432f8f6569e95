import { describe, it } from 'vitest';
import { PersistentMap } from '../../../src/domain/persistent-map.ts';
import { digest, given, START } from '../../support/given.ts';

const at = { namespace: 'default', id: 'pull' };
const created = { type: 'lease-created', data: { ...at, labels: {} } } as const;
const expiring = (id: string, expiresAt: number) =>
  ({ type: 'lease-created', data: { ...at, id, labels: {}, expiresAt } }) as const;
const resource = { type: 'content', id: digest(1) };
const added = { type: 'lease-resource-added', data: { ...at, resource } } as const;

describe('a lease', () => {
  it('is created', () => {
    given()
      .when({ type: 'create-lease', ...at, labels: {} })
      .thenHappens(created);
  });
  it('is created to end by itself', () => {
    given()
      .when({ type: 'create-lease', ...at, labels: {}, expiresAt: START })
      .thenHappens(expiring('pull', START));
  });
  it('is created once', () => {
    given(created)
      .when({ type: 'create-lease', ...at, labels: {} })
      .thenRefused('already-exists', /'pull' exists already/);
  });
  it('takes hold of something', () => {
    given(created)
      .when({ type: 'add-lease-resource', ...at, resource })
      .thenHappens(added);
  });
  it('does not take hold of it twice', () => {
    given(created, added)
      .when({ type: 'add-lease-resource', ...at, resource })
      .thenNothingHappens();
  });
  it('lets go of it', () => {
    given(created, added)
      .when({ type: 'remove-lease-resource', ...at, resource })
      .thenHappens({ type: 'lease-resource-removed', data: { ...at, resource } });
  });
  it('has nothing to let go of twice', () => {
    given(created, added, { type: 'lease-resource-removed', data: { ...at, resource } })
      .when({ type: 'remove-lease-resource', ...at, resource })
      .thenNothingHappens();
  });
  it('is deleted', () => {
    given(created)
      .when({ type: 'delete-lease', ...at })
      .thenHappens({ type: 'lease-deleted', data: { ...at, cause: { by: 'request' } } });
  });
  for (const command of [
    { type: 'add-lease-resource', ...at, resource },
    { type: 'remove-lease-resource', ...at, resource },
    { type: 'delete-lease', ...at },
  ] as const) {
    it(`must be there for ${command.type}`, () => {
      given()
        .when(command)
        .thenRefused('not-found', /lease 'pull' does not exist in namespace 'default'/);
    });
  }
  it('ends when its time has come, and others do not', () => {
    given(created, expiring('past', START), expiring('now', START + 5), expiring('later', START + 6))
      .when({ type: 'expire-leases', now: START + 5 })
      .thenHappens(
        ...['past', 'now']
          .sort((a, b) => order(a) - order(b))
          .map((id) => ({ type: 'lease-deleted', data: { ...at, id, cause: { by: 'gc' } } }) as const),
      );
  });
  it('has no time to come where none was set', () => {
    given(created)
      .when({ type: 'expire-leases', now: START * 2 })
      .thenNothingHappens();
  });
});

/** Leases expire in the order of the map that holds them. */
const order = (id: string): number =>
  [
    ...PersistentMap.from([
      [`default/now`, 0],
      ['default/past', 0],
    ] as const).keys(),
  ].indexOf(`default/${id}`);
