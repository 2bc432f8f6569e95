import { join } from 'node:path';
import { askHelper } from './credential-helper.ts';
import {
  type Credentials,
  credentialsIn,
  DOCKER_HUB_KEY,
  type DockerConfig,
  readDockerConfig,
} from './docker-config.ts';
import type { Time } from './retry.ts';

export interface CredentialSources {
  /** Docker's config.json; from `DOCKER_CONFIG` or `HOME` when absent. */
  readonly dockerConfigPath?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly time: Time;
  /** Longest time a helper may take, in milliseconds. */
  readonly helperMs: number;
}

/** Finds credentials for a repository of a host. */
export type FindCredentials = (host: string, repository: string) => Promise<Credentials | undefined>;

/** How long an answer is used again: helpers cost a process each. */
const REMEMBER_MS = 60_000;
const REMEMBER_ENTRIES = 256;

/**
 * Order of search: the file that `REGISTRY_AUTH_FILE` names, then Docker's config.json; in each the helper of the host,
 * the store of all hosts, the file's own entries.
 */
export const createFindCredentials = (sources: CredentialSources): FindCredentials => {
  const remembered = new Map<string, { until: number; found: Promise<Credentials | undefined> }>();
  const search = async (host: string, repository: string): Promise<Credentials | undefined> => {
    for (const path of filesOf(sources)) {
      const config = await readDockerConfig(path);
      const found = (await fromHelpers(config, host, sources)) ?? credentialsIn(config, host, repository);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return (host, repository) => {
    const key = `${host}/${repository}`;
    const now = sources.time.now();
    const known = remembered.get(key);
    if (known !== undefined && known.until > now) return known.found;
    const oldest = remembered.keys().next();
    if (remembered.size >= REMEMBER_ENTRIES && !oldest.done) remembered.delete(oldest.value);
    const found = search(host, repository);
    remembered.set(key, { until: now + REMEMBER_MS, found });
    // A failure is told to whoever asked, and asked anew the next time.
    found.catch(() => remembered.delete(key));
    return found;
  };
};

const filesOf = ({ dockerConfigPath, env }: CredentialSources): readonly string[] => {
  const docker =
    dockerConfigPath ??
    (env.DOCKER_CONFIG
      ? join(env.DOCKER_CONFIG, 'config.json')
      : env.HOME
        ? join(env.HOME, '.docker', 'config.json')
        : undefined);
  return [env.REGISTRY_AUTH_FILE ?? '', docker ?? ''].filter((path) => path !== '');
};

const fromHelpers = async (
  config: DockerConfig,
  host: string,
  { env, helperMs }: CredentialSources,
): Promise<Credentials | undefined> => {
  const server = host === 'docker.io' ? DOCKER_HUB_KEY : host;
  const helper = config.credHelpers?.[server] ?? config.credHelpers?.[host] ?? config.credsStore;
  return helper ? await askHelper(helper, server, env, helperMs) : undefined;
};
