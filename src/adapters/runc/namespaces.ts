import type { ContainerConfig } from '../../domain/container-config.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { OciIdMapping, OciNamespace } from './oci.ts';

const shared = ['pid', 'network', 'ipc', 'uts', 'cgroup'] as const;

/**
 * The linux namespaces to make or join; the host's are those that are left out.
 * @throws Rejection `invalid-argument` for a user namespace with processes of another one: the kernel mounts no /proc then
 */
export const ociNamespaces = (config: ContainerConfig): readonly OciNamespace[] => {
  const { namespaces } = config;
  if (namespaces.user !== 'host' && namespaces.pid !== 'new') {
    throw new Rejection(
      'invalid-argument',
      'a user namespace needs a pid namespace of its own; leave out --pid, or run with --userns host',
    );
  }
  const chosen = shared.flatMap((type): OciNamespace[] => {
    const source = namespaces[type];
    if (source === 'host') return [];
    if (source === 'new') return [{ type }];
    if ('path' in source) return [{ type, path: source.path }];
    throw new Rejection(
      'internal',
      `the ${type} namespace of container ${source.container} was not looked up`,
    );
  });
  return [...(namespaces.user === 'host' ? [] : [{ type: 'user' } as const]), { type: 'mount' }, ...chosen];
};

export const idMappings = (
  config: ContainerConfig,
): { uidMappings: readonly OciIdMapping[]; gidMappings: readonly OciIdMapping[] } | undefined => {
  const { user } = config.namespaces;
  if (user === 'host') return undefined;
  return {
    uidMappings: [{ containerID: 0, hostID: user.hostUid, size: user.size }],
    gidMappings: [{ containerID: 0, hostID: user.hostGid, size: user.size }],
  };
};
