import { ShiplogError } from '../../../client/shiplog-error.ts';
import type { TransferDone, TransferProgress } from '../../../gen/shiplog/v1/images_pb.ts';
import { type CliIo, write } from '../cli-io.ts';
import { familiarName, shortId } from '../output/units.ts';
import { type ProgressView, stateWords } from './progress-view.ts';

const lasting = new Set(['exists', 'downloaded', 'extracted', 'uploaded', 'mounted']);

/** One line for each state that was reached, for logs and pipes. */
const plainView = (stream: NodeJS.WritableStream): ProgressView => {
  const said = new Set<string>();
  return {
    item: async ({ digest, kind, status }) => {
      const key = `${digest} ${status}`;
      if (kind !== 'layer' || !lasting.has(status) || said.has(key)) return;
      said.add(key);
      await write(stream, `${shortId(digest)}: ${stateWords[status] ?? status}\n`);
    },
    stop: () => undefined,
  };
};

export type Showing = 'bars' | 'lines' | 'nothing';

export const progressView = async (showing: Showing, stream: CliIo['stderr']): Promise<ProgressView> => {
  if (showing === 'nothing') return { item: async () => undefined, stop: () => undefined };
  if (showing === 'lines' || !stream.isTTY) return plainView(stream);
  const { barsView } = await import('./bars.ts');
  return barsView(stream);
};

/** Follows a transfer to its end. @throws ShiplogError also when it just stops */
export const followTransfer = async (
  transfer: AsyncIterable<TransferProgress>,
  view: ProgressView,
): Promise<TransferDone> => {
  try {
    for await (const { progress } of transfer) {
      if (progress.case === 'item') await view.item(progress.value);
      if (progress.case === 'done') return progress.value;
    }
  } finally {
    view.stop();
  }
  throw new ShiplogError('unknown', 'the daemon ended the transfer without saying how it went; try again');
};

/** The last lines of docker's pull. */
export const pulledLines = ({ name, digest, upToDate }: TransferDone): string => {
  const image = familiarName(name);
  const status = upToDate ? `Image is up to date for ${image}` : `Downloaded newer image for ${image}`;
  return `Digest: ${digest}\nStatus: ${status}\n${name}\n`;
};
