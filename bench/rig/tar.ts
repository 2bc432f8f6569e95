import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../../test/support/child.ts';
import type { Layout } from '../../test/support/oci-layout.ts';

/** Processes at a time: as many as we have threads that unpack. */
const hands = 2;

/** Extracts each layer of an image into a directory of its own by GNU tar, with gzip or zstd beside it. */
export const extractByTar = async ({ layers }: Layout, into: string): Promise<void> => {
  const waiting = [...layers.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, { path, mediaType }] = next;
      const directory = join(into, String(at));
      mkdirSync(directory, { recursive: true });
      const inflate = mediaType.endsWith('zstd') ? '--zstd' : '-z';
      const how = ['--xattrs', '--xattrs-include=*', '--same-owner', inflate];
      await runProgram('tar', [...how, '-xf', path, '-C', directory]);
    }
  };
  await Promise.all(Array.from({ length: hands }, work));
};
