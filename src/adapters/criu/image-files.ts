import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { extract, pack as tarPack } from 'tar-stream';
import type { AnyValue } from '../../domain/any-value.ts';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { ProcessImages } from '../../engine/ports/process-images.ts';

/** criu's images are files in one folder, by plain names. */
async function* packed(folder: string): AsyncIterable<Uint8Array> {
  const archive = tarPack();
  const fill = async (): Promise<void> => {
    for (const name of (await readdir(folder)).sort()) {
      const path = join(folder, name);
      const { size, mode, mtime } = await stat(path);
      const entry = archive.entry({ name, size, mode: mode & 0o777, mtime });
      await pipeline(createReadStream(path), entry);
    }
    archive.finalize();
  };
  // A failure ends the archive, and with it the loop below.
  fill().catch((error: Error) => archive.destroy(error));
  for await (const piece of archive) yield piece as Uint8Array;
}

const unpacked = async (archive: AsyncIterable<Uint8Array>, folder: string): Promise<void> => {
  const entries = extract();
  const write = async (): Promise<void> => {
    for await (const entry of entries) {
      const { name, type } = entry.header;
      if (type === 'directory' && basename(name) === '.') {
        entry.resume();
        continue;
      }
      const plain = name.replace(/^\.\//, '');
      if (type !== 'file' || plain !== basename(plain) || plain === '' || plain === '..') {
        throw new Rejection(
          'invalid-argument',
          `the checkpoint holds '${name}', which is no plain file: invalid argument`,
        );
      }
      await pipeline(entry, createWriteStream(join(folder, plain), { flags: 'wx', mode: 0o600 }));
    }
  };
  const feed = pipeline(Readable.from(archive), entries);
  const [written, fed] = await Promise.allSettled([write(), feed]);
  for (const part of [written, fed]) {
    if (part.status === 'fulfilled') continue;
    if (isRejection(part.reason)) throw part.reason;
    throw new Rejection('invalid-argument', `the checkpoint can't be unpacked: ${part.reason}`, {
      cause: part.reason,
    });
  }
};

/** @param directory made where it is missing; gone after a reboot */
export const createProcessImages = (directory: string): ProcessImages => ({
  make: async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return mkdtemp(join(directory, 'images-'));
  },
  pack: packed,
  unpack: unpacked,
  remove: (folder) => rm(folder, { recursive: true, force: true }),
  configuration: (spec: AnyValue) =>
    toBinary(
      AnySchema,
      create(AnySchema, {
        typeUrl: spec.typeUrl,
        value: 'json' in spec ? Buffer.from(spec.json) : Buffer.from(spec.base64, 'base64'),
      }),
    ),
});
