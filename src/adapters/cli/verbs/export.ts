import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { write } from '../cli-io.ts';
import { UsageError } from '../exit-codes.ts';
import { type Meter, meter } from '../output/meter.ts';
import { oneOf } from '../parse/quantity.ts';
import type { Verb } from '../verb.ts';

type Archive = AsyncIterable<{ readonly data: Uint8Array }>;

/** Shows how many bytes have passed; how many there will be, nobody knows. */
async function* metered(archive: Archive, shown: Meter): AsyncGenerator<{ readonly data: Uint8Array }> {
  let passed = 0n;
  try {
    for await (const part of archive) {
      yield part;
      passed += BigInt(part.data.length);
      shown.show(passed, 0n);
    }
  } finally {
    shown.stop();
  }
}

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
      .option('-q, --quiet', 'no progress on the terminal')
      .action((images, flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          if (flags.output === undefined && io.stdout.isTTY) {
            throw new UsageError('an archive is nothing for a terminal: give -o FILE, or pipe it somewhere');
          }
          const request = { namespace, images: [...images], format: flags.format };
          const archive = (await client()).images.export(request, { signal });
          if (flags.output !== undefined) {
            const shown = await meter(io.stderr, 'Exporting', 'bytes', flags.quiet ?? false);
            await writeFile(resolve(io.cwd, flags.output), metered(archive, shown));
          } else for await (const { data } of archive) await write(io.stdout, data);
          return 0;
        }),
      ),
};
