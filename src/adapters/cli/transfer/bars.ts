import cliProgress, { type SingleBar } from 'cli-progress';
import type { CliIo } from '../cli-io.ts';
import { humanSize, shortId } from '../output/units.ts';
import { type ProgressView, stateWords } from './progress-view.ts';

/** A bar for each layer, redrawn in place. */
export const barsView = (stream: CliIo['stderr']): ProgressView => {
  const multibar = new cliProgress.MultiBar(
    {
      stream,
      format: '{id}: {state} [{bar}] {size}',
      barsize: 30,
      barCompleteChar: '=',
      barIncompleteChar: ' ',
      hideCursor: true,
      clearOnComplete: false,
      autopadding: true,
      fps: 10,
      // A SIGINT ends the transfer, whose end stops the bars.
      gracefulExit: false,
      emptyOnZero: true,
    },
    cliProgress.Presets.legacy,
  );
  const bars = new Map<string, SingleBar>();
  return {
    item: async ({ digest, kind, status, offset, total }) => {
      if (kind !== 'layer') return;
      const moving = status === 'downloading' || status === 'uploading' || status === 'extracting';
      const whole = Math.max(Number(total), 1);
      const size = moving && total > 0n ? `${humanSize(offset)}/${humanSize(total)}` : '';
      const payload = { id: shortId(digest), state: (stateWords[status] ?? status).padEnd(18), size };
      const bar = bars.get(digest) ?? multibar.create(whole, 0, payload);
      bars.set(digest, bar);
      bar.setTotal(whole);
      bar.update(status === 'waiting' ? 0 : moving ? Number(offset) : whole, payload);
    },
    stop: () => multibar.stop(),
  };
};
