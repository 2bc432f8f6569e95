import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { COLUMNS } from '../src/adapters/log-file/index/bloom-format.ts';
import { position } from '../src/domain/identity.ts';
import { seededRandom } from '../test/support/random.ts';
import { type Bench, type Figure, timed } from './rig/figures.ts';
import { daemonArguments, programs, startOurs } from './rig/ours.ts';
import { prepareHost } from './rig/prepared-host.ts';
import { residentMB, timeToAnswer } from './rig/processes.ts';

/**
 * What a long history costs: a start on no events and on all; memory; a replay without saved states; and
 * looks at the past, over the socket.
 *
 *     npm run bench -- long-log [EVENTS] [CONTAINERS] [ROUNDS]
 */

const moments = 10;
/** Milliseconds after which a daemon has done what it does at its start. */
const settled = 4000;

/** Milliseconds until every sealed segment of the 5,000,000 events must have its index and its filter. */
const indexedWithin = 600_000;

const indexed = (directory: string): boolean => {
  const names = readdirSync(directory);
  const count = (ending: string) => names.filter((name) => name.endsWith(ending)).length;
  const sealed = count('.segment') - 1;
  return count('.index') >= sealed && count('.blooms') >= Math.ceil(sealed / COLUMNS);
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

/** Starts on a history: the first one, which finds that nothing runs any more, does not count. */
const measure = async (directory: string, events: number, containers: number, rounds: number) => {
  mkdirSync(join(directory, 'root'), { recursive: true });
  const prepared = await prepareHost(directory, events, containers);
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
