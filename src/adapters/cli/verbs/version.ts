import { ShiplogError } from '../../../client/shiplog-error.ts';
import { version as clientVersion } from '../../../client/version.ts';
import type { VersionResponse } from '../../../gen/shiplog/v1/system_pb.ts';
import { write } from '../cli-io.ts';
import { exitCodes } from '../exit-codes.ts';
import { lineFormat } from '../output/rows.ts';
import type { Verb } from '../verb.ts';

const TIMEOUT_MS = 5000;

const clientRow = {
  Version: clientVersion,
  Node: process.version,
  Os: process.platform,
  Arch: process.arch,
};

const serverRow = (version: VersionResponse) => ({
  Version: version.version,
  Revision: version.revision,
  Node: version.node,
  Os: version.os,
  Arch: version.architecture,
  Kernel: version.kernel,
});

const block = (title: string, row: object): string =>
  `${title}:\n${Object.entries(row)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => ` ${`${name}:`.padEnd(10)}${value}\n`)
    .join('')}`;

export const verb: Verb = {
  examples: [
    ['shiplog version', "exits with 1 if the daemon can't be reached"],
    ["shiplog version --format '{{.Server.Version}}'", 'one of them'],
    ['shiplog version --client', 'without asking the daemon'],
  ],
  declare: (command, perform) =>
    command
      .option('--client', 'only that of the client')
      .option('-f, --format <format>', "'json' or a template")
      .action((flags) =>
        perform(async ({ io, client, signal, complain }) => {
          const line = lineFormat(flags.format);
          let server: ReturnType<typeof serverRow> | null = null;
          let failure: unknown;
          try {
            if (!flags.client) {
              server = serverRow(
                await (await client()).system.version({}, { signal, timeoutMs: TIMEOUT_MS }),
              );
            }
          } catch (error) {
            if (!(error instanceof ShiplogError)) throw error;
            failure = error;
          }
          const row = { Client: clientRow, Server: server };
          const text = block('Client', clientRow) + (server ? block('Server', server) : '');
          await write(io.stdout, line ? `${line(row)}\n` : text);
          if (failure === undefined) return exitCodes.ok;
          await complain(failure);
          return exitCodes.failed;
        }),
      ),
};
