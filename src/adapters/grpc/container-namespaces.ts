import type { NamespaceSource } from '../../domain/container-config.ts';
import type { ContainerRequest } from '../../domain/container-request.ts';
import { ContainerId, type Namespace } from '../../domain/identity.ts';
import type { ContainerOptions } from '../../gen/shiplog/v1/containers_pb.ts';
import { invalid, parse } from './parse.ts';

/** The id of the container that a text names: an id, the start of one, or a name. @throws Rejection `not-found` */
export type ResolveContainer = (namespace: Namespace, container: string) => Promise<string>;

/** One mode: `host`, `container:NAME`, or a word for a new namespace. */
const sourceOf = async (
  field: string,
  mode: string,
  fresh: readonly string[],
  idOf: (container: string) => Promise<string>,
): Promise<NamespaceSource> => {
  if (mode === '' || fresh.includes(mode)) return 'new';
  if (mode === 'host') return 'host';
  const name = /^container:(.+)$/.exec(mode)?.[1];
  if (name !== undefined) return { container: parse(ContainerId, await idOf(name), field) };
  throw invalid(field, `'${mode}' is not supported; give ${[...fresh, 'host', 'container:ID'].join(', ')}`);
};

/** Where each linux namespace comes from. `none` is a network of its own with nothing but a loopback device. */
export const namespacesOf = async (
  options: ContainerOptions,
  idOf: (container: string) => Promise<string>,
): Promise<ContainerRequest['namespaces']> => ({
  network: await sourceOf('options.network', options.network, ['none'], idOf),
  pid: await sourceOf('options.pid_mode', options.pidMode, ['private'], idOf),
  ipc: await sourceOf('options.ipc_mode', options.ipcMode, ['private'], idOf),
  uts: await sourceOf('options.uts_mode', options.utsMode, ['private'], idOf),
  cgroup: await sourceOf('options.cgroup_mode', options.cgroupMode, ['private'], idOf),
});

/** Ids of users and groups have 32 bits; the last one means "no change" to the kernel. */
const MAX_ID = 0xffff_fffe;

/** `host`, or `HOSTUID:HOSTGID:SIZE`. */
export const usernsOf = (mode: string): ContainerRequest['userns'] => {
  if (mode === '' || mode === 'host') return 'host';
  const match = /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(mode);
  const [hostUid = 0, hostGid = 0, size = 0] = (match ?? []).slice(1).map(Number);
  const fits = size > 0 && hostUid + size - 1 <= MAX_ID && hostGid + size - 1 <= MAX_ID;
  if (match && fits) return { hostUid, hostGid, size };
  throw invalid('options.userns_mode', `'${mode}' is not supported; give host or HOSTUID:HOSTGID:SIZE`);
};
