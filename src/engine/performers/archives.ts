import { compressionOf, magicBytes } from '../../domain/compression.ts';
import { documentLimit } from '../../domain/oci-image.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { ArchivePart, EffectInput } from '../../workflows/effects.ts';
import type { ArchiveFile } from '../ports/archive.ts';
import type { Ports } from '../ports/ports.ts';
import type { EffectContext, Performers } from '../workflow-runner.ts';
import type { Removals } from './removals.ts';

type Part = Pick<
  Performers,
  | 'next-archive-entry'
  | 'read-archive-document'
  | 'store-archive-file'
  | 'digest-of'
  | 'store-document'
  | 'compression-of'
  | 'send-archive'
>;

/** Archives of images, in and out. */
export const archivePerformers = (ports: Ports, removals: Removals): Part => {
  const { blobs, archives, host } = ports;

  const storeFile = async (
    { key, size, expected }: EffectInput<'store-archive-file'>,
    context: EffectContext,
  ) => {
    const ingest = await blobs.ingest(key, expected === undefined ? { size } : { size, digest: expected });
    try {
      const hasher = expected === undefined ? archives.hasher() : undefined;
      for await (const bytes of archiveOf(context).bytes()) {
        hasher?.update(bytes);
        await ingest.write(bytes);
      }
      const digest = expected ?? hasher?.digest();
      if (digest !== undefined) {
        removals.expect(key, digest);
        await removals.settled(digest);
      }
      return await ingest.commit();
    } catch (error) {
      await ingest.discard();
      throw error;
    }
  };

  const fileOf = (part: ArchivePart): ArchiveFile => {
    const { path } = part;
    if ('text' in part) {
      const bytes = new TextEncoder().encode(part.text);
      return { path, size: bytes.length, open: () => once(bytes) };
    }
    if ('blob' in part) return { path, size: part.size, open: () => blobs.read(part.blob) };
    return { path, diffId: part.diffId, open: () => blobs.read(part.layer) };
  };

  return {
    'next-archive-entry': (_, context) => archiveOf(context).next(),
    'read-archive-document': async (_, context) => {
      const bytes = await gather(archiveOf(context).bytes(), documentLimit, 'a document of the archive');
      return new TextDecoder().decode(bytes);
    },
    'store-archive-file': storeFile,
    'digest-of': async ({ text }) => host.sha256(text),
    'store-document': async ({ key, digest, text }) => {
      const ingest = await blobs.ingest(key, { digest });
      try {
        await removals.settled(digest);
        if (ingest.offset > 0) await ingest.truncate(0);
        await ingest.write(new TextEncoder().encode(text));
        await ingest.commit();
      } catch (error) {
        await ingest.discard();
        throw error;
      }
    },
    'compression-of': async ({ digest }) =>
      compressionOf(await gather(blobs.read(digest, { length: magicBytes }), magicBytes, digest)),
    'send-archive': async ({ files }, { sink, signal }) => {
      if (sink === undefined)
        throw new Rejection('internal', 'nobody takes the archive that is to be written');
      let sent = 0;
      for await (const bytes of archives.write(files.map(fileOf))) {
        if (signal?.aborted) throw new Rejection('cancelled', 'whoever read the archive went away');
        await sink(bytes);
        sent += bytes.length;
      }
      return sent;
    },
  };
};

const archiveOf = ({ archive }: EffectContext) => {
  if (archive) return archive;
  throw new Rejection('internal', 'the run was given no archive to read');
};

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** All of a stream that must be short. */
const gather = async (
  source: AsyncIterable<Uint8Array>,
  limit: number,
  what: string,
): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    length += chunk.length;
    if (length > limit) {
      throw new Rejection('resource-exhausted', `${what} is over ${limit} bytes; that is not allowed`);
    }
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
};
