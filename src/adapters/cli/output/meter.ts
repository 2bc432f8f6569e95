import { ShiplogError } from '../../../client/shiplog-error.ts';
import type { CliIo } from '../cli-io.ts';

/** A bar on the terminal; nothing elsewhere. */
export interface Meter {
  show(checked: bigint, total: bigint): void;
  stop(): void;
}

/** @param label what is being done, as `Verifying` */
export const meter = async (stream: CliIo['stderr'], label: string, quiet: boolean): Promise<Meter> => {
  if (quiet || !stream.isTTY) return { show: () => undefined, stop: () => undefined };
  const { default: cliProgress } = await import('cli-progress');
  const bar = new cliProgress.SingleBar(
    {
      stream,
      format: `${label} [{bar}] {percentage}% {value}/{total} events`,
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

/** An answer of a check: how far it is, and at its end what came of it. */
interface CheckNews<Result> {
  readonly eventsChecked: bigint;
  readonly eventsTotal: bigint;
  readonly result?: Result | undefined;
}

/** Shows how far a check is. @returns what came of it */
export const followCheck = async <Result>(
  answers: AsyncIterable<CheckNews<Result>>,
  shown: Meter,
): Promise<Result> => {
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
