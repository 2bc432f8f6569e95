import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { write } from '../../cli-io.ts';
import { exitCodes, UsageError } from '../../exit-codes.ts';
import { followCheck, meter } from '../../output/meter.ts';
import { lineFormat } from '../../output/rows.ts';
import type { Verb } from '../../verb.ts';

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

const readText = async (cwd: string, path: string): Promise<string> => {
  try {
    return await readFile(resolve(cwd, path), 'utf8');
  } catch (error) {
    throw new UsageError(`${path} can't be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
};

/** A public key, or the file that it is in. */
const keyOf = async (cwd: string, text: string): Promise<string> =>
  text.split('+').length >= 3 ? text : (await readText(cwd, text)).trim();

export const verb: Verb = {
  examples: [
    ['shiplog log verify', 'exits with 0 only if all is well, else 1 and says where it is not'],
    ['shiplog log verify --head kept.note --key log.vkey', 'against a head that was kept elsewhere'],
    ['shiplog log verify -q && echo sound', 'in scripts'],
  ],
  declare: (command, perform) =>
    command
      .option('--head <file>', 'a signed head that was kept elsewhere; may be given again', collect, [])
      .option('--key <vkey>', 'a public key to trust, or its file, in place of those in the log', collect, [])
      .option('-q, --quiet', 'print only the hash of the head')
      .option('--format <format>', "'json' or a template")
      .action((flags) =>
        perform(async ({ io, client, signal }) => {
          const line = lineFormat(flags.format);
          const notes = await Promise.all(flags.head.map((path) => readText(io.cwd, path)));
          const vkeys = await Promise.all(flags.key.map((text) => keyOf(io.cwd, text)));
          const quiet = flags.quiet ?? false;
          const { ok, message, headHash, position } = await followCheck(
            (await client()).log.verify({ notes, vkeys }, { signal }),
            await meter(io.stderr, 'Verifying', 'events', quiet),
          );
          const at = position === undefined ? {} : { Position: position };
          const row = { Ok: ok, Message: message, HeadHash: headHash, ...at };
          if (line) await write(io.stdout, `${line(row)}\n`);
          else if (!ok) await write(io.stderr, `shiplog: the log is NOT sound: ${message}\n`);
          else await write(io.stdout, quiet ? `${headHash}\n` : `${message}\nHead: ${headHash}\n`);
          return ok ? exitCodes.ok : exitCodes.failed;
        }),
      ),
};
