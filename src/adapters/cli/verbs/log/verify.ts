import { ShiplogError } from '../../../../client/shiplog-error.ts';
import type { VerifyResponse, VerifyResult } from '../../../../gen/shiplog/v1/log_pb.ts';
import { type CliIo, write } from '../../cli-io.ts';
import { exitCodes } from '../../exit-codes.ts';
import { lineFormat } from '../../output/rows.ts';
import type { Verb } from '../../verb.ts';

interface Meter {
  show(checked: bigint, total: bigint): void;
  stop(): void;
}

const meter = async (stream: CliIo['stderr'], quiet: boolean): Promise<Meter> => {
  if (quiet || !stream.isTTY) return { show: () => undefined, stop: () => undefined };
  const { default: cliProgress } = await import('cli-progress');
  const bar = new cliProgress.SingleBar(
    {
      stream,
      format: 'Verifying [{bar}] {percentage}% {value}/{total} events',
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
    },
    cliProgress.Presets.legacy,
  );
  bar.start(1, 0);
  return {
    show: (checked, total) => {
      bar.setTotal(Math.max(1, Number(total)));
      bar.update(Number(checked));
    },
    stop: () => bar.stop(),
  };
};

const follow = async (answers: AsyncIterable<VerifyResponse>, shown: Meter): Promise<VerifyResult> => {
  try {
    for await (const { eventsChecked, eventsTotal, result } of answers) {
      shown.show(eventsChecked, eventsTotal);
      if (result) return result;
    }
  } finally {
    shown.stop();
  }
  throw new ShiplogError('unknown', 'the daemon ended the check without a result; try again');
};

export const verb: Verb = {
  examples: [
    ['shiplog log verify', 'exits with 0 only if all is well, else 1 and says where it is not'],
    ['shiplog log verify -q && echo sound', 'in scripts'],
  ],
  declare: (command, perform) =>
    command
      .option('-q, --quiet', 'print only the hash of the head')
      .option('--format <format>', "'json' or a template")
      .action((flags) =>
        perform(async ({ io, client, signal }) => {
          const line = lineFormat(flags.format);
          const shown = await meter(io.stderr, flags.quiet ?? false);
          const { ok, message, headHash } = await follow((await client()).log.verify({}, { signal }), shown);
          if (line) await write(io.stdout, `${line({ Ok: ok, Message: message, HeadHash: headHash })}\n`);
          else if (!ok) await write(io.stderr, `shiplog: the log is NOT sound: ${message}\n`);
          else await write(io.stdout, flags.quiet ? `${headHash}\n` : `${message}\nHead: ${headHash}\n`);
          return ok ? exitCodes.ok : exitCodes.failed;
        }),
      ),
};
