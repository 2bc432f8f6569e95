import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ShiplogError } from '../../../../client/shiplog-error.ts';
import { parseTilePath } from '../../../../tlog/tile.ts';
import { write } from '../../cli-io.ts';
import type { Verb } from '../../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog log tiles --out /srv/log', 'a folder that tools for transparency logs read, over HTTP or not'],
  ],
  declare: (command, perform) =>
    command
      .requiredOption('--out <folder>', 'where to write; files that are there already are replaced')
      .action((flags) =>
        perform(async ({ io, client, signal }) => {
          const folder = resolve(io.cwd, flags.out);
          let files = 0;
          for await (const { path, data } of (await client()).proofs.tiles({}, { signal })) {
            if (path !== 'checkpoint' && parseTilePath(path) === undefined) {
              throw new ShiplogError(
                'unknown',
                `the daemon sent '${path}', which is no file of such a folder`,
              );
            }
            await mkdir(dirname(join(folder, path)), { recursive: true });
            await writeFile(join(folder, path), data);
            files += 1;
          }
          await write(io.stdout, `${files} files in ${folder}\n`);
          return 0;
        }),
      ),
};
