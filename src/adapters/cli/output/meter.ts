import { ShiplogError } from '../../../client/shiplog-error.ts';
import type { CliIo } from '../cli-io.ts';
import { humanSize } from './units.ts';

/** How far a long work is: a bar on the terminal; nothing elsewhere. */
export interface Meter {
  /** @param total 0 where nobody knows it: then there is no bar, only how much is done */
  show(done: bigint, total: bigint): void;
  stop(): void;
}

const amounts = {
  events: (amount: number) => `${amount} events`,
  bytes: humanSize,
} satisfies Record<string, (amount: number) => string>;

/** @param label what is being done, as `Verifying` */
export const meter = async (
  stream: CliIo['stderr'],
  label: string,
  unit: keyof typeof amounts,
  quiet: boolean,
): Promise<Meter> => {
  if (quiet || !stream.isTTY) return { show: () => undefined, stop: () => undefined };
  const { default: cliProgress } = await import('cli-progress');
  const amount = amounts[unit];
  let known = false;
  const bar = new cliProgress.SingleBar(
    {
      stream,
      format: (options, { progress, value, total }) => {
        if (!known) return `${label} ${amount(value)}`;
        const drawn = cliProgress.Format.BarFormat(progress, options);
        return `${label} [${drawn}] ${Math.floor(progress * 100)}% ${amount(value)} of ${amount(total)}`;
      },
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
    },
    cliProgress.Presets.legacy,
  );
  bar.start(1, 0);
  return {
    show: (done, total) => {
      known = total > 0n;
      bar.setTotal(Math.max(1, Number(known ? total : done)));
      bar.update(Number(done));
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
