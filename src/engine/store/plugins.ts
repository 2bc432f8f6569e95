import type { Platform } from '../../domain/identity.ts';
import type { Plugin } from '../ports/store/introspection.ts';

/** Facts of the daemon that it tells its clients. */
export interface DaemonFacts {
  readonly pid: number;
  /** Inode of its pid namespace. */
  readonly pidNamespace: bigint;
  readonly platform: Platform;
  readonly overlayDirectory: string;
}

/** containerd's name of what restarts containers by their labels. */
export const restartPlugin = 'io.containerd.internal.v1.restart';

/** Services that clients can call, by containerd's names of them. */
const services = [
  'containers',
  'content',
  'diff',
  'events',
  'healthcheck',
  'images',
  'introspection',
  'leases',
  'namespaces',
  'snapshots',
  'tasks',
  'version',
];

/** Snapshotters that containerd has and Shiplog has not. */
const absent = ['btrfs', 'native'];

const plain = { requires: [], platforms: [], exports: {}, capabilities: [] };

/** What Shiplog has of containerd's parts, and the snapshotters that it leaves out. */
export const pluginsOf = ({ platform, overlayDirectory }: DaemonFacts): readonly Plugin[] => {
  const here = { ...plain, platforms: [platform] };
  const snapshotter = 'io.containerd.snapshotter.v1';
  return [
    { ...plain, type: 'io.containerd.content.v1', id: 'content' },
    {
      ...here,
      type: snapshotter,
      id: 'overlayfs',
      exports: { root: overlayDirectory },
      capabilities: ['rebase'],
    },
    ...absent.map((id) => ({
      ...here,
      type: snapshotter,
      id,
      skipped: `Shiplog has no snapshotter '${id}'; use overlayfs: skip plugin`,
    })),
    { ...plain, type: 'io.containerd.metadata.v1', id: 'log' },
    { ...here, type: 'io.containerd.differ.v1', id: 'walking', requires: ['io.containerd.metadata.v1'] },
    { ...plain, type: 'io.containerd.event.v1', id: 'exchange' },
    { ...plain, type: 'io.containerd.gc.v1', id: 'scheduler', requires: ['io.containerd.metadata.v1'] },
    { ...here, type: 'io.containerd.runtime.v2', id: 'task', requires: ['io.containerd.metadata.v1'] },
    ...services.map((id) => ({ ...plain, type: 'io.containerd.grpc.v1', id })),
  ];
};
