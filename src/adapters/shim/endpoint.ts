import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Rejection } from '../../domain/rejection.ts';
import { hasCode } from '../syscalls/error.ts';

/** Where and how a shim answers: what its `start` printed, and what stands in `bootstrap.json` of the bundle. */
export const Endpoint = z.object({
  /** Of the task API: both have the same messages. */
  version: z.union([z.literal(2), z.literal(3)]),
  /** `unix://PATH`, a path, or the name of an abstract socket. */
  address: z.string().min(1).max(4096),
  protocol: z.enum(['ttrpc', 'grpc']),
});
export type Endpoint = z.infer<typeof Endpoint>;

const bootstrapFile = 'bootstrap.json';

/**
 * The path of the socket for connect(2). Over ttrpc an address without a scheme is the name of an abstract socket, told by
 * a leading NUL; also one that begins with a slash.
 */
export const socketPath = (address: string, protocol: Endpoint['protocol'] = 'ttrpc'): string => {
  if (address.startsWith('unix://')) return address.slice('unix://'.length);
  return protocol === 'grpc' ? address : `\0${address}`;
};

const legacy = (address: string): Endpoint => ({ version: 2, address, protocol: 'ttrpc' });

/** Words of other versions that are no reason to refuse: containerd takes protocols in any case. */
const Printed = z.object({
  version: z.number().int(),
  address: z.string(),
  protocol: z.string().toLowerCase(),
});

/**
 * Reads what a shim printed at its start: the bare address of one that speaks version 2 over ttrpc, or a JSON object.
 * @throws Rejection `unavailable` for anything else, and for versions and protocols that are not spoken here
 */
export const parseEndpoint = (printed: string, shim: string): Endpoint => {
  const text = printed.trim();
  if (!text.startsWith('{')) {
    if (text !== '' && !text.includes('\n')) return legacy(text);
    throw new Rejection('unavailable', `shim ${shim} printed '${text}' instead of its address`);
  }
  const read = Printed.safeParse(jsonOf(text));
  const endpoint = Endpoint.safeParse(read.data);
  const spoken = endpoint.success && (endpoint.data.protocol === 'ttrpc' || endpoint.data.version === 3);
  if (endpoint.success && spoken) return endpoint.data;
  throw new Rejection(
    'unavailable',
    `shim ${shim} printed '${text}'; spoken here are versions 2 and 3 over ttrpc, and 3 over grpc`,
  );
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};

export const writeEndpoint = (bundle: string, endpoint: Endpoint): void => {
  const fresh = join(bundle, `${bootstrapFile}.new`);
  writeFileSync(fresh, JSON.stringify(endpoint), { mode: 0o600 });
  renameSync(fresh, join(bundle, bootstrapFile));
};

/** Where the shim of a bundle answers, or undefined before it told. Shims of version 2 write their address themselves. */
export const readEndpoint = (bundle: string): Endpoint | undefined => {
  const bootstrap = textIfThere(join(bundle, bootstrapFile));
  if (bootstrap !== undefined) return Endpoint.parse(JSON.parse(bootstrap));
  const address = textIfThere(join(bundle, 'address'))?.trim();
  return address ? legacy(address) : undefined;
};

const textIfThere = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
};
