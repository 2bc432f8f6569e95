import type { Labels, Namespace, SnapshotId, SnapshotKey } from '../../domain/identity.ts';
import type { Mount } from '../../domain/mount.ts';
import type { ProxyFacts } from './proxy-facts.ts';
import type { SnapshotUsage } from './snapshots.ts';

/** What a snapshotter elsewhere says of one of its snapshots. */
export interface RemoteSnapshot {
  readonly key: string;
  readonly kind: 'active' | 'view' | 'committed';
  /** Empty where there is none. */
  readonly parent: string;
  readonly labels: Labels;
}

/** Who asks: the namespace goes along as a header, since some snapshotters keep namespaces apart. */
export interface RemoteCall {
  readonly namespace: Namespace;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A snapshotter in another daemon, which keeps bytes and a record of its own. Keys are the caller's to choose. All fail
 * with that daemon's own code and words after the plugin's name, and with `unavailable` where it can't be reached.
 */
export interface RemoteSnapshotter extends ProxyFacts {
  /** For messages: the plugin's name and socket. */
  readonly title: string;
  /** @throws Rejection `already-exists` also where a layer that a label asks for is there (snapshot.ref) */
  prepare(snapshot: NewRemoteSnapshot, call: RemoteCall): Promise<readonly Mount[]>;
  mounts(key: string, call: RemoteCall): Promise<readonly Mount[]>;
  commit(commit: RemoteCommit, call: RemoteCall): Promise<void>;
  remove(key: string, call: RemoteCall): Promise<void>;
  /** Undefined where there is none. */
  stat(key: string, call: RemoteCall): Promise<RemoteSnapshot | undefined>;
  usage(key: string, call: RemoteCall): Promise<SnapshotUsage>;
  /** @param filters in containerd's language; any of them is enough */
  list(filters: readonly string[], call: RemoteCall): Promise<readonly RemoteSnapshot[]>;
  /** Frees what removed ones left; nothing happens where the daemon has no such thing. */
  cleanup(call: RemoteCall): Promise<void>;
}

export interface NewRemoteSnapshot {
  readonly kind: 'active' | 'view';
  readonly key: string;
  /** Empty where there is none. */
  readonly parent: string;
  readonly labels: Labels;
}

/** What an active one becomes. */
export interface RemoteCommit {
  readonly key: string;
  readonly name: string;
  /** To be set down on this one; empty where it stays on what it was prepared on. */
  readonly parent: string;
  readonly labels: Labels;
}

/**
 * The key under which a snapshot of ours stands elsewhere. It has the form of containerd's, `NAMESPACE/ID/KEY`, which some
 * snapshotters take apart; the id makes it unique for ever, so that repeating a call is safe. One that the other daemon made
 * by itself has the key that it chose.
 */
export const remoteKey = ({
  namespace,
  id,
  key,
  handle,
}: {
  readonly namespace: Namespace;
  readonly id: SnapshotId;
  readonly key: SnapshotKey;
  readonly handle?: string;
}): string => handle ?? `${namespace}/${id}/${key}`;
