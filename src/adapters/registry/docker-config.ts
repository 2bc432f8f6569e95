import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Rejection } from '../../domain/rejection.ts';
import type { RegistryAccount } from '../../engine/ports/registry.ts';

/** How an account shows itself to a registry or to its token service. */
export type Credentials = RegistryAccount;

const AuthEntry = z.object({
  /** base64 of `user:password`. */
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});

/** Name of a credential helper: `docker-credential-<name>` in PATH, so no path of its own. */
const HelperName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a helper is named by letters, digits, . _ -');

/** The parts of Docker's config.json that are about credentials; containers-auth.json(5) has the same. */
export const DockerConfig = z.object({
  auths: z.record(z.string(), AuthEntry).optional(),
  credHelpers: z.record(z.string(), HelperName).optional(),
  // Docker writes an empty string where there is none.
  credsStore: z.union([HelperName, z.literal('')]).optional(),
});
export type DockerConfig = z.infer<typeof DockerConfig>;

/** The key that Docker Hub has in config.json, for history's sake. */
export const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';

/** @returns an empty configuration where there is no file. @throws Rejection `failed-precondition` naming file and key */
export const readDockerConfig = async (path: string): Promise<DockerConfig> => {
  const wrong = (words: string, cause?: unknown) =>
    new Rejection('failed-precondition', `credentials file ${path}: ${words}; correct it or log in again`, {
      cause,
    });
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return {};
    throw wrong(error instanceof Error ? error.message : String(error), error);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which holds secrets.
    throw wrong('it is not JSON');
  }
  const parsed = DockerConfig.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw wrong(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong shape'}`);
};

/** Host of a key: without scheme and without the path of an API version. */
const hostOfKey = (key: string): string =>
  key
    .replace(/^https?:\/\//, '')
    .replace(/\/(?:v1|v2)?\/?$/, '')
    .toLowerCase();

/** Names under which credentials for a repository may stand, most specific first. */
export const keysFor = (host: string, repository: string): readonly string[] => {
  if (host === 'docker.io') {
    return ['docker.io', 'index.docker.io', 'registry-1.docker.io'].flatMap((name) =>
      pathsOf(name, repository),
    );
  }
  return pathsOf(host, repository);
};

const pathsOf = (host: string, repository: string): string[] => {
  const parts = repository.split('/');
  const paths = parts.map((_, index) => `${host}/${parts.slice(0, parts.length - index).join('/')}`);
  return [...paths, host].map((path) => path.toLowerCase());
};

/** What the file itself says for a repository of a host. */
export const credentialsIn = (
  config: DockerConfig,
  host: string,
  repository: string,
): Credentials | undefined => {
  const entries = new Map(Object.entries(config.auths ?? {}).map(([key, entry]) => [hostOfKey(key), entry]));
  for (const key of keysFor(host, repository)) {
    const entry = entries.get(key);
    const found = entry === undefined ? undefined : credentialsOf(entry);
    if (found !== undefined) return found;
  }
  return undefined;
};

const credentialsOf = (entry: z.infer<typeof AuthEntry>): Credentials | undefined => {
  if (entry.identitytoken) return { kind: 'identity-token', token: entry.identitytoken };
  if (entry.registrytoken) return { kind: 'registry-token', token: entry.registrytoken };
  if (entry.auth) {
    // Old versions of docker padded it with NULs.
    const decoded = Buffer.from(entry.auth, 'base64').toString('utf8').replace(/\0+$/, '');
    const colon = decoded.indexOf(':');
    if (colon > 0) {
      return { kind: 'password', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
    }
  }
  if (entry.username && entry.password !== undefined) {
    return { kind: 'password', username: entry.username, password: entry.password };
  }
  return undefined;
};
