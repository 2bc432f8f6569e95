import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openFileLog } from '../src/adapters/log-file/file-log.ts';
import { buildIndexes } from '../src/adapters/log-file/index/build-indexes.ts';
import { openSidecars } from '../src/adapters/log-file/index/sidecars.ts';
import { realDisk } from '../src/adapters/log-file/real-disk.ts';
import { recover } from '../src/adapters/log-file/recover.ts';
import type { Recorded, Subject } from '../src/domain/envelope.ts';
import { position } from '../src/domain/identity.ts';
import type { LogQuery } from '../src/domain/log-query.ts';
import type { Log } from '../src/engine/ports/log.ts';
import type { Bench, Figure } from './rig/figures.ts';
import { copyHistory, sharedHistory } from './rig/host-history.ts';

/**
 * What a question to a long log costs: `npm run bench -- history [EVENTS]`. Every question is asked first by a process
 * that has just opened the log, then again by the same. Pages of the files are in memory for `warm`; for `cold` the
 * kernel was told to drop them before the log was opened (opening reads the last segment, so that one is in memory).
 */

/** Builds what is missing, in this process, so that it can be timed. @returns microseconds for each event of those */
const buildMissing = async (directory: string): Promise<number> => {
  const { segments, logId } = await recover(realDisk, directory);
  const warn = (message: string): never => {
    throw new Error(message);
  };
  const options = { disk: realDisk, directory, logId, segments, fromBytes: 0, building: false, warn };
  const sidecars = await openSidecars(options);
  const jobs = await sidecars.missing();
  await sidecars.close();
  if (jobs === undefined) return Number.NaN;
  const started = performance.now();
  await buildIndexes(realDisk, jobs, ({ failure }) => (failure === undefined ? undefined : warn(failure)));
  const ends = new Map(segments.slice(1).map(({ base }, number) => [segments[number]?.path, base]));
  const events = jobs.sidecars.reduce(
    (sum, { segmentPath, base }) => sum + (ends.get(segmentPath) ?? base) - base,
    0,
  );
  return ((performance.now() - started) * 1000) / events;
};

const bytesOf = (directory: string, extensions: string): number =>
  readdirSync(directory)
    .filter((name) => new RegExp(`\\.(${extensions})$`).test(name))
    .reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);

const eventAt = async (log: Log, at: number): Promise<Recorded> => {
  for await (const [event] of log.read({ from: position(BigInt(at)), to: position(BigInt(at + 1)) })) {
    if (event !== undefined) return event;
  }
  throw new Error(`there is no event ${at}`);
};

const firstOf = async (log: Log, from: number, where: LogQuery): Promise<Recorded> => {
  for await (const [event] of log.read({ from: position(BigInt(from)), where })) {
    if (event !== undefined) return event;
  }
  throw new Error(`nothing after ${from} is ${JSON.stringify(where)}`);
};

const nameOf = (event: Recorded): string => String(Reflect.get(event.data as object, 'name'));

interface Question {
  readonly name: string;
  readonly queries: readonly LogQuery[];
  readonly backward?: boolean;
  /** Stop after so many events. */
  readonly first?: number;
}

/** Questions about things that are in this log: early, in the middle, at the end. */
const questionsOf = async (directory: string): Promise<readonly Question[]> => {
  const log = await openFileLog({ directory });
  const total = Number(log.durable);
  const created = { types: ['container-created'] };
  const [early, middle, late] = await Promise.all(
    [0.1, 0.5, 0.99].map((part) => firstOf(log, Math.floor(total * part), created)),
  );
  const image = await firstOf(log, Math.floor(total / 2), { types: ['image-created'] });
  const gone = await firstOf(log, Math.floor(total / 3), { types: ['container-removed'] });
  const some = await eventAt(log, Math.floor(total * 0.7));
  const wall = (await eventAt(log, total - 1)).meta.time.wall;
  const hour = 3600 * 1_000_000;
  await log.close();
  if (early === undefined || middle === undefined || late === undefined) throw new Error('no containers');
  const byName = `container/default/${nameOf(gone)}` as Subject;
  const cause = BigInt(some.meta.causation ?? some.position);
  return [
    { name: 'history of a container, early', queries: [{ subjects: [early.subject] }] },
    { name: 'history of a container', queries: [{ subjects: [middle.subject] }] },
    { name: 'history of a container, late', queries: [{ subjects: [late.subject] }] },
    { name: 'history of an image', queries: [{ subjects: [image.subject] }] },
    {
      name: 'of a gone container by its name',
      queries: [{ subjects: [byName] }, { subjects: [gone.subject] }],
    },
    { name: 'of a gone one by the start of its id', queries: [{ prefixes: [gone.subject.slice(0, 30)] }] },
    { name: 'of what never was', queries: [{ subjects: ['container/default/nobody' as Subject] }] },
    { name: 'by correlation', queries: [{ correlations: [some.meta.correlation] }] },
    { name: 'by cause', queries: [{ causes: [position(cause)] }] },
    { name: 'by type, the first 1000', queries: [{ types: ['image-removed'] }], first: 1000 },
    {
      name: 'by actor and type, the last 1000',
      queries: [{ actors: [1001], types: ['container-created'] }],
      first: 1000,
      backward: true,
    },
    {
      name: 'by namespace and type, the last 1000',
      queries: [{ namespaces: [some.subject.split('/')[1] as never], types: ['container-created'] }],
      first: 1000,
      backward: true,
    },
    { name: 'the last hour, all of it', queries: [{ since: (wall - hour) as never }] },
    {
      name: 'an hour in the middle, all of it',
      queries: [{ since: (some.meta.time.wall - hour) as never, until: some.meta.time.wall }],
    },
  ];
};

const answer = async (
  log: Log,
  { queries, backward = false, first = Number.POSITIVE_INFINITY }: Question,
) => {
  const started = performance.now();
  const used = process.cpuUsage();
  let found = 0;
  for (const where of queries) {
    for await (const batch of log.read({ where, backward })) {
      found += batch.length;
      if (found >= first) break;
    }
  }
  const { user, system } = process.cpuUsage(used);
  return { ms: performance.now() - started, cpuMs: (user + system) / 1000, found };
};

interface Asked {
  readonly ms: number;
  /** Of all threads. */
  readonly cpuMs: number;
  readonly found: number;
}

interface Answer {
  readonly openMs: number;
  readonly first: Asked;
  readonly again: Asked;
}

/** In a process of its own: opens the log and asks. @param text a question as JSON */
export const ask = async (directory: string, text: string): Promise<void> => {
  const question = JSON.parse(text, revived) as Question;
  const started = performance.now();
  const log = await openFileLog({ directory });
  const openMs = performance.now() - started;
  const first = await answer(log, question);
  const again = await answer(log, question);
  await log.close();
  process.stdout.write(JSON.stringify({ openMs, first, again } satisfies Answer));
};

const inProcess = (directory: string, question: Question, cold: boolean): Answer => {
  if (cold) spawnSync('sh', ['-c', 'sync; echo 3 > /proc/sys/vm/drop_caches']);
  const args = [...process.execArgv, '-e', 'require(process.argv[1]).ask(...process.argv.slice(2))'];
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [
      ...args.filter((arg, at) => args.indexOf(arg) === at),
      import.meta.filename,
      directory,
      JSON.stringify(question, bigints),
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Answer;
};

const bigints = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);
const revived = (_: string, value: unknown): unknown =>
  typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;

const ROUNDS = 3;
const figuresOf = (directory: string, question: Question): readonly Figure[] => {
  const rounds = (cold: boolean) =>
    Array.from({ length: ROUNDS }, () => inProcess(directory, question, cold));
  const [cold, warm] = [rounds(true), rounds(false)];
  const detail = `${warm[0]?.first.found ?? 0} events found`;
  const { name } = question;
  return [
    { name: `${name}, cold`, detail, unit: 'ms', ours: cold.map(({ first }) => first.ms) },
    { name: `${name}, warm`, unit: 'ms', ours: warm.map(({ first }) => first.ms) },
    { name: `${name}, again`, unit: 'ms', ours: warm.map(({ again }) => again.ms) },
    { name: `${name}: processor time`, unit: 'ms', ours: warm.map(({ first }) => first.cpuMs) },
  ];
};

export const main: Bench = async (args) => {
  const events = Number(args[0] ?? 10_000_000);
  const history = await sharedHistory(events);
  // Kept, as the history is: indexes of ten million events take minutes.
  const directory = `${history}-indexed`;
  if (!existsSync(directory)) copyHistory(history, directory);
  const built = await buildMissing(directory);
  const [log, index] = [bytesOf(directory, 'segment'), bytesOf(directory, 'index|stretch|blooms')];
  const segments = readdirSync(directory).filter((name) => name.endsWith('.segment')).length;
  const building = Number.isFinite(built) ? `; making them took ${built.toFixed(1)} µs an event` : '';
  const questions = await questionsOf(directory);
  return [
    {
      title: `Questions to a log of ${events.toLocaleString('en')} events, ${ROUNDS} rounds`,
      figures: questions.flatMap((question) => figuresOf(directory, question)),
      notes: [
        `The log is ${(log / 1e9).toFixed(2)} GB in ${segments} segments, its indexes ${(index / 1e6).toFixed(0)} MB ` +
          `(${((index / log) * 100).toFixed(1)} %)${building}.`,
      ],
    },
  ];
};
