import { describe, it } from 'vitest';
import { digest, given } from '../../support/given.ts';

const namespace = 'default';
const ref = 'layer-1';
const d1 = digest(1);
const started = { type: 'ingest-started', data: { namespace, ref, digest: d1, size: 10 } } as const;
const committed = {
  type: 'blob-committed',
  data: { namespace, digest: d1, size: 10, labels: { a: '1' } },
} as const;
const elsewhere = { ...committed, data: { ...committed.data, namespace: 'other' } } as const;
const lease = { type: 'lease-created', data: { namespace, id: 'pull', labels: {} } } as const;
const holds = (type: string, id: string) =>
  ({ type: 'lease-resource-added', data: { namespace, id: 'pull', resource: { type, id } } }) as const;
const cause = { by: 'request' } as const;

describe('an ingest', () => {
  it('is started', () => {
    given().when({ type: 'start-ingest', namespace, ref, digest: d1, size: 10 }).thenHappens(started);
  });
  it('is started with nothing known of what it becomes', () => {
    given()
      .when({ type: 'start-ingest', namespace, ref })
      .thenHappens({ type: 'ingest-started', data: { namespace, ref } });
  });
  it('is held by the lease from the start', () => {
    given(lease)
      .when({ type: 'start-ingest', namespace, ref, digest: d1, size: 10, lease: 'pull' })
      .thenHappens(started, holds('ingests', ref));
  });
  it('needs the lease that it names', () => {
    given()
      .when({ type: 'start-ingest', namespace, ref, lease: 'pull' })
      .thenRefused('not-found', /lease 'pull' does not exist/);
  });
  it('is taken up again without a word', () => {
    given(started).when({ type: 'start-ingest', namespace, ref }).thenNothingHappens();
  });
  it('is taken up again under a lease that takes hold of it', () => {
    given(lease, started)
      .when({ type: 'start-ingest', namespace, ref, lease: 'pull' })
      .thenHappens(holds('ingests', ref));
  });
  it('is given up', () => {
    given(started)
      .when({ type: 'abort-ingest', namespace, ref, cause })
      .thenHappens({ type: 'ingest-aborted', data: { namespace, ref, cause } });
  });
  it('must be there to be given up', () => {
    given()
      .when({ type: 'abort-ingest', namespace, ref, cause })
      .thenRefused('not-found', /no write under ref 'layer-1'/);
  });
  it('has ended once its blob is committed', () => {
    given(started, { ...committed, data: { ...committed.data, ref } })
      .when({ type: 'abort-ingest', namespace, ref, cause })
      .thenRefused('not-found', /no write under ref/);
  });
});

const commit = { type: 'commit-blob', namespace, digest: d1, size: 10, labels: { a: '1' } } as const;

describe('a blob', () => {
  it('is committed', () => {
    given().when(commit).thenHappens(committed);
  });
  it('is committed from its ingest and held by the lease in the same batch', () => {
    given(lease, started)
      .when({ ...commit, ref, lease: 'pull' })
      .thenHappens({ ...committed, data: { ...committed.data, ref } }, holds('content', d1));
  });
  it('needs the lease that it names', () => {
    given()
      .when({ ...commit, lease: 'gone' })
      .thenRefused('not-found', /lease 'gone' does not exist/);
  });
  it('is not committed twice', () => {
    given(committed).when(commit).thenNothingHappens();
  });
  it('that was there takes on new labels, ends the ingest and comes under the lease', () => {
    given(lease, committed, started)
      .when({ ...commit, labels: { b: '2' }, ref, lease: 'pull' })
      .thenHappens(
        { type: 'blob-labelled', data: { namespace, digest: d1, labels: { a: '1', b: '2' } } },
        { type: 'ingest-aborted', data: { namespace, ref, cause } },
        holds('content', d1),
      );
  });
  it('that was there is not told of an ingest that is not', () => {
    given(committed)
      .when({ ...commit, ref })
      .thenNothingHappens();
  });
  it('that the lease holds already is not held twice', () => {
    given(lease, committed, holds('content', d1))
      .when({ ...commit, lease: 'pull' })
      .thenNothingHappens();
  });
  it('is labelled', () => {
    given(committed)
      .when({ type: 'label-blob', namespace, digest: d1, labels: { a: '', b: '2' } })
      .thenHappens({ type: 'blob-labelled', data: { namespace, digest: d1, labels: { b: '2' } } });
  });
  it('is not labelled again with what it bears', () => {
    given(committed)
      .when({ type: 'label-blob', namespace, digest: d1, labels: { a: '1' } })
      .thenNothingHappens();
  });
  for (const command of [
    { type: 'label-blob', namespace, digest: d1, labels: {} },
    { type: 'remove-blob', namespace, digest: d1, cause },
  ] as const) {
    it(`must be there for ${command.type}`, () => {
      given(elsewhere)
        .when(command)
        .thenRefused('not-found', /content sha256:0+1 does not exist in namespace 'default'/);
    });
  }
  it('is removed by its last holder', () => {
    given(committed)
      .when({ type: 'remove-blob', namespace, digest: d1, cause: { by: 'gc', freedBy: '7' } })
      .thenHappens({
        type: 'blob-removed',
        data: { namespace, digest: d1, size: 10, lastHolder: true, cause: { by: 'gc', freedBy: '7' } },
      });
  });
  it('keeps its bytes while another namespace holds it', () => {
    given(committed, elsewhere)
      .when({ type: 'remove-blob', namespace, digest: d1, cause })
      .thenHappens({
        type: 'blob-removed',
        data: { namespace, digest: d1, size: 10, lastHolder: false, cause },
      });
  });
  it('goes with many others by one event, each with what freed it', () => {
    given(committed, elsewhere, {
      type: 'blob-committed',
      data: { namespace, digest: digest(2), size: 5, labels: {} },
    })
      .when({
        type: 'collect-blobs',
        namespace,
        blobs: [{ digest: d1, freedBy: '7' }, { digest: digest(2) }],
      })
      .thenHappens({
        type: 'blobs-collected',
        data: {
          namespace,
          blobs: [
            { digest: d1, size: 10, lastHolder: false, freedBy: '7' },
            { digest: digest(2), size: 5, lastHolder: true },
          ],
        },
      });
  });
  it('is collected once where it is named twice', () => {
    given(committed)
      .when({ type: 'collect-blobs', namespace, blobs: [{ digest: d1 }, { digest: d1 }] })
      .thenHappens({
        type: 'blobs-collected',
        data: { namespace, blobs: [{ digest: d1, size: 10, lastHolder: true }] },
      });
  });
  it('must be there to be collected', () => {
    given(committed)
      .when({ type: 'collect-blobs', namespace, blobs: [{ digest: d1 }, { digest: digest(2) }] })
      .thenRefused('not-found', /content sha256:0+2 does not exist in namespace 'default'/);
  });
  it('frees its bytes when the other namespace has let go', () => {
    const removed = { namespace: 'other', digest: d1, size: 10, lastHolder: false, cause };
    given(committed, elsewhere, { type: 'blob-removed', data: removed })
      .when({ type: 'remove-blob', namespace, digest: d1, cause })
      .thenHappens({ type: 'blob-removed', data: { ...removed, namespace, lastHolder: true } });
  });
});
