import type { z } from 'zod';
import type { KeyPath } from './key-path.ts';
import { duration, flag, fraction, text, texts, whole } from './values.ts';

/** The versions of containerd's configuration that name plugins in full. */
export type Version = 2 | 3;

/** A key of containerd's that is understood. */
export interface ContainerdKey {
  readonly path: KeyPath;
  readonly kind: z.ZodType;
  /** The key of ours that means the same. */
  readonly ours?: KeyPath;
  /** Of the value in our words; undefined says nothing. */
  readonly as?: (value: never) => unknown;
  /** Values that ask for nothing but what is so anyway, without {@link ours}. Others are told of. */
  readonly idle?: readonly unknown[];
  readonly only?: Version;
}

const same = (path: string, kind: z.ZodType): ContainerdKey => ({
  path: path.split('.'),
  kind,
  ours: path.split('.'),
});

const carries = (path: KeyPath, kind: z.ZodType, ours: string): ContainerdKey => ({
  path,
  kind,
  ours: ours.split('.'),
});

const idle = (path: KeyPath, kind: z.ZodType, ...values: readonly unknown[]): ContainerdKey => ({
  path,
  kind,
  idle: values,
});

/** Where an empty text means that nothing was said. */
const unlessEmpty = (key: ContainerdKey): ContainerdKey => ({
  ...key,
  as: (value: string) => (value === '' ? undefined : value),
});

const levels = { trace: 'debug', fatal: 'error', panic: 'error', warning: 'warn' } as const;
/** Our word for one of containerd's levels of its log; the empty one leaves it as it is. */
export const levelOf = (word: string): string | undefined =>
  word === '' ? undefined : (Object.entries(levels).find(([name]) => name === word)?.[1] ?? word);

/** containerd 2 calls it another name. */
const restart = ['io.containerd.internal.v1.restart', 'io.containerd.monitor.container.v1.restart'] as const;
const renamed = (names: readonly string[]): readonly string[] =>
  names.map((name) => (name === restart[1] ? restart[0] : name));

const plugin = (name: string, ...keys: readonly string[]): KeyPath => ['plugins', name, ...keys];
const timeout = (name: string): KeyPath => ['timeouts', `io.containerd.timeout.${name}`];

/** Of CRI's runtimes, those that stand for our own containers: the tables of the default one. */
const runtimeKeys = (at: KeyPath, only: Version): readonly ContainerdKey[] => {
  const of = (key: string, kind: z.ZodType, ours: string) =>
    unlessEmpty({ ...carries([...at, ...key.split('.')], kind, ours), only });
  const left = (key: string, kind: z.ZodType, value: unknown) => ({
    ...idle([...at, ...key.split('.')], kind, value),
    only,
  });
  return [
    of('runtime_type', text, 'runtimes.default'),
    of('runtime_path', text, 'runtimes.default'),
    of('options.BinaryName', text, 'runtimes.binary'),
    of('options.Root', text, 'runtimes.root'),
    of('options.ShimCgroup', text, 'runtimes.shim_cgroup'),
    { ...carries([...at, 'options', 'NoNewKeyring'], flag, 'runtimes.no_new_keyring'), only },
    left('options.SystemdCgroup', flag, false),
    left('options.NoPivotRoot', flag, false),
    left('options.IoUid', whole, 0),
    left('options.IoGid', whole, 0),
    ...['CriuImagePath', 'CriuPath', 'CriuWorkPath'].map((name) => left(`options.${name}`, text, '')),
    ...['base_runtime_spec', 'cni_conf_dir', 'runtime_engine', 'runtime_root'].map((name) =>
      left(name, text, ''),
    ),
  ];
};

/** Where CRI keeps its runtimes, and in it the name of the default one. */
export const runtimesAt: Readonly<Record<Version, KeyPath>> = {
  2: plugin('io.containerd.grpc.v1.cri', 'containerd'),
  3: plugin('io.containerd.cri.v1.runtime', 'containerd'),
};

const general: readonly ContainerdKey[] = [
  same('root', text),
  same('state', text),
  same('oom_score', whole),
  same('cgroup.path', text),
  same('grpc.address', text),
  same('grpc.uid', whole),
  same('grpc.gid', whole),
  carries(['grpc', 'max_recv_message_size'], whole, 'grpc.max_recv_message_bytes'),
  carries(['grpc', 'max_send_message_size'], whole, 'grpc.max_send_message_bytes'),
  same('ttrpc.address', text),
  same('metrics.address', text),
  { ...carries(['debug', 'level'], text, 'log.level'), as: levelOf },
  unlessEmpty(carries(['debug', 'format'], text, 'log.format')),
  { ...carries(['disabled_plugins'], texts, 'plugins.disabled'), as: renamed },
  { ...carries(['required_plugins'], texts, 'plugins.required'), as: renamed },
  carries(timeout('shim.cleanup'), duration, 'timeouts.shim_cleanup'),
  carries(timeout('shim.shutdown'), duration, 'timeouts.shim_shutdown'),
  carries(timeout('shim.load'), duration, 'timeouts.probe'),
  carries(plugin('io.containerd.gc.v1.scheduler', 'schedule_delay'), duration, 'gc.delay'),
  ...restart.map((name) => carries(plugin(name, 'interval'), duration, 'restart.interval')),
  carries(plugin('io.containerd.runtime.v2.task', 'sched_core'), flag, 'runtimes.sched_core'),
  // What follows asks for nothing where it has this value.
  idle(['plugin_dir'], text, ''),
  idle(['temp'], text, ''),
  ...['tcp_address', 'tcp_tls_ca', 'tcp_tls_cert', 'tcp_tls_key'].map((name) =>
    idle(['grpc', name], text, ''),
  ),
  idle(['debug', 'address'], text, ''),
  ...['debug', 'ttrpc'].flatMap((table) => ['uid', 'gid'].map((name) => idle([table, name], whole, 0))),
  idle(['metrics', 'grpc_histogram'], flag, false),
  idle(plugin('io.containerd.metadata.v1.bolt', 'content_sharing_policy'), text, 'shared'),
  idle(plugin('io.containerd.monitor.v1.cgroups', 'no_prometheus'), flag),
  idle(plugin('io.containerd.gc.v1.scheduler', 'pause_threshold'), fraction),
  ...['aufs', 'btrfs', 'devmapper', 'native', 'overlayfs', 'zfs'].map((name) =>
    idle(plugin(`io.containerd.snapshotter.v1.${name}`, 'root_path'), text, ''),
  ),
  idle(plugin('io.containerd.snapshotter.v1.overlayfs', 'upperdir_label'), flag, false),
];

const registryOf = (at: KeyPath, only: Version): readonly ContainerdKey[] => [
  unlessEmpty({ ...carries([...at, 'registry', 'config_path'], text, 'registry.config_path'), only }),
];

const images: readonly ContainerdKey[] = [
  ...registryOf(plugin('io.containerd.grpc.v1.cri'), 2),
  ...registryOf(plugin('io.containerd.cri.v1.images'), 3),
  { ...idle(plugin('io.containerd.grpc.v1.cri', 'containerd', 'snapshotter'), text, 'overlayfs'), only: 2 },
  { ...idle(plugin('io.containerd.cri.v1.images', 'snapshotter'), text, 'overlayfs'), only: 3 },
];

/** Read before anything else, not as keys with a meaning of their own. */
export const framing: readonly string[] = ['version', 'imports'];

/** @param runtime CRI's default runtime, whose settings are ours */
export const keysOf = (version: Version, runtime: string): readonly ContainerdKey[] => {
  const runtimes = runtimesAt[version];
  return [
    ...general,
    ...images,
    { path: [...runtimes, 'default_runtime_name'], kind: text, idle: [runtime] },
    ...runtimeKeys([...runtimes, 'runtimes', runtime], version),
  ].filter(({ only }) => only === undefined || only === version);
};
