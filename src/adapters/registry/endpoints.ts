import { isIP } from 'node:net';
import { Rejection } from '../../domain/rejection.ts';
import type { RegistryAccess } from '../../engine/ports/registry.ts';
import { type Capability, capabilities, type HostEntry, readHostsFile, type TlsFiles } from './hosts-file.ts';

/** One place to ask for a registry's content. */
export interface Endpoint {
  /** `https://host[:port]` */
  readonly origin: string;
  /** Path of the API, such as `/v2`; without a slash at its end. */
  readonly path: string;
  /** Host with port, for messages. */
  readonly host: string;
  /** Name under which credentials are looked up: `docker.io` for Docker Hub. */
  readonly credentialHost: string;
  /** The registry a mirror stands for, sent as `?ns=`; undefined for the registry itself. */
  readonly mirrorOf: string | undefined;
  readonly capabilities: readonly Capability[];
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly tls: TlsFiles;
  /** Whether another host can be asked after this one. */
  readonly more: boolean;
  /** Some server that an image names for a layer: it is sent nothing of ours. */
  readonly foreign: boolean;
}

const DOCKER_HUB = 'registry-1.docker.io';
const hubNames: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', DOCKER_HUB]);

/** Whether a host name (without port, IPv6 in brackets or not) is this machine's own loopback. */
export const isLoopback = (hostname: string): boolean => {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (bare === 'localhost' || bare.endsWith('.localhost') || bare === '::1') return true;
  return isIP(bare) === 4 && bare.startsWith('127.');
};

/** Registries on loopback speak plain http unless they are on the port of https. */
const defaultScheme = (authority: string): 'http' | 'https' => {
  const { hostname, port } = parseUrl(`http://${authority}`, authority);
  return isLoopback(hostname) && port !== '443' ? 'http' : 'https';
};

const plainServer: HostEntry = {
  url: undefined,
  capabilities,
  headers: {},
  overridePath: false,
  tls: { skipVerify: false, ca: [], client: [] },
};

/** Where a folder speaks for a loopback host by certificates alone, it has TLS. */
const hasTls = ({ tls }: HostEntry): boolean => tls.skipVerify || tls.ca.length > 0 || tls.client.length > 0;

export const endpointOf = (entry: HostEntry, registry: string): Endpoint => {
  const authority = registry === 'docker.io' ? DOCKER_HUB : registry;
  const text = entry.url ?? `${hasTls(entry) ? 'https' : defaultScheme(authority)}://${authority}`;
  const url = parseUrl(/^https?:\/\//i.test(text) ? text : `${defaultScheme(text)}://${text}`, registry);
  if (hubNames.has(url.hostname)) url.hostname = DOCKER_HUB;
  const path = url.pathname.replace(/\/+$/, '');
  const same = url.host === parseUrl(`${url.protocol}//${authority}`, registry).host;
  return {
    origin: url.origin,
    path: entry.overridePath || path.endsWith('/v2') ? path : `${path}/v2`,
    host: url.host,
    credentialHost: hubNames.has(url.host) ? 'docker.io' : same ? registry : url.host,
    mirrorOf: same ? undefined : registry,
    capabilities: entry.capabilities,
    headers: entry.headers,
    tls: entry.tls,
    more: false,
    foreign: false,
  };
};

/** @returns undefined where the text is not the URL of a web server */
export const foreignEndpoint = (text: string): Endpoint | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined;
  return {
    origin: url.origin,
    path: '',
    host: url.host,
    credentialHost: url.host,
    mirrorOf: undefined,
    capabilities: ['pull'],
    headers: {},
    tls: plainServer.tls,
    more: true,
    foreign: true,
  };
};

const parseUrl = (text: string, registry: string): URL => {
  if (URL.canParse(text)) return new URL(text);
  throw new Rejection(
    'invalid-argument',
    `registry ${registry} cannot be asked: '${text}' is not a URL; correct the name or its hosts.toml`,
  );
};

const withScheme = (entry: HostEntry, registry: string, scheme: 'http' | 'https' | undefined): HostEntry =>
  scheme === undefined
    ? entry
    : { ...entry, url: `${scheme}://${registry === 'docker.io' ? DOCKER_HUB : registry}` };

/** Where to ask for a registry, in order: its mirrors, then itself. */
export type FindEndpoints = (
  registry: string,
  capability: Capability,
  access?: RegistryAccess,
) => Promise<readonly Endpoint[]>;

/** @param hostsDirectory folder with `<host>/hosts.toml`, read anew at each call so that changes need no restart */
export const createFindEndpoints =
  (hostsDirectory: string | undefined): FindEndpoints =>
  async (registry, capability, { hostsDirectory: wished, scheme } = {}) => {
    const directory = wished ?? hostsDirectory;
    const file = directory === undefined ? undefined : await readHostsFile(directory, registry);
    const entries =
      file === undefined ? [withScheme(plainServer, registry, scheme)] : [...file.mirrors, file.server];
    const able = entries.filter((entry) => entry.capabilities.includes(capability));
    if (able.length === 0) {
      throw new Rejection(
        'failed-precondition',
        `hosts.toml for ${registry}: no host has the capability '${capability}'`,
      );
    }
    return able.map((entry, index) => ({ ...endpointOf(entry, registry), more: index < able.length - 1 }));
  };
