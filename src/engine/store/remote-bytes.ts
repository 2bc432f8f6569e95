import { type Labels, Namespace, type SnapshotterName } from '../../domain/identity.ts';
import { gcLabels } from '../../domain/labels.ts';
import { asRejection, Rejection } from '../../domain/rejection.ts';
import type { Snapshot } from '../../domain/snapshots.ts';
import type { Ledger } from '../ledger.ts';
import {
  type RemoteCall,
  type RemoteSnapshot,
  type RemoteSnapshotter,
  remoteKey,
} from '../ports/remote-snapshots.ts';
import type { StoreCall } from '../ports/store/call.ts';
import type { Planned, SnapshotBytes } from './snapshot-bytes.ts';

/** containerd's: the layer that a client is about to make, which a snapshotter may have by other ways. */
export const layerLabel = 'containerd.io/snapshot.ref';
/** Says at the other daemon whose snapshot it is: only what bears our host's id is ever swept there. */
const ownerLabel = 'shiplog/host';
/** Labels that snapshotters read; containerd too hands no others on. */
const inherited = /^containerd\.io\/snapshot(?:\/|\.)/;

const callOf = (namespace: Namespace, { signal }: Pick<StoreCall, 'signal'>): RemoteCall => ({
  namespace,
  signal,
});

/**
 * Snapshots that another daemon keeps. It knows each by a key with our id in it, so a call that a crash cut off from its
 * event is repeated without harm, or swept.
 */
export const remoteBytes = (
  ledger: Ledger,
  name: SnapshotterName,
  remote: RemoteSnapshotter,
): SnapshotBytes => {
  /** Keys that are made there and that no event names yet. */
  const underWay = new Set<string>();
  const owner = (): string => ledger.durable.world.host.hostId;
  const handedOn = (labels: Labels): Labels => ({
    ...Object.fromEntries(Object.entries(labels).filter(([label]) => inherited.test(label))),
    [ownerLabel]: owner(),
    // a daemon that collects garbage by itself does not know who needs them: we do
    [gcLabels.root]: owner(),
  });

  const prepare: SnapshotBytes['prepare'] = async (planned, call) => {
    const { namespace, kind, labels, below } = planned;
    const key = remoteKey(planned);
    const [direct] = below;
    underWay.add(key);
    try {
      return await remote.prepare(
        { kind, key, parent: direct === undefined ? '' : remoteKey(direct), labels: handedOn(labels) },
        callOf(namespace, call),
      );
    } catch (error) {
      underWay.delete(key);
      throw error;
    }
  };

  const discard = async (planned: Planned): Promise<void> => {
    const key = remoteKey(planned);
    try {
      await removed(remote, key, { namespace: planned.namespace });
    } finally {
      underWay.delete(key);
    }
  };

  /** Whether an earlier try, which no event followed, has committed it already. */
  const committedBefore = async (target: string, call: RemoteCall): Promise<boolean> =>
    (await remote.stat(target, call))?.kind === 'committed';

  const commit: SnapshotBytes['commit'] = async (snapshot, committed, onto, call) => {
    if (onto !== undefined && !remote.capabilities.includes('rebase')) {
      throw new Rejection(
        'unimplemented',
        `commit snapshot ${snapshot.key} on a parent: ${remote.title} has no capability 'rebase' in the configuration; prepare it on its parent: not implemented`,
      );
    }
    const at = callOf(snapshot.namespace, call);
    const target = remoteKey({ ...snapshot, key: committed });
    try {
      const parent = onto === undefined ? '' : remoteKey(onto);
      const labels = handedOn(snapshot.labels);
      await remote.commit({ key: remoteKey(snapshot), name: target, parent, labels }, at);
    } catch (error) {
      const { code } = asRejection(error);
      if (code !== 'not-found' && code !== 'already-exists') throw error;
      if (!(await committedBefore(target, at))) throw error;
    }
    return remote.usage(target, at);
  };

  const named = (): ReadonlySet<string> =>
    new Set(
      [...ledger.head.world.snapshot.values()]
        .filter(({ snapshotter }) => snapshotter === name)
        .map((snapshot) => remoteKey(snapshot)),
    );

  /** Where something of ours may be. */
  const namespaces = (): ReadonlySet<Namespace> => {
    const { world } = ledger.durable;
    const here = [...world.snapshot.values()].filter(({ snapshotter }) => snapshotter === name);
    return new Set([usual, ...[...world.namespace.values(), ...here].map(({ namespace }) => namespace)]);
  };

  const sweepIn = async (namespace: Namespace, call: StoreCall): Promise<void> => {
    const at = callOf(namespace, call);
    const ours = await remote.list([`labels.${JSON.stringify(ownerLabel)}==${JSON.stringify(owner())}`], at);
    const known = named();
    const free = ours.filter(
      ({ key, labels }) => labels[ownerLabel] === owner() && !known.has(key) && !underWay.has(key),
    );
    for (const { key } of childrenFirst(free)) await removed(remote, key, at);
  };

  /** Committed by the other daemon itself, for the label of a `prepare` that it refused therefore. */
  const present: SnapshotBytes['present'] = async ({ namespace, below }, layer, call) => {
    const at = callOf(namespace, call);
    const [direct] = below;
    const parent = direct === undefined ? '' : remoteKey(direct);
    const filter = `labels.${JSON.stringify(layerLabel)}==${JSON.stringify(layer)}`;
    const found = (await remote.list([filter], at)).find(
      (one) => one.kind === 'committed' && one.labels[layerLabel] === layer && one.parent === parent,
    );
    if (found === undefined) return undefined;
    return { handle: found.key, labels: found.labels, usage: await remote.usage(found.key, at) };
  };

  return {
    prepare,
    present,
    recorded: (planned) => {
      underWay.delete(remoteKey(planned));
    },
    discard,
    mounts: ({ snapshot }, call) => remote.mounts(remoteKey(snapshot), callOf(snapshot.namespace, call)),
    commit,
    usage: async (snapshot: Snapshot, call) =>
      snapshot.kind === 'committed' && snapshot.usage !== undefined
        ? snapshot.usage
        : remote.usage(remoteKey(snapshot), callOf(snapshot.namespace, call)),
    sweep: async (call) => {
      for (const namespace of namespaces()) await sweepIn(namespace, call);
      await remote.cleanup(callOf(usual, call));
    },
  };
};

/** Whoever asked first may have removed it already. */
const removed = async (remote: RemoteSnapshotter, key: string, call: RemoteCall): Promise<void> => {
  try {
    await remote.remove(key, call);
  } catch (error) {
    if (asRejection(error).code !== 'not-found') throw error;
  }
};

const usual = Namespace.parse('default');

/** Those on which others are built come after them. */
const childrenFirst = (all: readonly RemoteSnapshot[]): readonly RemoteSnapshot[] => {
  const byKey = new Map(all.map((one) => [one.key, one]));
  const depth = (one: RemoteSnapshot): number => {
    const parent = byKey.get(one.parent);
    return parent === undefined ? 0 : depth(parent) + 1;
  };
  return [...all].sort((a, b) => depth(b) - depth(a));
};
