import type { Blob } from '../../domain/content.ts';
import type { Namespace } from '../../domain/identity.ts';
import type { Lease } from '../../domain/leases.ts';
import type { Snapshot } from '../../domain/snapshots.ts';
import type { NamespaceView } from '../../projections/resources.ts';
import type { At, Moment } from './at.ts';

export interface ResourceQuery {
  readonly namespace: Namespace;
  /** Docker's form: `key=value`. */
  readonly filters: readonly string[];
  /** Now when absent. */
  readonly at?: At;
}

/** What images and containers are made of, and what keeps it: told from the log alone, at any moment it still has. */
export interface ResourcesApi {
  /**
   * The position that a moment means.
   * @throws Rejection `invalid-argument` for a moment to come, `failed-precondition` for one below the log's horizon;
   *   every read that takes an {@link At} throws these too, and `resource-exhausted` where too much of the past is asked
   *   for at once
   */
  moment(at: At): Promise<Moment>;
  /** By key. */
  snapshots(query: ResourceQuery, signal?: AbortSignal): Promise<readonly Snapshot[]>;
  /** Newest first. */
  content(query: ResourceQuery, signal?: AbortSignal): Promise<readonly Blob[]>;
  /** By id. */
  leases(query: ResourceQuery, signal?: AbortSignal): Promise<readonly Lease[]>;
  /** By name. */
  namespaces(
    query: Omit<ResourceQuery, 'namespace'>,
    signal?: AbortSignal,
  ): Promise<readonly NamespaceView[]>;
}

export type { Blob, Lease, NamespaceView, Snapshot };
