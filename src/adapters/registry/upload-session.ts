import { Readable } from 'node:stream';
import type { Descriptor } from '../../domain/identity.ts';
import type { ImageReference } from '../../domain/image-reference.ts';
import type { PushSource, RegistryContext } from '../../engine/ports/registry.ts';
import type { Endpoint } from './endpoints.ts';
import type { Response } from './exchange.ts';
import { RegistryFailure } from './failure.ts';
import { type Ask, pushScope, type Transport } from './transport.ts';

/** What is being uploaded, and where to. */
export interface Upload {
  readonly transport: Transport;
  readonly endpoint: Endpoint;
  readonly reference: ImageReference;
  readonly descriptor: Descriptor;
  readonly source: PushSource;
  readonly context: RegistryContext;
  readonly what: string;
  /** Tells the caller of bytes that were sent for the first time; `to` counts from the start of the blob. */
  readonly reached: (to: number) => void;
}

/** An upload that the registry has opened: it holds bytes `[0, offset)`. */
export interface Session {
  readonly location: URL;
  readonly offset: number;
  /** `OCI-Chunk-Min-Length`: what a chunk must have at least, where the registry says so. */
  readonly minimum: number;
}

/** Registries check and move the whole blob before they answer the last request. */
const STORE_MS = 10 * 60_000;
const BODY_BUFFER = 512 * 1024;

export const uploadAsk = (
  { reference, context, what }: Upload,
  rest: Pick<Ask, 'method' | 'url' | 'expect'> & Partial<Ask>,
): Ask => ({
  repository: reference.repository,
  scopes: [pushScope(reference.repository)],
  what,
  context,
  headersMs: STORE_MS,
  ...rest,
});

/** The session that an answer leaves: each answer may move it to another address. */
export const sessionOf = ({ endpoint, what }: Upload, { answer, url }: Response, offset: number): Session => {
  const { location } = answer.headers;
  if (typeof location !== 'string' || !URL.canParse(location, url.href)) {
    throw new RegistryFailure(
      'unavailable',
      `${endpoint.host}: ${what}: the registry does not say where to upload to`,
    );
  }
  const next = new URL(location, url);
  // Behind a proxy that ends TLS a registry may call itself http; what began with TLS stays with it.
  if (next.host === endpoint.host && next.protocol === 'http:' && endpoint.origin.startsWith('https:')) {
    next.protocol = 'https:';
  }
  const minimum = answer.headers['oci-chunk-min-length'];
  return {
    location: next,
    offset,
    minimum: typeof minimum === 'string' && /^\d{1,12}$/.test(minimum) ? Number(minimum) : 0,
  };
};

/** Sends the rest, if any, and closes the session under the digest. */
export const finish = async (upload: Upload, { location, offset }: Session): Promise<void> => {
  const { transport, endpoint, descriptor } = upload;
  const url = new URL(location);
  // The query is the registry's own, often signed: kept byte by byte.
  url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(descriptor.digest)}`;
  const { answer } = await transport.ask(
    endpoint,
    uploadAsk(upload, {
      method: 'PUT',
      url,
      ...bodyOf(upload, offset, descriptor.size),
      expect: [200, 201, 204],
    }),
    1,
  );
  await answer.body.dump();
};

/** Bytes `[from, to)` as the body of a request. */
export const bodyOf = (
  { source, reached }: Upload,
  from: number,
  to: number,
): Pick<Ask, 'headers' | 'body'> =>
  from === to
    ? {}
    : {
        headers: { 'content-type': 'application/octet-stream', 'content-length': String(to - from) },
        body: () =>
          Readable.from(slice(source.open(from), from, to, reached), {
            objectMode: false,
            highWaterMark: BODY_BUFFER,
          }),
      };

async function* slice(
  bytes: AsyncIterable<Uint8Array>,
  from: number,
  to: number,
  reached: (to: number) => void,
): AsyncGenerator<Uint8Array> {
  let at = from;
  for await (const piece of bytes) {
    const part = piece.subarray(0, to - at);
    at += part.length;
    if (part.length > 0) yield part;
    reached(at);
    if (at >= to) return;
  }
}
