import type { AnyValue } from '../../domain/any-value.ts';
import type { Platform } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Ports } from '../ports/ports.ts';
import type { ProxyFacts } from '../ports/proxy-facts.ts';
import type { Snapshotters } from '../ports/snapshotters.ts';
import type { Plugin } from '../ports/store/introspection.ts';

/** Facts of the daemon that it tells its clients. */
export interface DaemonFacts {
  readonly pid: number;
  /** Inode of its pid namespace. */
  readonly pidNamespace: bigint;
  readonly platform: Platform;
  readonly overlayDirectory: string;
  /** Parts that the configuration leaves out, as TYPE.ID. */
  readonly disabledPlugins?: readonly string[];
  /** What the shim of a runtime tells of itself; absent where no runtime can be asked. */
  readonly describeRuntime?: (runtime: string, options: AnyValue | undefined) => Promise<AnyValue>;
}

/** containerd's name of what restarts containers by their labels. */
export const restartPlugin = 'io.containerd.internal.v1.restart';

/** What runs tasks; its information is that of a shim. */
export const runtimePlugin = { type: 'io.containerd.runtime.v2', id: 'task' };

const snapshotterType = 'io.containerd.snapshotter.v1';
const differType = 'io.containerd.differ.v1';

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
  'mounts',
  'namespaces',
  'sandbox-controllers',
  'sandboxes',
  'snapshots',
  'streaming',
  'tasks',
  'transfer',
  'version',
];

/** Snapshotters of containerd's that Shiplog does not bring. */
const unknown = ['aufs', 'btrfs', 'devmapper', 'zfs'];

const plain = { requires: [], platforms: [], exports: {}, capabilities: [] };

const nameOf = ({ type, id }: Pick<Plugin, 'type' | 'id'>): string => `${type}.${id}`;

const snapshotterPlugins = (
  { platform }: DaemonFacts,
  { local, remote, absent }: Snapshotters,
): readonly Plugin[] => {
  const here = { ...plain, type: snapshotterType, platforms: [platform] };
  const names: string[] = [...local.keys(), ...remote.keys(), ...absent.keys()];
  const skip = (id: string, because: string) => ({
    ...here,
    id,
    skipped: /skip plugin/.test(because) ? because : `${because}: skip plugin`,
  });
  return [
    ...[...local].map(([id, { directory, capabilities }]) => ({
      ...here,
      id,
      exports: { root: directory },
      capabilities,
    })),
    ...proxied(snapshotterType, platform, remote),
    ...[...absent].map(([id, because]) => skip(id, because)),
    ...unknown
      .filter((id) => !names.includes(id))
      .map((id) => skip(id, `Shiplog has no snapshotter '${id}'; use overlayfs, or a proxy plugin`)),
  ];
};

/** Parts in other daemons. */
const proxied = (type: string, host: Platform, plugins: ReadonlyMap<string, ProxyFacts>): readonly Plugin[] =>
  [...plugins].map(([id, { address, exports, capabilities, platform = host }]) => ({
    ...{ ...plain, type, id, capabilities },
    exports: { ...exports, address },
    platforms: [platform],
  }));

/** What Shiplog has of containerd's parts, and what it leaves out. */
export const pluginsOf = (
  facts: DaemonFacts,
  { snapshotters, differs, contents }: Pick<Ports, 'snapshotters' | 'differs' | 'contents'>,
): readonly Plugin[] => {
  const here = { ...plain, platforms: [facts.platform] };
  const stored = ['io.containerd.metadata.v1'];
  const all: readonly Plugin[] = [
    { ...plain, type: 'io.containerd.content.v1', id: 'content' },
    ...proxied('io.containerd.content.v1', facts.platform, contents),
    ...snapshotterPlugins(facts, snapshotters),
    { ...plain, type: 'io.containerd.metadata.v1', id: 'log' },
    { ...here, type: differType, id: 'walking', requires: stored },
    ...proxied(differType, facts.platform, differs),
    { ...plain, type: 'io.containerd.event.v1', id: 'exchange' },
    { ...plain, type: 'io.containerd.gc.v1', id: 'scheduler', requires: stored },
    {
      ...plain,
      type: 'io.containerd.internal.v1',
      id: 'restart',
      capabilities: ['no', 'always', 'on-failure', 'unless-stopped'],
    },
    { ...here, ...runtimePlugin, requires: stored },
    ...services.map((id) => ({ ...plain, type: 'io.containerd.grpc.v1', id })),
  ];
  // As in containerd, what is disabled is not spoken of.
  return all.filter((plugin) => nameOf(plugin) !== restartPlugin || !isDisabled(facts, restartPlugin));
};

export const isDisabled = ({ disabledPlugins = [] }: DaemonFacts, plugin: string): boolean =>
  disabledPlugins.includes(plugin);

/** What is said of parts that are to be left out and can't be; of those that Shiplog does not have there is nothing to say. */
export const disablingWarnings = (
  plugins: readonly Plugin[],
  disabled: readonly string[],
): readonly string[] =>
  plugins
    .map(nameOf)
    .filter((name) => name !== restartPlugin && disabled.includes(name))
    .map((name) => `plugins.disabled: ${name} is a part that can't be left out; it is there all the same`);

/** @throws Rejection `failed-precondition` naming every part that has to be there and is not */
export const requirePlugins = (plugins: readonly Plugin[], required: readonly string[]): void => {
  const there = plugins.filter(({ skipped }) => skipped === undefined).map(nameOf);
  const missing = required.filter((name) => !there.includes(name));
  if (missing.length === 0) return;
  throw new Rejection(
    'failed-precondition',
    `plugins.required: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not there; shiplogd does not start without`,
  );
};
