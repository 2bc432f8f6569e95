import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openCheckpoints } from '../../src/adapters/checkpoints/directory.ts';
import { createClock } from '../../src/adapters/linux/clock.ts';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { fold, folded } from '../../src/engine/fold.ts';
import type { Logger } from '../../src/engine/ports/logger.ts';
import { SavedViews } from '../../src/engine/saved-views.ts';
import { emptyViews } from '../../src/engine/views.ts';
import { timed } from './figures.ts';
import { copyHistory, sharedHistory } from './host-history.ts';

/** A host with a history, as a daemon would have left it: its log, and states saved on the way. */

/** The daemon's own. */
const every = 20_000;

const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message, fields) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  error: (message, fields) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  child: () => logger,
};

const heapMB = (): number => {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed / 1e6;
};

export interface Prepared {
  /** Events a second, read and folded, in processor time and by the clock. */
  readonly replay?: { readonly busy: number; readonly wall: number };
  readonly stateMB: number;
  readonly checkpointsMB: number;
}

/** Replays a log once without and once with saving, so that it has the checkpoints that a daemon left as events came in. */
const prepare = async (directory: string): Promise<Prepared> => {
  // The index is made by the daemon, in its own time; a replay has no use for it.
  const log = await openFileLog({ directory: join(directory, 'log'), indexFromBytes: 2 ** 40 });
  const store = await openCheckpoints(join(directory, 'checkpoints'));
  const saved = new SavedViews(log, store, createClock('bench'), logger, { every, maxBytes: 2 ** 30 });
  const cpu = process.cpuUsage();
  const wall = await timed(() => folded(log, { from: emptyViews, to: log.durable }));
  const { user, system } = process.cpuUsage(cpu);
  const before = heapMB();
  let views = emptyViews;
  for await (const next of fold(log, { from: views, to: log.durable, every })) {
    views = next;
    await saved.save(views);
  }
  const stateMB = heapMB() - before;
  const events = Number(views.world.position);
  const checkpointsMB = store.list().reduce((sum, { bytes }) => sum + bytes / 1e6, 0);
  await log.close();
  const rates = { busy: events / ((user + system) / 1e6), wall: events / (wall / 1000) };
  return { stateMB, checkpointsMB, ...(events === 0 ? {} : { replay: rates }) };
};

/** @param directory of a daemon: its root, with the log, is below. None may be there yet. */
export const prepareHost = async (
  directory: string,
  events: number,
  containers: number,
): Promise<Prepared> => {
  if (events > 0) copyHistory(await sharedHistory(events, { containers }), join(directory, 'root', 'log'));
  return prepare(join(directory, 'root'));
};
