import type { Digest, LeaseId, Namespace, Platform, Timestamp, TransferId } from '../domain/identity.ts';
import { asRejection } from '../domain/rejection.ts';
import { dispatch, perform, type Workflow } from './steps.ts';

/** A lease of a transfer whose daemon died ends by itself after this (microseconds). */
const leaseTime = 24 * 3600 * 1e6;

/** The lease that holds what a transfer brings until it ends. */
export const leaseOf = (id: TransferId): LeaseId => `transfer-${id}` as LeaseId;

export interface TransferSubjectMatter {
  readonly namespace: Namespace;
  readonly verb: 'pull' | 'push' | 'import' | 'export';
  readonly what: string;
  readonly platform?: Platform;
}

export interface TransferOutcome<T> {
  readonly result: T;
  readonly digest?: Digest;
  /** Moved over the wire. */
  readonly bytes: number;
}

/** Runs a transfer between its events, under a lease that holds what it brings; however it ends, the lease ends too. */
export function* underTransfer<T>(
  about: TransferSubjectMatter,
  body: (id: TransferId, lease: LeaseId) => Workflow<TransferOutcome<T>>,
): Workflow<T> {
  const id = (yield* perform('fresh-name', { kind: 'sortable' })) as TransferId;
  const lease = leaseOf(id);
  const { namespace } = about;
  const { wall } = yield* perform('now', {});
  const expiresAt = (wall + leaseTime) as Timestamp;
  yield* dispatch(
    { type: 'start-transfer', id, ...about },
    { type: 'create-lease', namespace, id: lease, labels: {}, expiresAt },
  );
  try {
    const { result, digest, bytes } = yield* body(id, lease);
    yield* dispatch(
      { type: 'finish-transfer', namespace, id, bytes, ...(digest === undefined ? {} : { digest }) },
      { type: 'delete-lease', namespace, id: lease },
    );
    return result;
  } catch (error) {
    const { code, message } = asRejection(error);
    yield* dispatch(
      { type: 'fail-transfer', namespace, id, code, error: message.slice(0, 4096) },
      { type: 'delete-lease', namespace, id: lease },
    );
    throw error;
  }
}
