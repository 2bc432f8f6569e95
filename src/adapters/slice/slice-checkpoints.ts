import { readFile } from 'node:fs/promises';
import { position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Checkpoints } from '../../engine/ports/checkpoints.ts';
import type { Manifest } from '../../slice/format.ts';

/**
 * The state before the first event of a slice, as the one checkpoint that there is.
 * @param paths of its parts, in order
 */
export const sliceCheckpoints = (manifest: Manifest, paths: readonly string[]): Checkpoints => {
  const at = position(BigInt(manifest.from));
  return {
    list: () => (manifest.state === 'empty' ? [] : [{ position: at, bytes: 0 }]),
    open: async (asked) => {
      if (asked !== at)
        throw new Rejection('data-loss', `a slice from ${at} has no state at position ${asked}`);
      return { header: { position: at, schema: manifest.schema, last: '' }, lines: linesIn(paths) };
    },
    // What is looked at is not written to.
    save: async () => undefined,
    remove: async () => undefined,
  };
};

async function* linesIn(paths: readonly string[]): AsyncGenerator<readonly string[]> {
  // A part ends where a line does.
  for (const path of paths) yield (await readFile(path, 'utf8')).trimEnd().split('\n');
}
