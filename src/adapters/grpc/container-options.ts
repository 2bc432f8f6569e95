import { ContainerRequest } from '../../domain/container-request.ts';
import type { Namespace } from '../../domain/identity.ts';
import { isRejection } from '../../domain/rejection.ts';
import { signalName, signalNumber } from '../../domain/signals.ts';
import type { NewContainer } from '../../engine/ports/api.ts';
import type { ContainerOptions } from '../../gen/shiplog/v1/containers_pb.ts';
import { namespacesOf, type ResolveContainer, usernsOf } from './container-namespaces.ts';
import { resourcesOf, rlimitOf } from './container-resources.ts';
import { capabilityOf, deviceOf, securityOf } from './container-security.ts';
import { invalid, parse, present, referenceOf } from './parse.ts';

/** The usual name of a signal. @throws Rejection `invalid-argument` that names the field */
export const signalOf = (text: string, field: string): string => {
  const number = signalNumber(text);
  if (isRejection(number)) throw invalid(field, number.message);
  return signalName(number);
};

/** The size that a terminal starts with; undefined where the client has none to tell. */
export const consoleSizeOf = (
  width: number,
  height: number,
): { width: number; height: number } | undefined => (width > 0 && height > 0 ? { width, height } : undefined);

/** `NAME=value` entries as names and values; of two with one name the later counts. */
const secretsOf = (entries: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    entries.map((entry, index) => {
      const equals = entry.indexOf('=');
      // The message must not repeat the entry: it is a secret.
      if (equals < 1) throw invalid(`options.secret_env.${index}`, "must be 'NAME=value'");
      return [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );

const pullOf = (text: string): NewContainer['pull'] => {
  if (text === '' || text === 'missing') return 'missing';
  if (text === 'always' || text === 'never') return text;
  throw invalid('options.pull', `'${text}' is not supported; give missing, always or never`);
};

const requestOf = async (
  options: ContainerOptions,
  secretEnv: readonly string[],
  idOf: (container: string) => Promise<string>,
): Promise<ContainerRequest> => {
  const request = {
    command: options.command,
    env: options.env,
    secretEnv,
    terminal: options.terminal,
    stdin: options.stdin,
    readonlyRootfs: options.readOnly,
    mounts: options.mounts.map(({ type, source, target, options: words }) => ({
      ...{ type, source, target, options: words },
    })),
    resources: resourcesOf(options.resources),
    rlimits: options.rlimits.map(rlimitOf),
    capabilities: { add: options.capAdd.map(capabilityOf), drop: options.capDrop.map(capabilityOf) },
    privileged: options.privileged,
    ...securityOf(options.security),
    namespaces: await namespacesOf(options, idOf),
    userns: usernsOf(options.usernsMode),
    devices: options.devices.map(deviceOf),
    sysctls: options.sysctls,
    labels: options.labels,
    oomScoreAdj: options.oomScoreAdj,
    ...present({
      entrypoint: options.entrypoint?.values,
      cwd: options.cwd || undefined,
      user: options.user || undefined,
      hostname: options.hostname || undefined,
      consoleSize: consoleSizeOf(options.consoleWidth, options.consoleHeight),
      stopSignal: options.stopSignal === '' ? undefined : signalOf(options.stopSignal, 'options.stop_signal'),
      stopTimeout: options.stopTimeout,
    }),
  };
  return parse(ContainerRequest, request, 'options');
};

const checkMounts = ({ mounts }: ContainerRequest): void => {
  for (const [index, { type, source }] of mounts.entries()) {
    if (type === 'bind' && !source.startsWith('/')) {
      throw invalid(`options.mounts.${index}.source`, `'${source}' is not an absolute path of the host`);
    }
  }
};

/**
 * A new container as the caller's flags have it.
 * @throws Rejection `invalid-argument` that names the field; whatever `resolve` throws for a container that is named
 */
export const newContainerOf = async (
  namespace: Namespace,
  options: ContainerOptions | undefined,
  resolve: ResolveContainer,
): Promise<NewContainer> => {
  if (!options) throw invalid('options', 'are missing');
  const image = referenceOf(options.image, 'options.image');
  const secrets = secretsOf(options.secretEnv);
  const request = await requestOf(options, Object.keys(secrets), (name) => resolve(namespace, name));
  checkMounts(request);
  return {
    namespace,
    image,
    request,
    secrets,
    removeOnExit: options.remove,
    pull: pullOf(options.pull),
    ...present({ name: options.name || undefined, runtime: options.runtime || undefined }),
  };
};
