import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type CliIo, write } from '../cli-io.ts';
import { given } from '../container-flags/options.ts';
import { UsageError } from '../exit-codes.ts';
import { type Meter, meter } from '../output/meter.ts';
import { parsePlatform } from '../parse/platform.ts';
import type { Verb } from '../verb.ts';

const CHUNK_BYTES = 1024 * 1024;

interface Source {
  readonly archive: NodeJS.ReadableStream;
  /** 0 for a pipe. */
  readonly bytes: bigint;
}

/** Opened at once, so that the daemon is not asked for an import of what is not there. */
const source = async (file: string | undefined, io: CliIo): Promise<Source> => {
  if (file !== undefined && file !== '-') {
    const archive = await open(resolve(io.cwd, file));
    const { size: bytes } = await archive.stat({ bigint: true });
    return { archive: archive.createReadStream({ highWaterMark: CHUNK_BYTES }), bytes };
  }
  if (io.stdin.isTTY) throw new UsageError('no archive: name a file, or pipe one into standard input');
  return { archive: io.stdin, bytes: 0n };
};

async function* requests(
  options: { namespace: string; name: string },
  { archive, bytes }: Source,
  shown: Meter,
) {
  yield { request: { case: 'options' as const, value: options } };
  let sent = 0n;
  for await (const chunk of archive) {
    const data = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    yield { request: { case: 'data' as const, value: data } };
    sent += BigInt(data.length);
    shown.show(sent, bytes);
  }
}

export const verb: Verb = {
  examples: [
    ['shiplog import app.tar', "images of an archive made by 'docker save' or 'shiplog export'"],
    ['zcat app.tar.gz | shiplog import --name app:1.2', 'from a pipe, with a name for what has none'],
  ],
  declare: (command, perform) =>
    command
      .argument('[file]', "archive, plain or gzip; standard input if not given or '-'")
      .option('-i, --input <file>', 'the archive, as docker load has it')
      .option('--name <name>', 'name for images that the archive leaves unnamed')
      .option('--platform <os/arch>', 'platform to unpack', parsePlatform)
      .option('-q, --quiet', 'print only names')
      .action((file, flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          if (file !== undefined && flags.input !== undefined) throw new UsageError('give one archive');
          const archive = await source(file ?? flags.input, io);
          const options = { namespace, name: flags.name ?? '', ...given({ platform: flags.platform }) };
          const shown = await meter(io.stderr, 'Importing', 'bytes', flags.quiet ?? false);
          const images = (await client()).images;
          const { names } = await images
            .import(requests(options, archive, shown), { signal })
            .finally(() => shown.stop());
          const prefix = flags.quiet ? '' : 'Loaded image: ';
          await write(io.stdout, names.map((name) => `${prefix}${name}\n`).join(''));
          return 0;
        }),
      ),
};
