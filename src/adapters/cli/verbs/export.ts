import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { write } from '../cli-io.ts';
import { UsageError } from '../exit-codes.ts';
import { oneOf } from '../parse/quantity.ts';
import type { Verb } from '../verb.ts';

type Archive = AsyncIterable<{ readonly data: Uint8Array }>;

/** Writes beside the file and renames, so that a failed export leaves no half archive under the name asked for. */
const writeFile = async (path: string, archive: Archive): Promise<void> => {
  const partial = `${path}.${randomBytes(4).toString('hex')}.part`;
  const file = await open(partial, 'wx', 0o644);
  try {
    for await (const { data } of archive) await file.writeFile(data);
    await file.sync();
    await file.close();
    await rename(partial, path);
  } catch (error) {
    await file.close();
    await rm(partial, { force: true });
    throw error;
  }
};

export const verb: Verb = {
  examples: [
    ['shiplog export -o app.tar app:1.2', 'an OCI archive'],
    ['shiplog export --format docker app:1.2 | docker load', 'for docker'],
  ],
  declare: (command, perform) =>
    command
      .argument('<image...>', 'names or ids')
      .option('-o, --output <file>', 'write to a file (default: standard output)')
      .option('--format <format>', 'oci or docker', oneOf('oci', 'docker'), 'oci')
      .action((images, flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          if (flags.output === undefined && io.stdout.isTTY) {
            throw new UsageError('an archive is nothing for a terminal: give -o FILE, or pipe it somewhere');
          }
          const request = { namespace, images: [...images], format: flags.format };
          const archive = (await client()).images.export(request, { signal });
          if (flags.output !== undefined) await writeFile(resolve(io.cwd, flags.output), archive);
          else for await (const { data } of archive) await write(io.stdout, data);
          return 0;
        }),
      ),
};
