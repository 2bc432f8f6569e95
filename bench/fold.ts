import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openFileLog } from '../src/adapters/log-file/file-log.ts';
import { SEGMENT_HEADER_BYTES } from '../src/adapters/log-file/format.ts';
import { countOf } from '../src/adapters/log-file/group.ts';
import { realDisk } from '../src/adapters/log-file/real-disk.ts';
import { scan } from '../src/adapters/log-file/scan.ts';
import { given, own } from '../src/domain/owned-map.ts';
import { emptyWorld, evolveDraft } from '../src/domain/world.ts';
import { factOf } from '../src/engine/facts.ts';
import { folded } from '../src/engine/fold.ts';
import type { Log } from '../src/engine/ports/log.ts';
import { emptyViews } from '../src/engine/views.ts';
import type { Bench, Figure } from './rig/figures.ts';
import { copyHistory, sharedHistory } from './rig/host-history.ts';

/**
 * Where the time of a full replay goes: the same history is read, read and decoded, folded into the world, and folded
 * into all views, in turns. Events for each second of processor time, of all threads; the first round warms up.
 *
 *     npm run bench -- fold [EVENTS] [CONTAINERS] [ROUNDS]
 */

/** Reads and checks groups without decoding them. @returns events */
const scanned = async (directory: string): Promise<number> => {
  let events = 0;
  for (const name of readdirSync(directory).filter((file) => file.endsWith('.segment'))) {
    const path = join(directory, name);
    const file = await realDisk.open(path, 'read');
    for await (const { bytes, groups } of scan(file, SEGMENT_HEADER_BYTES, () => statSync(path).size)) {
      for (const at of groups) events += countOf(bytes, at);
    }
    await file.close();
  }
  return events;
};

const decoded = async (log: Log): Promise<number> => {
  let events = 0;
  for await (const batch of log.read()) events += batch.length;
  return events;
};

const foldedWorld = async (log: Log): Promise<number> => {
  const world = own({ ...emptyWorld });
  for await (const batch of log.read()) for (const event of batch) evolveDraft(world, factOf(event));
  return Number(given(world).position);
};

const foldedViews = async (log: Log): Promise<number> =>
  Number((await folded(log, { from: emptyViews, to: log.durable })).world.position);

interface Row {
  readonly name: string;
  readonly act: () => Promise<number>;
  /** Microseconds for each event, of all threads and by the clock. */
  readonly busy: number[];
  readonly wall: number[];
}

const measure = async ({ act, busy, wall }: Row): Promise<void> => {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const events = await act();
  const { user, system } = process.cpuUsage(cpu);
  busy.push((user + system) / events);
  wall.push(((performance.now() - began) * 1000) / events);
};

const figuresOf = ({ name, busy, wall }: Row): readonly Figure[] => [
  { name, unit: '/s', ours: wall.map((us) => 1e6 / us) },
  { name: `${name}: processor time of an event`, unit: 'µs', ours: busy },
];

export const main: Bench = async (args) => {
  const events = Number(args[0] ?? 1_000_000);
  const containers = Number(args[1] ?? 200);
  const rounds = Number(args[2] ?? 3);
  // Beside the history, since its segments are linked.
  const directory = mkdtempSync('/var/tmp/slb-fold-');
  try {
    copyHistory(await sharedHistory(events, { containers }), directory);
    const log = await openFileLog({ directory, indexFromBytes: 2 ** 40 });
    const row = (name: string, act: Row['act']): Row => ({ name, act, busy: [], wall: [] });
    const rows = [
      row('read', () => scanned(directory)),
      row('and decoded', () => decoded(log)),
      row('and folded into the world', () => foldedWorld(log)),
      row('and folded into all views', () => foldedViews(log)),
    ];
    for (let round = 0; round <= rounds; round += 1) {
      for (const one of rows) await measure(round === 0 ? { ...one, busy: [], wall: [] } : one);
    }
    await log.close();
    const many = `${log.durable.toLocaleString('en')} events, ${containers} containers`;
    return [{ title: `A replay of ${many}, ${rounds} rounds`, figures: rows.flatMap(figuresOf) }];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};
