import { z } from 'zod';
import { ContainerConfig, ProcessConfig } from './container-config.ts';
import type { ContainerId } from './identity.ts';
import { AbsolutePath, Labels } from './identity.ts';
import type { ImageConfig } from './oci-image.ts';
import { Rejection } from './rejection.ts';

// What a request says in the words of the configuration that comes of it.
const {
  process: _process,
  hostname: _hostname,
  stopSignal: _stopSignal,
  stopTimeout: _stopTimeout,
  namespaces: allNamespaces,
  ...asInTheLog
} = ContainerConfig.unwrap().shape;
const { user: userns, ...namespaces } = allNamespaces.shape;

/** What a caller asks of a new container: docker's flags, parsed. What is absent comes from the image, then from defaults. */
export const ContainerRequest = z
  .object({
    command: z.array(z.string()),
    /** Absent: the image's; empty: none. */
    entrypoint: z.array(z.string()).optional(),
    env: z.array(z.string().regex(/^[^=\0]+=[^\0]*$/, "an environment entry must be 'NAME=value'")),
    secretEnv: z.array(z.string().regex(/^[^=\0]+$/)),
    cwd: AbsolutePath.optional(),
    user: z.string().max(256).optional(),
    terminal: z.boolean(),
    stdin: z.boolean(),
    consoleSize: ProcessConfig.unwrap().shape.consoleSize,
    hostname: z.string().max(64).optional(),
    ...asInTheLog,
    namespaces: z.object(namespaces),
    userns,
    labels: Labels,
    stopSignal: z.string().optional(),
    stopTimeout: z.number().int().min(0).optional(),
  })
  .readonly();
export type ContainerRequest = z.infer<typeof ContainerRequest>;

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Later entries win, each name keeps its first place. */
const mergeEnv = (...lists: readonly (readonly string[])[]): readonly string[] => {
  const byName = new Map<string, string>();
  for (const entry of lists.flat()) byName.set(entry.split('=', 1)[0] ?? '', entry);
  return [...byName.values()];
};

/** Entrypoint and command, as docker joins them: a new entrypoint also drops the image's command. */
const argsOf = (request: ContainerRequest, image: NonNullable<ImageConfig['config']>): readonly string[] => {
  const entrypoint = request.entrypoint ?? image.Entrypoint ?? [];
  const inherited = request.entrypoint === undefined ? (image.Cmd ?? []) : [];
  return [...entrypoint, ...(request.command.length > 0 ? request.command : inherited)];
};

/** How a container is to run: the request over the image's configuration. */
export const containerConfig = (
  request: ContainerRequest,
  { config }: Pick<ImageConfig, 'config'>,
  id: ContainerId,
): ContainerConfig | Rejection => {
  const image = config ?? {};
  const args = argsOf(request, image);
  if (args.length === 0) {
    return new Rejection(
      'invalid-argument',
      'no command was given and the image has none; say what to run after the image name',
    );
  }
  const cwd = AbsolutePath.safeParse(request.cwd ?? (image.WorkingDir || '/'));
  if (!cwd.success) {
    return new Rejection(
      'invalid-argument',
      `the image's working directory '${image.WorkingDir}' is not an absolute path`,
    );
  }
  return {
    process: {
      args: [...args],
      env: [...mergeEnv([defaultPath], image.Env ?? [], request.env)],
      secretEnv: request.secretEnv,
      cwd: cwd.data,
      user: request.user ?? image.User ?? '',
      terminal: request.terminal,
      stdin: request.stdin,
      consoleSize: request.consoleSize,
    },
    hostname: request.hostname ?? id.slice(0, 12),
    readonlyRootfs: request.readonlyRootfs,
    mounts: request.mounts,
    resources: request.resources,
    rlimits: request.rlimits,
    capabilities: request.capabilities,
    privileged: request.privileged,
    noNewPrivileges: request.noNewPrivileges,
    seccomp: request.privileged ? 'unconfined' : request.seccomp,
    apparmor: request.apparmor,
    maskPaths: request.maskPaths && !request.privileged,
    namespaces: { ...request.namespaces, user: request.userns },
    devices: request.devices,
    sysctls: request.sysctls,
    stopSignal: request.stopSignal ?? image.StopSignal ?? 'SIGTERM',
    stopTimeout: request.stopTimeout ?? 10,
    oomScoreAdj: request.oomScoreAdj,
  };
};
