import { describe, it } from 'vitest';
import { digest, given } from '../../support/given.ts';

const at = { namespace: 'default', name: 'docker.io/library/busybox:latest' };
const target = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digest(1), size: 500 };
const moved = { ...target, digest: digest(2) };
const created = { type: 'image-created', data: { ...at, target, labels: { a: '1' } } } as const;

describe('an image', () => {
  for (const type of ['create-image', 'set-image'] as const) {
    it(`is made by ${type}`, () => {
      given()
        .when({ type, ...at, target, labels: { a: '1' } })
        .thenHappens(created);
    });
  }
  it('is created once', () => {
    given(created)
      .when({ type: 'create-image', ...at, target: moved, labels: {} })
      .thenRefused('already-exists', /'docker.io\/library\/busybox:latest' exists already/);
  });
  it('lives in its namespace alone', () => {
    const data = { ...at, namespace: 'other', target, labels: {} };
    given(created)
      .when({ type: 'create-image', ...data })
      .thenHappens({ type: 'image-created', data });
  });
  for (const type of ['set-image', 'update-image'] as const) {
    it(`is moved by ${type}, its labels merged`, () => {
      given(created)
        .when({ type, ...at, target: moved, labels: { b: '2' } })
        .thenHappens({ type: 'image-updated', data: { ...at, target: moved, labels: { a: '1', b: '2' } } });
    });
    it(`stays as it is when ${type} brings nothing new`, () => {
      given(created)
        .when({ type, ...at, target, labels: { a: '1' } })
        .thenNothingHappens();
    });
  }
  for (const [field, other] of [
    ['size', { ...target, size: 501 }],
    ['media type', { ...target, mediaType: 'application/vnd.oci.image.index.v1+json' }],
  ] as const) {
    it(`is updated when the target's ${field} differs`, () => {
      given(created)
        .when({ type: 'update-image', ...at, target: other, labels: {} })
        .thenHappens({ type: 'image-updated', data: { ...at, target: other, labels: { a: '1' } } });
    });
  }
  it('must be there to be updated', () => {
    given()
      .when({ type: 'update-image', ...at, target, labels: {} })
      .thenRefused('not-found', /does not exist in namespace 'default'/);
  });
  it('is removed, and the event tells what it pointed at', () => {
    given(created)
      .when({ type: 'remove-image', ...at })
      .thenHappens({ type: 'image-removed', data: { ...at, target } });
  });
  it('must be there to be removed', () => {
    given(created, { type: 'image-removed', data: { ...at, target } })
      .when({ type: 'remove-image', ...at })
      .thenRefused('not-found', /does not exist/);
  });
});
