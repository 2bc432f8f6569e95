import type { Descriptor } from '../../domain/identity.ts';
import type { ImageReference } from '../../domain/image-reference.ts';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { RegistryContext, RegistryPuller } from '../../engine/ports/registry.ts';
import { type Endpoint, foreignEndpoint } from './endpoints.ts';
import { type Asked, networkFailure, RegistryFailure } from './failure.ts';
import { isForeign, isManifest } from './media-types.ts';
import { delayAfter, pause } from './retry.ts';
import { addressOf, pullScope, type Transport } from './transport.ts';

/** A body under way: its first byte is byte `start` of the content. */
interface Opened {
  readonly start: number;
  readonly body: AsyncIterable<unknown>;
  readonly host: string;
}

interface Content {
  readonly reference: ImageReference;
  readonly descriptor: Descriptor;
  readonly context: RegistryContext;
  readonly what: string;
}

/** Times that one download may break and go on, however much came in between. */
const RESUMES = 100;

export const createFetch =
  (transport: Transport): RegistryPuller['fetch'] =>
  async (reference, descriptor, offset, context) => {
    const { digest, size } = descriptor;
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > size) {
      throw new Rejection('invalid-argument', `cannot fetch ${digest} from ${offset}: it has ${size} bytes`);
    }
    if (offset > 0 && offset === size) return { start: offset, bytes: nothing() };
    const kind = isManifest(descriptor.mediaType) ? 'manifest' : 'blob';
    const content: Content = {
      reference,
      descriptor,
      context,
      what: `${kind} ${digest} of ${reference.repository}`,
    };
    const first = await openAt(transport, content, offset);
    return { start: first.start, bytes: resuming(transport, content, first) };
  };

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** From the places that a foreign layer names, else from the registry. */
const openAt = async (transport: Transport, content: Content, offset: number): Promise<Opened> => {
  const { descriptor, reference, context } = content;
  const urls = isForeign(descriptor.mediaType) ? (descriptor.urls ?? []) : [];
  for (const url of urls) {
    const endpoint = foreignEndpoint(url);
    if (endpoint === undefined) continue;
    try {
      return await openFrom(transport, content, endpoint, new URL(url), offset);
    } catch (error) {
      if (!isRejection(error) || context.signal?.aborted) throw error;
      transport.log(`${error.message}; asking the next place for it`);
    }
  }
  const rest = `${isManifest(descriptor.mediaType) ? 'manifests' : 'blobs'}/${descriptor.digest}`;
  return transport.first(reference.registry, 'pull', context, (endpoint) =>
    openFrom(transport, content, endpoint, addressOf(endpoint, reference.repository, rest), offset),
  );
};

const openFrom = async (
  transport: Transport,
  { reference, descriptor, context, what }: Content,
  endpoint: Endpoint,
  url: URL,
  offset: number,
): Promise<Opened> => {
  const ask = {
    method: 'GET',
    url,
    repository: reference.repository,
    scopes: [pullScope(reference.repository)],
    what,
    context,
    anonymous: endpoint.foreign,
  } as const;
  const accept = isManifest(descriptor.mediaType) ? descriptor.mediaType : '*/*';
  const { host } = endpoint;
  if (offset > 0) {
    const headers = { accept, range: `bytes=${offset}-` };
    const { answer } = await transport.ask(endpoint, { ...ask, headers, expect: [200, 206, 416] });
    if (answer.statusCode === 200) return { start: 0, body: answer.body, host };
    const start = answer.statusCode === 206 ? startOf(answer.headers['content-range']) : undefined;
    if (start !== undefined && start <= offset) return { start, body: answer.body, host };
    // It has something against our range: have all of it.
    await answer.body.dump();
  }
  const { answer } = await transport.ask(endpoint, { ...ask, headers: { accept }, expect: [200] });
  return { start: 0, body: answer.body, host };
};

/** First byte of `Content-Range: bytes 5-9/10`. */
const startOf = (header: string | string[] | undefined): number | undefined => {
  const match = /^bytes (\d{1,15})-\d{1,15}\//.exec(typeof header === 'string' ? header : '');
  return match === null ? undefined : Number(match[1]);
};

/**
 * Bytes from where `first` starts to the end. A break is mended by asking for the rest, waiting longer each time that
 * brings nothing new; what was given already is not given again.
 */
async function* resuming(transport: Transport, content: Content, first: Opened): AsyncGenerator<Uint8Array> {
  const { descriptor, context, what } = content;
  const { size } = descriptor;
  let opened = first;
  let at = first.start;
  let fruitless = 0;
  for (let resumes = 1; ; resumes += 1) {
    const before = at;
    const asked: Asked = { host: opened.host, what, secrets: [] };
    let failure: Rejection;
    try {
      let skip = at - opened.start;
      for await (const piece of opened.body) {
        if (!(piece instanceof Uint8Array)) continue;
        context.progress?.(piece.length);
        const fresh = skip === 0 ? piece : piece.subarray(skip);
        skip -= piece.length - fresh.length;
        if (fresh.length === 0) continue;
        at += fresh.length;
        yield fresh;
      }
      if (at >= size) return;
      failure = new RegistryFailure(
        'unavailable',
        `${asked.host}: ${what}: it ended after ${at} of ${size} bytes`,
        {
          retryable: true,
        },
      );
    } catch (error) {
      failure = networkFailure(error, asked, context.signal);
    }
    fruitless = at > before ? 1 : fruitless + 1;
    await pauseAfter(transport, failure, fruitless, resumes, context.signal);
    opened = await openAt(transport, content, at);
  }
}

/** Waits before going on, or throws the failure where there is no use in it. */
const pauseAfter = async (
  { policy, time, log }: Transport,
  failure: Rejection,
  fruitless: number,
  resumes: number,
  signal: AbortSignal | undefined,
): Promise<void> => {
  if (!(failure instanceof RegistryFailure && failure.retryable) || resumes > RESUMES) throw failure;
  const wait = delayAfter(policy, fruitless, undefined, time.random());
  if (wait === undefined) throw failure;
  log(`${failure.message}; going on with the rest in ${wait} ms`);
  await pause({ time, signal }, wait, failure.message);
};
