import type { ContainerConfig, NamespaceSource } from '../../domain/container-config.ts';
import { AbsolutePath, type ContainerId } from '../../domain/identity.ts';

/** The kernel's names of namespaces below /proc/<pid>/ns. */
const files = { pid: 'pid', network: 'net', ipc: 'ipc', uts: 'uts', cgroup: 'cgroup' } as const;
type Joinable = keyof typeof files;

/**
 * The config with every namespace of another container as a path, which is what an OCI runtime can join.
 * @param pidOf the process whose namespaces another container's are; without one they stay as they are named.
 * @throws Rejection where it does not run
 */
export const withJoinedNamespaces = async (
  config: ContainerConfig,
  pidOf: (container: ContainerId) => Promise<number | undefined>,
): Promise<ContainerConfig> => {
  const joined: Partial<Record<Joinable, NamespaceSource>> = {};
  for (const type of Object.keys(files) as Joinable[]) {
    const source = config.namespaces[type];
    if (typeof source === 'string' || !('container' in source)) continue;
    const pid = await pidOf(source.container);
    if (pid === undefined) continue;
    joined[type] = { path: AbsolutePath.parse(`/proc/${pid}/ns/${files[type]}`) };
  }
  return { ...config, namespaces: { ...config.namespaces, ...joined } };
};
