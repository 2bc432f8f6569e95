import { readdir, readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { Rejection } from '../../domain/rejection.ts';

/**
 * `hosts.toml` in containerd's format: which hosts stand for a registry, in which order, and how to talk to them.
 * Source: containerd's docs/hosts.md.
 */

export const capabilities = ['pull', 'resolve', 'push'] as const;
export type Capability = (typeof capabilities)[number];

const oneOrMany = z.union([z.string(), z.array(z.string())]);

const HostFields = z.object({
  capabilities: z.array(z.enum(capabilities)).optional(),
  ca: oneOrMany.optional(),
  /** A file with certificate and key, or pairs of files. */
  client: z.union([z.string(), z.array(z.union([z.string(), z.array(z.string()).min(1).max(2)]))]).optional(),
  skip_verify: z.boolean().optional(),
  header: z.record(z.string(), oneOrMany).optional(),
  override_path: z.boolean().optional(),
});

const HostsToml = HostFields.extend({
  server: z.string().optional(),
  host: z.record(z.string(), HostFields).optional(),
});

/** TLS of one host: file paths, absolute. */
export interface TlsFiles {
  readonly skipVerify: boolean;
  readonly ca: readonly string[];
  readonly client: readonly { readonly certificate: string; readonly key: string }[];
}

export interface HostEntry {
  /** URL as written, the scheme possibly missing; undefined for the registry's own host. */
  readonly url: string | undefined;
  readonly capabilities: readonly Capability[];
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly overridePath: boolean;
  readonly tls: TlsFiles;
}

export interface HostsFile {
  /** Tried first, in order. */
  readonly mirrors: readonly HostEntry[];
  /** Tried last. */
  readonly server: HostEntry;
}

/** Folders that may speak for a host, best first: `host_port_` (for file systems without colons), `host:port`, `_default`. */
const foldersFor = (directory: string, registry: string): readonly string[] => {
  const colon = /^(.+):(\d+)$/.exec(registry);
  const plain = colon ? [`${colon[1]}_${colon[2]}_`] : [];
  return [...plain, registry, '_default'].map((name) => join(directory, name));
};

const missing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

/** @returns what the first folder for the registry says; undefined where there is none. @throws Rejection `failed-precondition` */
export const readHostsFile = async (directory: string, registry: string): Promise<HostsFile | undefined> => {
  for (const folder of foldersFor(directory, registry)) {
    let names: string[];
    try {
      names = await readdir(folder);
    } catch (error) {
      if (missing(error)) continue;
      throw new Rejection('failed-precondition', `cannot read ${folder}: ${String(error)}`, { cause: error });
    }
    if (!names.includes('hosts.toml')) return { mirrors: [], server: certificatesOnly(folder, names) };
    const path = join(folder, 'hosts.toml');
    return parseHostsFile(path, await readFile(path, 'utf8'));
  }
  return undefined;
};

/** A folder without hosts.toml is Docker's certs.d: `*.crt` are CAs, `*.cert` with `*.key` client certificates. */
const certificatesOnly = (folder: string, names: readonly string[]): HostEntry => ({
  ...hostEntry(folder, undefined, {}),
  tls: {
    skipVerify: false,
    ca: names.filter((name) => name.endsWith('.crt')).map((name) => join(folder, name)),
    client: names
      .filter((name) => name.endsWith('.cert'))
      .map((name) => ({
        certificate: join(folder, name),
        key: join(folder, name.replace(/\.cert$/, '.key')),
      })),
  },
});

/** @param path absolute, of the file: paths inside are relative to its folder */
export const parseHostsFile = (path: string, text: string): HostsFile => {
  const wrong = (words: string, cause?: unknown) =>
    new Rejection('failed-precondition', `${path}: ${words}`, { cause });
  let toml: unknown;
  try {
    toml = parse(text);
  } catch (error) {
    throw wrong(error instanceof TomlError ? `line ${error.line}: ${error.message}` : String(error), error);
  }
  const parsed = HostsToml.safeParse(toml);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw wrong(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong shape'}`);
  }
  const folder = join(path, '..');
  const { server, host = {}, ...own } = parsed.data;
  return {
    mirrors: Object.entries(host).map(([url, fields]) => hostEntry(folder, url, fields)),
    server: hostEntry(folder, server === '' ? undefined : server, own),
  };
};

const hostEntry = (
  folder: string,
  url: string | undefined,
  fields: z.infer<typeof HostFields>,
): HostEntry => {
  const absolute = (path: string): string => (isAbsolute(path) ? path : join(folder, path));
  const client = fields.client === undefined ? [] : [fields.client].flat(1);
  return {
    url,
    capabilities: fields.capabilities ?? capabilities,
    headers: fields.header ?? {},
    overridePath: fields.override_path ?? false,
    tls: {
      skipVerify: fields.skip_verify ?? false,
      ca: [fields.ca ?? []].flat().map(absolute),
      client: client.map((pair) => {
        const [certificate = '', key = ''] = typeof pair === 'string' ? [pair] : pair;
        return { certificate: absolute(certificate), key: absolute(key === '' ? certificate : key) };
      }),
    },
  };
};
