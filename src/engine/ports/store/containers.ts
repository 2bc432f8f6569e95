import type { AnyValue } from '../../../domain/any-value.ts';
import type { ClientRecord } from '../../../domain/client-container.ts';
import type { ContainerId, Namespace, Timestamp } from '../../../domain/identity.ts';
import type { StoreCall } from './call.ts';
import type { TextChange } from './images.ts';

/** A container as a client of containerd's API sees it. Of one that Shiplog made, there is no specification to show. */
export interface ContainerRecord extends Omit<ClientRecord, 'namespace' | 'spec'> {
  readonly spec?: AnyValue;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}

/** What is to become of a container; what is absent stays. */
export interface ContainerChange {
  readonly imageName?: string;
  readonly spec?: AnyValue;
  readonly snapshotKey?: string;
  readonly labels?: TextChange;
  /** An extension without a value is taken away. */
  readonly extensions?: {
    readonly values: Readonly<Record<string, AnyValue | undefined>>;
    readonly replace: boolean;
  };
}

/** Containers, those that Shiplog made among them: of these only the labels can be changed. */
export interface ContainerStore {
  /** @throws Rejection `not-found` */
  get(namespace: Namespace, id: ContainerId): ContainerRecord;
  /** By id. @throws Rejection `invalid-argument` for a filter that can't be read */
  list(namespace: Namespace, filters: readonly string[]): Iterable<ContainerRecord>;
  /** @throws Rejection `already-exists`; `invalid-argument` where it is too large for the log */
  create(record: ClientRecord, call: StoreCall): Promise<ContainerRecord>;
  /** @throws Rejection `not-found`; `invalid-argument` as `create`; `failed-precondition` for more than labels of our own */
  update(
    namespace: Namespace,
    id: ContainerId,
    change: ContainerChange,
    call: StoreCall,
  ): Promise<ContainerRecord>;
  /** @throws Rejection `not-found`; `failed-precondition` while it has a task */
  delete(namespace: Namespace, id: ContainerId, call: StoreCall): Promise<void>;
}
