import { createHash } from 'node:crypto';
import { type Pack, pack } from 'tar-stream';
import { Rejection } from '../../domain/rejection.ts';
import type { ArchiveFile } from '../../engine/ports/archive.ts';
import { inflated } from './inflate.ts';
import { roomIn } from './room.ts';

/** Streams a tar. It holds no more than a few chunks at a time, whatever the reader's pace. */
export async function* writeArchive(files: readonly ArchiveFile[]): AsyncGenerator<Uint8Array> {
  const tar = pack();
  let failure: unknown;
  const filling = fill(tar, files).catch((error: unknown) => {
    failure ??= error;
    tar.destroy();
  });
  try {
    for await (const bytes of tar) yield bytes as Uint8Array;
    await filling;
    if (failure !== undefined) throw failure;
  } catch (error) {
    throw failure ?? error;
  } finally {
    tar.destroy();
    await filling;
  }
}

const fill = async (tar: Pack, files: readonly ArchiveFile[]): Promise<void> => {
  const folders = new Set<string>();
  for (const file of files) {
    for (const folder of foldersAbove(file.path)) {
      if (!folders.has(folder)) tar.entry({ ...fixed, name: `${folder}/`, type: 'directory', mode: 0o755 });
      folders.add(folder);
    }
    if ('size' in file) await addFile(tar, file.path, file.size, file.open());
    else await addFile(tar, file.path, await sizeOf(file), inflated(file.open(), `layer ${file.diffId}`));
    if (tar.destroyed) return;
  }
  tar.finalize();
};

/** The same for every entry of every archive, so that equal images make equal archives. */
const fixed = { mtime: new Date(0), uid: 0, gid: 0, mode: 0o644 } as const;

const foldersAbove = (path: string): readonly string[] => {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, at) => parts.slice(0, at + 1).join('/'));
};

const addFile = async (
  tar: Pack,
  name: string,
  size: number,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> => {
  if (tar.destroyed) return;
  const { entry, over } = openEntry(tar, name, size);
  let written = 0;
  for await (const chunk of bytes) {
    written += chunk.length;
    if (written > size) break;
    if (tar.destroyed) return;
    if (!entry.write(chunk)) await roomIn(entry);
  }
  if (written !== size) {
    const much = written > size ? 'more' : `${written} bytes`;
    throw new Rejection('data-loss', `'${name}' was to have ${size} bytes, but ${much} came`);
  }
  entry.end(null);
  const failure = await over;
  if (failure !== undefined && !tar.destroyed) throw failure;
};

/** An entry to write into; `over` gives its failure, if any, and never rejects: it may come before anybody waits. */
const openEntry = (tar: Pack, name: string, size: number) => {
  let end: (failure?: unknown) => void = () => undefined;
  const over = new Promise<unknown>((resolve) => {
    end = resolve;
  });
  const entry = tar.entry({ ...fixed, name, size, type: 'file' }, (error) => end(error ?? undefined));
  entry.once('error', end);
  return { entry, over };
};

/** Uncompressed bytes of a layer, which must be what its diffID says. */
const sizeOf = async ({ diffId, open }: Extract<ArchiveFile, { diffId: string }>): Promise<number> => {
  const [algorithm = 'sha256', hex] = diffId.split(':');
  const hash = createHash(algorithm);
  let size = 0;
  for await (const chunk of inflated(open(), `layer ${diffId}`)) {
    hash.update(chunk);
    size += chunk.length;
  }
  if (hash.digest('hex') === hex) return size;
  throw new Rejection(
    'failed-precondition',
    `a layer does not unpack to ${diffId}, as its image says; pull the image again`,
  );
};
