import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { write } from '../../cli-io.ts';
import { UsageError } from '../../exit-codes.ts';
import { parsePosition } from '../../parse/moment.ts';
import type { Verb } from '../../verb.ts';

export const verb: Verb = {
  examples: [
    [
      'shiplog log prove 4711 --out event.proof',
      'that event 4711 is in the log, for whoever has the public key',
    ],
    ['shiplog log prove --consistency 1000 2000', 'that the log of 2000 events begins with that of 1000'],
  ],
  declare: (command, perform) =>
    command
      .argument('<position>', 'of the event; with --consistency the size of the older head')
      .argument('[newer]', 'with --consistency: the size of the newer head')
      .option('--consistency', 'prove that one signed log begins another')
      .option('--size <events>', 'prove against the head of this size, not the newest')
      .option('--out <file>', 'write the proof to a file')
      .action((position, newer, flags) =>
        perform(async ({ io, client, signal }) => {
          if ((newer !== undefined) !== (flags.consistency ?? false)) {
            throw new UsageError('--consistency takes two sizes, and a proof of an event one position');
          }
          const { proofs } = await client();
          const size = flags.size === undefined ? {} : { size: parsePosition(flags.size) };
          const proof =
            newer === undefined
              ? await proofs.proveEvent({ position: parsePosition(position), ...size }, { signal })
              : await proofs.proveConsistency(
                  { olderSize: parsePosition(position), newerSize: parsePosition(newer) },
                  { signal },
                );
          if (flags.out === undefined) await write(io.stdout, proof.text);
          else await writeFile(resolve(io.cwd, flags.out), proof.text);
          return 0;
        }),
      ),
};
