import type { Labels, Namespace } from '../../../domain/identity.ts';
import type { StoreCall } from './call.ts';

export interface NamespaceInfo {
  readonly name: Namespace;
  readonly labels: Labels;
}

/** Namespaces: recorded ones, and those that came into being with the first thing in them. */
export interface NamespaceStore {
  /** One that nobody made has no labels. */
  get(name: Namespace): NamespaceInfo;
  list(): readonly NamespaceInfo[];
  /** @throws Rejection `already-exists` */
  create(info: NamespaceInfo, call: StoreCall): Promise<NamespaceInfo>;
  /**
   * Makes it where it is missing.
   * @param replace these labels are all; else they are merged in, an empty value taking a label away
   */
  update(info: NamespaceInfo, replace: boolean, call: StoreCall): Promise<NamespaceInfo>;
  /** @throws Rejection `not-found`, `failed-precondition` where anything lives in it */
  delete(name: Namespace, call: StoreCall): Promise<void>;
}
