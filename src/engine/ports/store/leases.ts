import type { Labels, LeaseId, Namespace, Timestamp } from '../../../domain/identity.ts';
import type { LeasedResource } from '../../../domain/leases.ts';
import type { StoreCall } from './call.ts';

export interface LeaseInfo {
  readonly id: LeaseId;
  readonly labels: Labels;
  readonly createdAt: Timestamp;
}

/** Leases hold things against collection, with all that those refer to unless the label `containerd.io/gc.flat` is set. */
export interface LeaseStore {
  /**
   * @param id one is made up where it is absent
   * @param labels `containerd.io/gc.expire` (RFC 3339) says when the lease ends; a time that can't be read is no end
   * @throws Rejection `already-exists`
   */
  create(
    namespace: Namespace,
    lease: { readonly id?: LeaseId; readonly labels: Labels },
    call: StoreCall,
  ): Promise<LeaseInfo>;
  /** @param sync collect garbage before the answer. @throws Rejection `not-found` */
  delete(namespace: Namespace, id: LeaseId, sync: boolean, call: StoreCall): Promise<void>;
  /** By id. @throws Rejection `invalid-argument` for a filter that can't be read */
  list(namespace: Namespace, filters: readonly string[]): readonly LeaseInfo[];
  /** Holds what is there and what is yet to come. @throws Rejection `not-found` for the lease */
  addResource(namespace: Namespace, id: LeaseId, resource: LeasedResource, call: StoreCall): Promise<void>;
  /** Nothing happens where it isn't held. @throws Rejection `not-found` for the lease */
  deleteResource(namespace: Namespace, id: LeaseId, resource: LeasedResource, call: StoreCall): Promise<void>;
  /** Content, then ingests, then snapshots. @throws Rejection `not-found` for the lease */
  resources(namespace: Namespace, id: LeaseId): readonly LeasedResource[];
}
