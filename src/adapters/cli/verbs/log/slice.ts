import { open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ShiplogClient } from '../../../../client/connect.ts';
import { packSlice } from '../../../../slice/file.ts';
import { END, End, MANIFEST, Manifest, type SlicePart } from '../../../../slice/format.ts';
import { write } from '../../cli-io.ts';
import { UsageError } from '../../exit-codes.ts';
import { humanSize } from '../../output/units.ts';
import { momentHelp, parseMoment } from '../../parse/moment.ts';
import { collect } from '../../parse/quantity.ts';
import type { Verb } from '../../verb.ts';

/** What the slice says of itself. */
interface Seen {
  manifest?: Manifest;
  end?: End;
}

async function* partsOf(
  files: ReturnType<ShiplogClient['proofs']['slice']>,
  seen: Seen,
): AsyncGenerator<SlicePart> {
  for await (const { path, data } of files) {
    if (path === MANIFEST) seen.manifest = Manifest.parse(JSON.parse(Buffer.from(data).toString()));
    if (path === END) seen.end = End.parse(JSON.parse(Buffer.from(data).toString()));
    yield { path, bytes: data };
  }
}

/** Puts the bytes where they belong once all of them are there. @returns how many */
const save = async (path: string, bytes: AsyncIterable<Uint8Array>): Promise<number> => {
  const unfinished = `${path}.tmp`;
  let written = 0;
  try {
    const file = await open(unfinished, 'w', 0o600);
    try {
      for await (const chunk of bytes) {
        await file.writeFile(chunk);
        written += chunk.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    return written;
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
};

const stateTexts: Readonly<Record<Manifest['state'], string>> = {
  empty: '',
  whole: 'the state before it goes along',
  cleaned: 'the state before it goes along, without the values of what is left out',
  'left-out': 'the state before it is left out: it may hold such values, so --bundle can not open it',
};

export const verb: Verb = {
  examples: [
    ['shiplog log slice --from 4000 --to 5000 --out incident.slice', 'a bundle for whoever looks into it'],
    [
      "shiplog log slice --from '2 hours ago' --redact container-created --out incident.slice",
      'without what containers were created with',
    ],
    ['shiplog-verify incident.slice --key "$(shiplog log key)"', 'anywhere, without a daemon'],
    ['shiplog --bundle incident.slice ps -a --at 4711', 'what ran then'],
  ],
  declare: (command, perform) =>
    command
      .requiredOption('--from <moment>', `where it begins: ${momentHelp}`)
      .option('--to <moment>', 'where it ends, exclusive (default: now)')
      .requiredOption('--out <file>', 'where to write it (mode 0600)')
      .option('--redact <type|subject>', 'leave out payloads of such events (repeat)', collect)
      .action((flags) =>
        perform(async ({ io, client, signal }) => {
          const from = parseMoment(flags.from, io.now());
          if (from === undefined)
            throw new UsageError('--from now has nothing after it; give a moment before');
          const to = flags.to === undefined ? undefined : parseMoment(flags.to, io.now());
          const request = { from, redact: flags.redact ?? [], ...(to === undefined ? {} : { to }) };
          const path = resolve(io.cwd, flags.out);
          const seen: Seen = {};
          const files = (await client()).proofs.slice(request, { signal });
          const bytes = await save(path, packSlice(partsOf(files, seen)));
          const { manifest, end } = seen;
          if (manifest === undefined || end === undefined)
            throw new TypeError('the daemon sent no whole slice');
          const left = manifest.redact.length === 0 ? '' : `, ${end.leftOut} payloads left out`;
          const state = stateTexts[manifest.state];
          await write(
            io.stdout,
            `Events ${manifest.from} to ${manifest.to - 1} of ${manifest.treeSize} in ${path}: ${humanSize(bytes)}${left}${state === '' ? '' : `; ${state}`}\n`,
          );
          return 0;
        }),
      ),
};
