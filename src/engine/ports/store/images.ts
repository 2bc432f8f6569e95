import type { Descriptor, ImageName, Labels, Namespace, Timestamp } from '../../../domain/identity.ts';
import type { StoreCall } from './call.ts';

export interface ImageRecord {
  readonly name: ImageName;
  readonly target: Descriptor;
  readonly labels: Labels;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}

/** Labels or annotations: these are all, or they are merged in, an empty value taking one away. */
export interface TextChange {
  readonly labels: Labels;
  readonly replace: boolean;
}

/** What is to become of an image; what is absent stays. */
export interface ImageChange {
  readonly target?: Descriptor;
  /** Of the target there is. */
  readonly annotations?: TextChange;
  readonly labels?: TextChange;
}

/** Names for content, as they were given: no name is normalised here. */
export interface ImageStore {
  /** @throws Rejection `not-found` */
  get(namespace: Namespace, name: ImageName): ImageRecord;
  /** By name. @throws Rejection `invalid-argument` for a filter that can't be read */
  list(namespace: Namespace, filters: readonly string[]): readonly ImageRecord[];
  /** @throws Rejection `already-exists` */
  create(
    namespace: Namespace,
    image: Pick<ImageRecord, 'name' | 'target' | 'labels'>,
    call: StoreCall,
  ): Promise<ImageRecord>;
  /** @throws Rejection `not-found` */
  update(namespace: Namespace, name: ImageName, change: ImageChange, call: StoreCall): Promise<ImageRecord>;
  /** @param sync collect garbage before the answer. @throws Rejection `not-found` */
  delete(namespace: Namespace, name: ImageName, sync: boolean, call: StoreCall): Promise<void>;
}
