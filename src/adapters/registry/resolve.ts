import { createHash } from 'node:crypto';
import { type Descriptor, Digest } from '../../domain/identity.ts';
import type { ImageReference } from '../../domain/image-reference.ts';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { RegistryContext, RegistryPuller } from '../../engine/ports/registry.ts';
import type { Endpoint } from './endpoints.ts';
import type { Response } from './exchange.ts';
import { networkFailure, RegistryFailure } from './failure.ts';
import { ACCEPT_MANIFESTS } from './media-types.ts';
import { type Ask, addressOf, nameOf, pullScope, type Transport } from './transport.ts';

/** Bytes of a manifest that are read to learn its digest; the specification asks registries to take at least 4 MiB. */
const MANIFEST_LIMIT = 8 * 1024 * 1024;

/** What a name points at: HEAD manifests/<reference>, or GET where HEAD does not say enough. */
export const createResolve =
  (transport: Transport): RegistryPuller['resolve'] =>
  (reference, context) =>
    transport.first(reference.registry, 'resolve', context, async (endpoint) => {
      const ask = manifestAsk(endpoint, reference, context);
      const head = await byHead(transport, endpoint, ask, reference);
      return head ?? (await byGet(transport, endpoint, ask, reference));
    });

const manifestAsk = (
  endpoint: Endpoint,
  reference: ImageReference,
  context: RegistryContext,
): Omit<Ask, 'method'> => ({
  url: addressOf(
    endpoint,
    reference.repository,
    `manifests/${reference.digest ?? reference.tag ?? 'latest'}`,
  ),
  headers: { accept: ACCEPT_MANIFESTS },
  repository: reference.repository,
  scopes: [pullScope(reference.repository)],
  what: `manifest of ${nameOf(reference)}`,
  expect: [200],
  context,
});

/** @returns undefined where GET has to answer: HEAD is not there, incomplete, or refused without a word */
const byHead = async (
  transport: Transport,
  endpoint: Endpoint,
  ask: Omit<Ask, 'method'>,
  reference: ImageReference,
): Promise<Descriptor | undefined> => {
  let response: Response;
  try {
    response = await transport.ask(endpoint, { ...ask, method: 'HEAD' });
  } catch (error) {
    const refused = error instanceof RegistryFailure && error.status !== undefined && !error.retryable;
    if (refused) return undefined;
    throw error;
  }
  const { headers, body } = response.answer;
  await body.dump();
  const mediaType = mediaTypeOf(headers['content-type']);
  const length = headers['content-length'];
  const digest = Digest.safeParse(headers['docker-content-digest']);
  if (mediaType === undefined || !digest.success) return undefined;
  if (typeof length !== 'string' || !/^[1-9]\d{0,14}$/.test(length)) return undefined;
  return checked({ mediaType, digest: digest.data, size: Number(length) }, endpoint, reference);
};

const byGet = async (
  transport: Transport,
  endpoint: Endpoint,
  ask: Omit<Ask, 'method'>,
  reference: ImageReference,
): Promise<Descriptor> => {
  const { answer } = await transport.ask(endpoint, { ...ask, method: 'GET' });
  const bytes = await wholeBody(answer.body, endpoint, ask);
  const claimed = Digest.safeParse(answer.headers['docker-content-digest']);
  const algorithm =
    (reference.digest ?? (claimed.success ? claimed.data : 'sha256:')).split(':')[0] ?? 'sha256';
  const digest = Digest.parse(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`);
  if (claimed.success && claimed.data.startsWith(`${algorithm}:`) && claimed.data !== digest) {
    throw new Rejection(
      'failed-precondition',
      `${endpoint.host}: ${ask.what}: the registry says ${claimed.data}, but what it sent has ${digest}`,
    );
  }
  const mediaType = mediaTypeOf(answer.headers['content-type']) ?? mediaTypeIn(bytes);
  if (mediaType === undefined) {
    throw new Rejection(
      'failed-precondition',
      `${endpoint.host}: ${ask.what}: the registry gives no media type`,
    );
  }
  return checked({ mediaType, digest, size: bytes.length }, endpoint, reference);
};

const checked = (found: Descriptor, endpoint: Endpoint, reference: ImageReference): Descriptor => {
  if (reference.digest === undefined || reference.digest === found.digest) return found;
  throw new Rejection(
    'failed-precondition',
    `${endpoint.host}: asked for ${nameOf(reference)}, but the registry gives ${found.digest}`,
  );
};

/** Without parameters; undefined for types that say nothing about what it is. */
const mediaTypeOf = (header: string | string[] | undefined): string | undefined => {
  const type = (typeof header === 'string' ? header : undefined)?.split(';')[0]?.trim().toLowerCase();
  return type?.startsWith('application/vnd.') && type.length <= 255 ? type : undefined;
};

/** The manifest's own `mediaType`, for registries that serve it as plain JSON. */
const mediaTypeIn = (bytes: Uint8Array): string | undefined => {
  try {
    const json: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    const type =
      typeof json === 'object' && json !== null && 'mediaType' in json ? json.mediaType : undefined;
    return mediaTypeOf(typeof type === 'string' ? type : undefined);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};

const wholeBody = async (
  body: AsyncIterable<unknown>,
  endpoint: Endpoint,
  ask: Omit<Ask, 'method'>,
): Promise<Uint8Array> => {
  const asked = { host: endpoint.host, what: ask.what, secrets: [] };
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of body) {
      if (!(piece instanceof Uint8Array)) continue;
      size += piece.length;
      if (size > MANIFEST_LIMIT) {
        throw new Rejection(
          'resource-exhausted',
          `${asked.host}: ${asked.what}: it is longer than ${MANIFEST_LIMIT} bytes`,
        );
      }
      pieces.push(piece);
    }
  } catch (error) {
    if (isRejection(error)) throw error;
    throw networkFailure(error, asked, ask.context.signal);
  }
  return Buffer.concat(pieces);
};
