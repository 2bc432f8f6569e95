import { Labels } from '../../domain/identity.ts';
import type { Mount } from '../../domain/mount.ts';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { RemoteCall, RemoteSnapshot, RemoteSnapshotter } from '../../engine/ports/remote-snapshots.ts';
import { type Info, Kind, Snapshots } from '../../gen/containerd/services/snapshots/v1/snapshots_pb.ts';
import type { Mount as WireMount } from '../../gen/containerd/types/mount_pb.ts';
import { factsOf, type PluginOptions, ProxyPlugin } from './plugin.ts';

/** Milliseconds: a snapshotter may copy or fetch a whole layer before it answers; the others only look. */
const times = { making: 30 * 60_000, asking: 60_000 };

const mountOf = ({ type, source, options }: WireMount): Mount => ({ type, source, options });

const kinds: Readonly<Record<Kind, RemoteSnapshot['kind'] | undefined>> = {
  [Kind.UNKNOWN]: undefined,
  [Kind.VIEW]: 'view',
  [Kind.ACTIVE]: 'active',
  [Kind.COMMITTED]: 'committed',
};

const snapshotOf = (title: string, { name, parent, kind, labels }: Info): RemoteSnapshot => {
  const known = kinds[kind];
  const parsed = Labels.safeParse(labels);
  if (known === undefined || !parsed.success) {
    throw new Rejection(
      'internal',
      `${title} tells of a snapshot '${name}' of kind ${kind} that makes no sense`,
    );
  }
  return { key: name, parent, kind: known, labels: parsed.data };
};

/** Whether the plugin's daemon answered that it has no such method, or no such thing. */
const isCode = (error: unknown, code: 'not-found' | 'unimplemented'): boolean =>
  isRejection(error) && error.code === code;

export interface RemoteSnapshotterPlugin extends RemoteSnapshotter {
  close(): void;
}

/** A snapshotter that another daemon serves (containerd.services.snapshots.v1), such as stargz's or zfs's. */
export const createRemoteSnapshotter = (options: PluginOptions): RemoteSnapshotterPlugin => {
  const plugin = new ProxyPlugin('snapshotter', options);
  const snapshotter = options.name;
  const asking = (call: RemoteCall) => ({ ...call, timeoutMs: times.asking });
  const making = (call: RemoteCall) => ({ ...call, timeoutMs: times.making });

  const list = async (filters: readonly string[], call: RemoteCall): Promise<readonly RemoteSnapshot[]> => {
    const how = asking(call);
    return plugin.ask(Snapshots, how, async (client) => {
      const found: RemoteSnapshot[] = [];
      for await (const { info } of client.list({ snapshotter, filters: [...filters] }, how)) {
        found.push(...info.map((each) => snapshotOf(plugin.title, each)));
      }
      return found;
    });
  };

  return {
    title: plugin.title,
    ...factsOf(options),
    prepare: async ({ kind, key, parent, labels }, call) => {
      const how = making(call);
      const request = { snapshotter, key, parent, labels };
      const { mounts } = await plugin.ask(Snapshots, how, async (client) => {
        if (kind === 'view') return { mounts: (await client.view(request, how)).mounts };
        return { mounts: (await client.prepare(request, how)).mounts };
      });
      return mounts.map(mountOf);
    },
    mounts: async (key, call) => {
      const how = asking(call);
      const { mounts } = await plugin.ask(Snapshots, how, (client) =>
        client.mounts({ snapshotter, key }, how),
      );
      return mounts.map(mountOf);
    },
    commit: async (commit, call) => {
      const how = making(call);
      await plugin.ask(Snapshots, how, (client) => client.commit({ snapshotter, ...commit }, how));
    },
    remove: async (key, call) => {
      const how = making(call);
      await plugin.ask(Snapshots, how, (client) => client.remove({ snapshotter, key }, how));
    },
    stat: async (key, call) => {
      const how = asking(call);
      try {
        const { info } = await plugin.ask(Snapshots, how, (client) => client.stat({ snapshotter, key }, how));
        return info === undefined ? undefined : snapshotOf(plugin.title, info);
      } catch (error) {
        if (isCode(error, 'not-found')) return undefined;
        throw error;
      }
    },
    usage: async (key, call) => {
      const how = making(call);
      const { size, inodes } = await plugin.ask(Snapshots, how, (client) =>
        client.usage({ snapshotter, key }, how),
      );
      return { bytes: Number(size), inodes: Number(inodes) };
    },
    list,
    cleanup: async (call) => {
      const how = making(call);
      try {
        await plugin.ask(Snapshots, how, (client) => client.cleanup({ snapshotter }, how));
      } catch (error) {
        if (!isCode(error, 'unimplemented')) throw error;
      }
    },
    close: () => plugin.close(),
  };
};
