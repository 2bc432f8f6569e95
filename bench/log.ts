import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileLog } from '../src/adapters/log-file/file-log.ts';
import { verifyLog } from '../src/adapters/log-file/verify.ts';
import { type Envelope, Subject } from '../src/domain/envelope.ts';
import { Timestamp } from '../src/domain/identity.ts';
import { given, own } from '../src/domain/owned-map.ts';
import { emptyWorld, evolveDraft } from '../src/domain/world.ts';
import { factOf } from '../src/engine/facts.ts';
import type { Log } from '../src/engine/ports/log.ts';
import type { Bench, Figure } from './rig/figures.ts';
import { writeHistory } from './rig/host-history.ts';
import { rawAsynchronous, rawBlocking, sqlite } from './rig/raw-disk.ts';
import { median, quantile } from './rig/statistics.ts';

/**
 * What the log takes and gives, beside the raw disk and SQLite on the same disk, in turns:
 * `npm run bench -- log [ROUNDS] [SECONDS] [DIRECTORY]`. Rates are events a second.
 */

const subject = Subject.parse('container/default/3f2a9c1be07d');
const actor = { uid: 0, gid: 0, pid: 4711, exe: '/usr/bin/shiplog', client: 'shiplog 0.1.0' };
const wall = Timestamp.parse(1_763_695_753_000_000);

/** As large as a typical event of ours: about 390 bytes of JSON. */
const sample = (n: number): Envelope => ({
  type: 'task-started',
  version: 1,
  subject,
  data: { pid: 48_213, namespace: 'default', container: '3f2a9c1be07d', n },
  meta: {
    actor,
    time: { wall, mono: 981_231_123, boot: '5f0c5c0e-5f7e-4a7e' },
    correlation: '01jd8kq3v5w9x7y2z4a6b8c0d1',
    causation: '48211',
  },
});
/** One of them in the file: a group and its head beside the JSON. */
const RECORD_BYTES = 528;

interface Row {
  readonly name: string;
  readonly rates: number[];
  /** Milliseconds, of appends. */
  readonly p50: number[];
  readonly p99: number[];
}

const rows = new Map<string, Row>();
const row = (name: string): Row => {
  const known = rows.get(name) ?? { name, rates: [], p50: [], p99: [] };
  rows.set(name, known);
  return known;
};

const inFolder = async <T>(folder: string, use: (directory: string) => Promise<T>): Promise<T> => {
  const directory = await mkdtemp(join(folder, 'shiplog-bench-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

const appending = async (log: Log, appenders: number, ms: number, into: Row): Promise<void> => {
  const latencies: number[] = [];
  const start = performance.now();
  const one = async (): Promise<void> => {
    for (let n = 0, now = start; now < start + ms; n += 1) {
      const began = performance.now();
      await log.append([sample(n)], log.head);
      now = performance.now();
      latencies.push(now - began);
    }
  };
  await Promise.all(Array.from({ length: appenders }, one));
  into.rates.push((latencies.length / (performance.now() - start)) * 1000);
  into.p50.push(median(latencies));
  into.p99.push(quantile(latencies, 0.99));
};

const RAW = 'raw write + fdatasync, blocking';
const RAW_ASYNC = 'raw write + fdatasync, asynchronous';
const SQLITE_ONE = 'SQLite, a row a transaction';
const SQLITE_MANY = 'SQLite, 256 rows a transaction';

const writing = async (folder: string, log: Log, ms: number): Promise<void> => {
  row(RAW).rates.push(await rawBlocking(folder, RECORD_BYTES, ms));
  await appending(log, 1, ms, row('1 appender'));
  row(RAW_ASYNC).rates.push(await rawAsynchronous(folder, RECORD_BYTES, ms));
  row(SQLITE_ONE).rates.push(sqlite(folder, RECORD_BYTES, 1, ms));
  await appending(log, 16, ms, row('16 appenders'));
  row(SQLITE_MANY).rates.push(sqlite(folder, RECORD_BYTES, 256, ms));
  await appending(log, 256, ms, row('256 appenders'));
};

const perSecond = async (into: Row, act: () => Promise<number>): Promise<void> => {
  const start = performance.now();
  const events = await act();
  into.rates.push((events / (performance.now() - start)) * 1000);
};

const reading = async (directory: string): Promise<void> => {
  const log = await openFileLog({ directory });
  await perSecond(row('reading'), async () => {
    let events = 0;
    for await (const batch of log.read()) events += batch.length;
    return events;
  });
  await perSecond(row('replay: reading and the domain fold'), async () => {
    // As a daemon folds what is long: onto maps that it owns.
    const world = own({ ...emptyWorld });
    for await (const batch of log.read()) for (const event of batch) evolveDraft(world, factOf(event));
    return Number(given(world).position);
  });
  await log.close();
  for (const [name, threads] of [
    ['verify and leaf hashes', undefined],
    ['verify and leaf hashes, one thread', 0],
  ] as const) {
    await perSecond(row(name), async () => {
      const options = threads === undefined ? {} : { threads };
      const verified = await verifyLog(directory, { ...options, onLeaves: () => undefined });
      if (!verified.intact) throw new Error(verified.damage.what);
      return verified.events;
    });
  }
};

/** Whom a row stands beside: the name of that figure and of the other's row. */
const beside: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  '1 appender': [
    ['1 appender', RAW],
    ['1 appender, by the thread pool', RAW_ASYNC],
    ['1 appender, by SQLite', SQLITE_ONE],
  ],
  '256 appenders': [['256 appenders', SQLITE_MANY]],
};

const figuresOf = ({ name, rates, p50, p99 }: Row): readonly Figure[] => {
  const peers = beside[name] ?? [];
  const alone = peers.length === 0 ? [{ name, unit: '/s', ours: rates } as const] : [];
  const compared = peers.map(([figure, peer]) => ({
    name: figure,
    unit: '/s' as const,
    ours: rates,
    peer: row(peer).rates,
    peerName: peer,
  }));
  return [
    ...alone,
    ...compared,
    ...(p50.length === 0 ? [] : [{ name: `${name}: p50`, unit: 'ms', ours: p50 } as const]),
    ...(p99.length === 0 ? [] : [{ name: `${name}: p99`, unit: 'ms', ours: p99 } as const]),
  ];
};
const others: readonly string[] = [RAW, RAW_ASYNC, SQLITE_ONE, SQLITE_MANY];

/** Events of the history that is read and verified: several segments. */
const HISTORY = 400_000;

export const main: Bench = async (args) => {
  const rounds = Number(args[0] ?? 5);
  const ms = Number(args[1] ?? 1) * 1000;
  await inFolder(args[2] ?? tmpdir(), async (folder) => {
    const log = await openFileLog({ directory: join(folder, 'log') });
    // Warm code is what a daemon has.
    for (const appenders of [1, 256]) await appending(log, appenders, 1000, row(''));
    rows.clear();
    for (let round = 0; round < rounds; round += 1) await writing(folder, log, ms);
    await log.close();
    const history = join(folder, 'history');
    await writeHistory(history, HISTORY);
    for (let round = 0; round < rounds; round += 1) await reading(history);
  });
  const ours = [...rows.values()].filter(({ name }) => !others.includes(name));
  const title = `The log, ${rounds} rounds of ${ms} ms`;
  return [{ title, figures: ours.flatMap(figuresOf) }];
};
