import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openCheckpoints } from '../src/adapters/checkpoints/directory.ts';
import { createClock } from '../src/adapters/linux/clock.ts';
import { openFileLog } from '../src/adapters/log-file/file-log.ts';
import { position } from '../src/domain/identity.ts';
import { folded } from '../src/engine/fold.ts';
import type { Logger } from '../src/engine/ports/logger.ts';
import { SavedViews } from '../src/engine/saved-views.ts';
import { emptyViews } from '../src/engine/views.ts';
import { seededRandom } from '../test/support/random.ts';
import { type Bench, type Figure, timed } from './rig/figures.ts';
import { copyHistory, sharedHistory } from './rig/host-history.ts';
import { daemonArguments, programs, startOurs } from './rig/ours.ts';
import { residentMB, timeToAnswer } from './rig/processes.ts';

/**
 * What a long history costs: a start on no events and on all; memory; a replay without saved states; and
 * looks at the past, over the socket.
 *
 *     npm run bench -- long-log [EVENTS] [CONTAINERS] [ROUNDS]
 */

/** The daemon's own. */
const every = 20_000;
const moments = 10;
/** Milliseconds after which a daemon has done what it does at its start. */
const settled = 4000;

const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message, fields) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  error: (message, fields) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  child: () => logger,
};

/** Milliseconds until every sealed segment of the 5,000,000 events must have its index. */
const indexedWithin = 600_000;

const indexed = (directory: string): boolean => {
  const names = readdirSync(directory);
  const count = (ending: string) => names.filter((name) => name.endsWith(ending)).length;
  return count('.index') >= count('.segment') - 1;
};

/**
 * Waits until a daemon has indexed a history that came to it without indexes, as its first start does.
 * @returns megabytes resident meanwhile, at most
 */
const residentWhileIndexing = async (pid: number, directory: string): Promise<number> => {
  let most = residentMB(pid);
  for (let waited = 0; !indexed(directory); waited += 250) {
    if (waited > indexedWithin) throw new Error(`${directory} was not indexed in time`);
    await sleep(250);
    most = Math.max(most, residentMB(pid));
  }
  return most;
};

const heapMB = (): number => {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed / 1e6;
};

interface Prepared {
  /** Events a second, read and folded, in processor time and by the clock. */
  readonly replay?: { readonly busy: number; readonly wall: number };
  readonly stateMB: number;
  readonly checkpointsMB: number;
}

/** Replays a log once without and once with saving, so that it has the checkpoints that a daemon would have left. */
const prepare = async (directory: string): Promise<Prepared> => {
  // The index is made by the daemon, in its own time; a replay has no use for it.
  const log = await openFileLog({ directory: join(directory, 'log'), indexFromBytes: 2 ** 40 });
  const store = await openCheckpoints(join(directory, 'checkpoints'));
  const saved = new SavedViews(log, store, createClock('bench'), logger, { every, maxBytes: 2 ** 30 });
  const cpu = process.cpuUsage();
  const wall = await timed(() => folded(log, { from: emptyViews, to: log.durable }));
  const { user, system } = process.cpuUsage(cpu);
  const before = heapMB();
  const views = await saved.restore();
  const stateMB = heapMB() - before;
  await saved.save(views);
  const events = Number(views.world.position);
  const checkpointsMB = store.list().reduce((sum, { bytes }) => sum + bytes / 1e6, 0);
  await log.close();
  const rates = { busy: events / ((user + system) / 1e6), wall: events / (wall / 1000) };
  return { stateMB, checkpointsMB, ...(events === 0 ? {} : { replay: rates }) };
};

const prepareOn = async (directory: string, events: number, containers: number): Promise<Prepared> => {
  if (events > 0) copyHistory(await sharedHistory(events, { containers }), join(directory, 'root', 'log'));
  return prepare(join(directory, 'root'));
};

/** Starts on a history: the first one, which finds that nothing runs any more, does not count. */
const measure = async (directory: string, events: number, containers: number, rounds: number) => {
  mkdirSync(join(directory, 'root'), { recursive: true });
  const prepared = await prepareOn(directory, events, containers);
  const first = await startOurs(directory);
  await sleep(settled);
  const indexing = await residentWhileIndexing(first.pid, join(directory, 'root', 'log'));
  await first.stop();
  const ready: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const [args, socket] = [daemonArguments(directory), join(directory, 's.sock')];
    ready.push(await timeToAnswer(programs.shiplogd, args, socket, join(directory, 'log.txt')));
  }
  const ours = await startOurs(directory);
  await sleep(settled);
  const resident = residentMB(ours.pid);
  const random = seededRandom(7);
  const past: number[] = [];
  for (let left = events === 0 ? 0 : moments; left > 0; left -= 1) {
    const at = position(BigInt(Math.floor(random() * events)));
    past.push(await timed(() => ours.shiplog('ps', '--all', '--quiet', '--at', String(at))));
  }
  await ours.stop();
  return { ...prepared, ready, resident, indexing, past };
};

const rate = (value: number): string => `${Math.round(value / 1000).toLocaleString('en')},000/s`;

export const main: Bench = async (args) => {
  const events = Number(args[0] ?? 5_000_000);
  const containers = Number(args[1] ?? 200);
  const rounds = Number(args[2] ?? 5);
  const figures: Figure[] = [];
  const notes: string[] = [];
  for (const count of [0, events]) {
    const directory = `/var/tmp/slb-long-${process.pid}-${count}`;
    try {
      const found = await measure(directory, count, containers, rounds);
      if (count === 0) {
        figures.push({ name: 'ready with no history', unit: 'ms', ours: found.ready });
        figures.push({ name: 'resident with no history', unit: 'MB', ours: [found.resident] });
        continue;
      }
      const detail = `${count.toLocaleString('en')} events`;
      figures.push(
        { name: 'ready after a long history', detail, unit: 'ms', ours: found.ready },
        { name: 'resident', detail, unit: 'MB', ours: [found.resident] },
        { name: 'resident beyond the state', unit: 'MB', ours: [found.resident - found.stateMB] },
        { name: 'resident at most while the history is indexed, once', unit: 'MB', ours: [found.indexing] },
        {
          name: 'ps --at',
          detail: `${moments} random positions, the whole command`,
          unit: 'ms',
          ours: found.past,
        },
      );
      if (found.replay === undefined) continue;
      const { busy, wall } = found.replay;
      notes.push(
        `${detail}, ${containers} containers: state ${found.stateMB.toFixed(1)} MB of heap, saved states ` +
          `${found.checkpointsMB.toFixed(1)} MB on disk; a replay without them ${rate(wall)} by the clock, ` +
          `${rate(busy)} of processor time.`,
      );
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  return [
    { title: `A start after a long history, ${containers} containers, ${rounds} rounds`, figures, notes },
  ];
};
