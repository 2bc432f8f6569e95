import { createHash } from 'node:crypto';
import { type Descriptor, Digest } from '../../domain/identity.ts';
import type { ImageReference } from '../../domain/image-reference.ts';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { PushSource, RegistryContext, RegistryPusher } from '../../engine/ports/registry.ts';
import { type ChunkLimits, inChunks } from './chunked-upload.ts';
import type { Endpoint } from './endpoints.ts';
import { RegistryFailure } from './failure.ts';
import { isManifest } from './media-types.ts';
import { retrying } from './retry.ts';
import { addressOf, nameOf, pullScope, pushScope, type Transport } from './transport.ts';
import { finish, type Session, sessionOf, type Upload, uploadAsk } from './upload-session.ts';

/** Repositories that are tried as the source of a mount. */
const MOUNTS = 4;

export const createPush = (transport: Transport, chunks: ChunkLimits): RegistryPusher => ({
  async has(reference, descriptor, context) {
    const endpoint = await transport.pushEndpoint(reference.registry, context);
    return hasAt(transport, endpoint, reference, descriptor, context);
  },

  async pushBlob(reference, descriptor, source, context) {
    const endpoint = await transport.pushEndpoint(reference.registry, context);
    if (await hasAt(transport, endpoint, reference, descriptor, context)) return 'present';
    const upload = uploadTo(transport, endpoint, reference, descriptor, source, context);
    const mount = await mountFrom(upload);
    if (mount === 'mounted') return 'mounted';
    await send(upload, mount, chunks);
    return 'uploaded';
  },

  async pushManifest(reference, descriptor, bytes, byDigest, context) {
    const name = byDigest ? descriptor.digest : reference.tag;
    if (name === undefined) {
      throw new Rejection('invalid-argument', `cannot push ${nameOf(reference)}: it has no tag`);
    }
    const algorithm = descriptor.digest.split(':')[0] ?? 'sha256';
    const digest = Digest.parse(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`);
    if (digest !== descriptor.digest) {
      throw new Rejection('invalid-argument', `the manifest to push has ${digest}, not ${descriptor.digest}`);
    }
    const endpoint = await transport.pushEndpoint(reference.registry, context);
    const what = `push of manifest ${name} to ${reference.repository}`;
    const { answer } = await transport.ask(endpoint, {
      method: 'PUT',
      url: addressOf(endpoint, reference.repository, `manifests/${name}`),
      headers: { 'content-type': descriptor.mediaType },
      body: () => bytes,
      repository: reference.repository,
      scopes: [pushScope(reference.repository)],
      what,
      expect: [200, 201, 202, 204],
      context,
    });
    await answer.body.dump();
    const stored = Digest.safeParse(answer.headers['docker-content-digest']);
    if (stored.success && stored.data !== digest) {
      throw new Rejection(
        'failed-precondition',
        `${endpoint.host}: ${what}: the registry stored ${stored.data} where ${digest} was sent`,
      );
    }
    context.progress?.(bytes.length);
    return digest;
  },
});

const hasAt = async (
  transport: Transport,
  endpoint: Endpoint,
  reference: ImageReference,
  { digest, mediaType }: Descriptor,
  context: RegistryContext,
): Promise<boolean> => {
  const manifest = isManifest(mediaType);
  const { answer } = await transport.ask(endpoint, {
    method: 'HEAD',
    url: addressOf(endpoint, reference.repository, `${manifest ? 'manifests' : 'blobs'}/${digest}`),
    headers: { accept: manifest ? mediaType : '*/*' },
    repository: reference.repository,
    scopes: [pushScope(reference.repository)],
    what: `whether ${reference.repository} has ${digest}`,
    expect: [200, 404],
    context,
  });
  await answer.body.dump();
  return answer.statusCode === 200;
};

const uploadTo = (
  transport: Transport,
  endpoint: Endpoint,
  reference: ImageReference,
  descriptor: Descriptor,
  source: PushSource,
  context: RegistryContext,
): Upload => {
  let told = 0;
  return {
    transport,
    endpoint,
    reference,
    descriptor,
    source,
    context,
    what: `push of blob ${descriptor.digest} to ${reference.repository}`,
    reached: (to) => {
      if (to <= told) return;
      context.progress?.(to - told);
      told = to;
    },
  };
};

/** @returns the session that the registry opened where it would not mount; undefined where none was tried */
const mountFrom = async (upload: Upload): Promise<'mounted' | Session | undefined> => {
  const { transport, endpoint, reference, descriptor, source, context } = upload;
  const others = source.mountFrom.filter((repository) => repository !== reference.repository);
  for (const repository of others.slice(0, MOUNTS)) {
    const url = addressOf(endpoint, reference.repository, 'blobs/uploads/');
    url.searchParams.set('mount', descriptor.digest);
    url.searchParams.set('from', repository);
    try {
      const scopes = [pushScope(reference.repository), pullScope(repository)];
      const response = await transport.ask(
        endpoint,
        uploadAsk(upload, { method: 'POST', url, scopes, expect: [201, 202] }),
      );
      await response.answer.body.dump();
      if (response.answer.statusCode === 201) return 'mounted';
      // It opened an upload instead; one more try would leave one more of them behind.
      return sessionOf(upload, response, 0);
    } catch (error) {
      if (!isRejection(error) || context.signal?.aborted) throw error;
      transport.log(`${error.message}; not mounted from ${repository}`);
    }
  }
  return undefined;
};

const begin = async (upload: Upload): Promise<Session> => {
  const { transport, endpoint, reference } = upload;
  const url = addressOf(endpoint, reference.repository, 'blobs/uploads/');
  const response = await transport.ask(endpoint, uploadAsk(upload, { method: 'POST', url, expect: [202] }));
  await response.answer.body.dump();
  return sessionOf(upload, response, 0);
};

/** In one piece, or in chunks where the blob is large or the registry asks for them. */
const send = async (upload: Upload, opened: Session | undefined, limits: ChunkLimits): Promise<void> => {
  const { transport, descriptor, context } = upload;
  let session: Session | undefined = opened ?? (await begin(upload));
  const asked = session.minimum > 0 && descriptor.size > session.minimum;
  if (asked || descriptor.size > limits.above) {
    await inChunks(upload, session, () => begin(upload), limits.size);
    return;
  }
  const { policy, time, log } = transport;
  try {
    await retrying({ policy, time, log, signal: context.signal }, async () => {
      const fresh = session ?? (await begin(upload));
      session = undefined;
      await finish(upload, fresh);
    });
  } catch (error) {
    const tooLarge = error instanceof RegistryFailure && error.status === 413;
    if (!tooLarge || descriptor.size <= limits.small) throw error;
    log(`${error.message}; sending it in chunks`);
    await inChunks(upload, await begin(upload), () => begin(upload), limits.small);
  }
};
