import type { Descriptor, SnapshotKey } from '../../domain/identity.ts';
import { documentLimit } from '../../domain/oci-image.ts';
import { asRejection } from '../../domain/rejection.ts';
import type { EffectInput, ItemKind, ItemStatus } from '../../workflows/effects.ts';
import type { Ingest } from '../ports/blobs.ts';
import type { Ports } from '../ports/ports.ts';
import type { RegistryContext } from '../ports/registry.ts';
import type { EffectContext, Performers } from '../workflow-runner.ts';
import { applyLayer } from './apply-layer.ts';
import { Arrival, type Progress } from './arrival.ts';
import type { Removals } from './removals.ts';

type Part = Pick<
  Performers,
  | 'resolve-image'
  | 'fetch-blob'
  | 'fetch-layer'
  | 'push-blob'
  | 'push-manifest'
  | 'read-document'
  | 'chain-ids'
  | 'remove-blob-bytes'
  | 'discard-ingest'
>;

/** Progress of one blob, told at most this often (milliseconds). */
const reportEvery = 100;

const registryContext = (
  { credentials }: Pick<EffectInput<'resolve-image'>, 'credentials'>,
  { signal, registry }: EffectContext,
  progress?: (bytes: number) => void,
): RegistryContext => ({
  ...(signal === undefined ? {} : { signal }),
  ...(credentials === undefined ? {} : { credentials }),
  ...(registry === undefined ? {} : { access: registry }),
  ...(progress === undefined ? {} : { progress }),
});

type Fetch = EffectInput<'fetch-blob'>;

/** Says how far a blob is, not more often than anybody can read. */
const reporter = ({ clock }: Ports, context: EffectContext, item: Descriptor, as: ItemKind) => {
  const { digest, mediaType, size } = item;
  let last = 0;
  return (status: ItemStatus, offset: number) => {
    const now = clock.now().mono / 1000;
    const whole = status !== 'downloading' && status !== 'uploading';
    if (!whole && now - last < reportEvery) return;
    last = now;
    context.report({ kind: 'item', digest, mediaType, as, status, offset, total: size });
  };
};

/** Content: to and from registries, and off the disk. */
export const contentPerformers = (ports: Ports, removals: Removals): Part => {
  const { blobs, registry, host } = ports;
  /** Fetches under way, by namespace and ref: a second pull of the same blob waits for the first. */
  const fetching = new Map<string, Promise<number>>();

  const download = async (input: Fetch, context: EffectContext, progress?: Progress): Promise<number> => {
    const { reference, descriptor, key, as } = input;
    const tell = reporter(ports, context, descriptor, as);
    await removals.settled(descriptor.digest);
    if ((await blobs.size(descriptor.digest)) === descriptor.size) {
      tell('exists', descriptor.size);
      return 0;
    }
    const ingest = await blobs.ingest(key, descriptor);
    try {
      const source = await registry.fetch(
        reference,
        descriptor,
        ingest.offset,
        registryContext(input, context),
      );
      if (source.start < ingest.offset) await ingest.truncate(source.start);
      const { offset } = ingest;
      progress?.began(ingest.path, offset);
      tell('downloading', offset);
      for await (const bytes of source.bytes) {
        await ingest.write(bytes);
        progress?.grew(ingest.offset);
        tell('downloading', ingest.offset);
      }
      await ingest.commit(descriptor);
      tell('downloaded', descriptor.size);
      return descriptor.size - offset;
    } catch (error) {
      await letGo(ingest, error);
      throw error;
    }
  };

  const fetchOnce = async (input: Fetch, context: EffectContext, progress?: Progress): Promise<number> => {
    const key = `${input.key.namespace}/${input.key.ref}`;
    for (let other = fetching.get(key); other !== undefined; other = fetching.get(key)) {
      // The other's failure is its own caller's; this one then tries for itself.
      await other.catch(() => 0);
    }
    const own = download(input, context, progress).finally(() => fetching.delete(key));
    fetching.set(key, own);
    return own;
  };

  return {
    'resolve-image': (input, context) => registry.resolve(input.reference, registryContext(input, context)),
    'fetch-blob': (input, context) => fetchOnce(input, context),
    'fetch-layer': async (input, context) => {
      const { descriptor, into, parents } = input;
      const arrival = new Arrival(descriptor.size);
      const stop = new AbortController();
      const signal = AbortSignal.any([
        stop.signal,
        ...(context.signal === undefined ? [] : [context.signal]),
      ]);
      const layer = { layer: descriptor, into, ...(parents === undefined ? {} : { parents }) };
      const applying = arrival
        .growth()
        .then((growth) => applyLayer(ports, { ...layer, growth }, { ...context, signal }))
        .catch((error: unknown) => asRejection(error));
      try {
        const moved = await fetchOnce({ ...input, as: 'layer' }, context, arrival);
        arrival.finish();
        return { moved, applied: await applying };
      } catch (error) {
        // Whatever it unpacked is of no use.
        stop.abort(error);
        arrival.fail(error);
        await applying;
        throw error;
      }
    },
    'push-blob': async (input, context) => {
      const { reference, descriptor, mountFrom, as } = input;
      const tell = reporter(ports, context, descriptor, as);
      let sent = 0;
      const progress = (bytes: number) => {
        sent += bytes;
        tell('uploading', Math.min(sent, descriptor.size));
      };
      const open = (offset: number) => blobs.read(descriptor.digest, { offset });
      const how = await registry.pushBlob(
        reference,
        descriptor,
        { open, mountFrom },
        registryContext(input, context, progress),
      );
      tell(how === 'present' ? 'exists' : how, descriptor.size);
      return how === 'uploaded' ? descriptor.size : 0;
    },
    'push-manifest': async (input, context) => {
      const { reference, descriptor, byDigest } = input;
      const bytes = await blobs.readAll(descriptor.digest, documentLimit);
      await registry.pushManifest(reference, descriptor, bytes, byDigest, registryContext(input, context));
      reporter(ports, context, descriptor, 'manifest')('uploaded', descriptor.size);
      return descriptor.size;
    },
    'read-document': async ({ digest }) =>
      new TextDecoder().decode(await blobs.readAll(digest, documentLimit)),
    'chain-ids': async ({ diffIds }) => {
      const chain: SnapshotKey[] = [];
      for (const diffId of diffIds) {
        const below = chain.at(-1);
        // A chainID has the shape of a digest (image specification, "Layer ChainID"), and is used as a key.
        const id: string = below === undefined ? diffId : host.sha256(`${below} ${diffId}`);
        chain.push(id as SnapshotKey);
      }
      return chain;
    },
    'remove-blob-bytes': ({ digests }) => removals.remove(digests),
    'discard-ingest': (key) => removals.discard(key),
  };
};

/** Keeps an unfinished write for the next attempt, unless its bytes are wrong. */
const letGo = (ingest: Ingest, error: unknown): Promise<void> =>
  asRejection(error).code === 'failed-precondition' ? ingest.discard() : ingest.release();
