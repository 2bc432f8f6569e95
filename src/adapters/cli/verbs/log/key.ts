import type { SigningKeys } from '../../../../gen/shiplog/v1/proofs_pb.ts';
import { write } from '../../cli-io.ts';
import { exitCodes, UsageError } from '../../exit-codes.ts';
import { lineFormat } from '../../output/rows.ts';
import type { Verb } from '../../verb.ts';

const rowsOf = ({ keys, stopped }: SigningKeys) =>
  keys.map(({ vkey, sincePosition }, at) => ({
    Key: vkey,
    SincePosition: sincePosition,
    Signs: at === keys.length - 1 && stopped === '',
  }));

export const verb: Verb = {
  examples: [
    ['shiplog log key > log.vkey', 'the public key, for auditors'],
    ["shiplog log key rotate --reason 'yearly'", 'another key; the next head is signed by both'],
    ["shiplog log key replace --reason 'the disk with the key died'", 'begin anew where the old key is lost'],
    ['shiplog log key --all --format json', 'every key that ever signed'],
  ],
  declare: (command, perform) =>
    command
      .argument('[action]', "'rotate' or 'replace'; prints the public key when absent")
      .option('--all', 'all keys that ever signed, oldest first')
      .option('--format <format>', "'json' or a template")
      .action((action, flags) =>
        perform(async ({ io, client, signal }) => {
          const line = lineFormat(flags.format);
          const { proofs } = await client();
          const ask = async (): Promise<SigningKeys> => {
            if (action === undefined) return proofs.keys({}, { signal });
            if (action === 'rotate') return proofs.rotateKey({}, { signal });
            if (action === 'replace') return proofs.replaceKey({}, { signal });
            throw new UsageError(`'${action}' is nothing to do with a key; give 'rotate' or 'replace'`);
          };
          const keys = await ask();
          const rows = rowsOf(keys);
          for (const row of flags.all === true ? rows : rows.slice(-1)) {
            await write(io.stdout, `${line ? line(row) : row.Key}\n`);
          }
          if (keys.stopped === '') return exitCodes.ok;
          await write(
            io.stderr,
            `shiplog: heads are NOT signed (${keys.stopped}); 'shiplog history host' tells what was found, 'shiplog log key replace' begins anew\n`,
          );
          return exitCodes.failed;
        }),
      ),
};
