import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { events, upTo } from './log-events.ts';

/**
 * A process that appends for ever and prints each acknowledged position, for tests that kill it or its disk.
 * Run as a bundle: `node log-child.mjs DIRECTORY SEGMENT_BYTES WRITERS [COUNT]`. With a count it ends by itself, and a
 * refusal is printed as `rejected CODE HEAD` and tried again a little later.
 */
const [, , directory = '', segmentBytes = '', writers = '1', count = ''] = process.argv;
const log = await openFileLog({ directory, segmentBytes: Number(segmentBytes) });
const limit = count === '' ? Number.POSITIVE_INFINITY : Number(count);
process.stdout.write(`open ${log.head}\n`);

/** Says that the log refused something, in words that a test reads. */
const tellRefusal = (error: unknown): void => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'none';
  process.stdout.write(`rejected ${code} ${log.head} ${log.durable}\n`);
};

const write = async (writer: number): Promise<void> => {
  for (let turn = 0; turn < limit; turn += 1) {
    const size = 1 + ((writer + turn) % 5);
    try {
      const head = await log.append(events(Number(log.head), size), log.head);
      process.stdout.write(`ack ${head}\n`);
    } catch (error) {
      tellRefusal(error);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
};
await Promise.all(upTo(Number(writers)).map(write));
// A disk that refuses the mark at the end is told of too; nothing acknowledged hangs on it.
await log.close().catch(tellRefusal);
process.stdout.write(`closed ${log.head}\n`);
