import { describe, it } from 'vitest';
import { given, START } from '../../support/given.ts';

const at = { namespace: 'default', name: 'image' };
const mount = { type: 'tmpfs', source: 'tmpfs', target: '', options: [] };
const request = { ...at, id: 'a1', mounts: [mount], temporary: true, labels: { a: '1' } };
const requested = { type: 'activation-requested', data: request } as const;
const made = {
  type: 'activation-made' as const,
  data: { ...at, active: [{ mount, point: '/run/m/1', at: START }], system: [] },
};
const lease = { type: 'lease-created', data: { namespace: 'default', id: 'l', labels: {} } } as const;

describe('an activation', () => {
  it('is requested once, before anything is mounted', () => {
    given()
      .when({ type: 'request-activation', ...request })
      .thenHappens(requested);
    for (const before of [[requested], [requested, made]]) {
      given(...before)
        .when({ type: 'request-activation', ...request })
        .thenRefused('already-exists', /mount "image": already exists/);
    }
  });
  it('is held by a lease that is there', () => {
    const held = { ...request, lease: 'l' };
    given(lease)
      .when({ type: 'request-activation', ...held })
      .thenHappens({ type: 'activation-requested', data: held });
    given()
      .when({ type: 'request-activation', ...held })
      .thenRefused('not-found', /lease 'l' does not exist/);
  });
  it('is made, or failed and gone', () => {
    given(requested)
      .when({ type: 'confirm-activation', ...made.data })
      .thenHappens(made);
    const failed = { type: 'activation-failed', data: { ...at, error: 'no' } } as const;
    given(requested)
      .when({ type: 'fail-activation', ...failed.data })
      .thenHappens(failed);
    given(requested, failed)
      .when({ type: 'request-activation', ...request })
      .thenHappens(requested);
  });
  it('has labels that change', () => {
    given(requested, made)
      .when({ type: 'label-activation', ...at, labels: { a: '', b: '2' } })
      .thenHappens({ type: 'activation-labelled', data: { ...at, labels: { b: '2' } } });
    given(requested, made)
      .when({ type: 'label-activation', ...at, labels: { a: '1' } })
      .thenNothingHappens();
  });
  it('is removed once, with the name of its folder', () => {
    const removed = {
      type: 'activation-removed',
      data: { ...at, id: 'a1', cause: { by: 'request' } },
    } as const;
    given(requested, made)
      .when({ type: 'remove-activation', ...at, cause: { by: 'request' } })
      .thenHappens(removed);
    given(requested, made, removed)
      .when({ type: 'remove-activation', ...at, cause: { by: 'request' } })
      .thenRefused('not-found', /mount "image": not found/);
  });
});
