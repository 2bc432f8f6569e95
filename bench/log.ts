import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileLog } from '../src/adapters/log-file/file-log.ts';
import { verifyLog } from '../src/adapters/log-file/verify.ts';
import { type Envelope, Subject } from '../src/domain/envelope.ts';
import type { Fact } from '../src/domain/event.ts';
import { Timestamp } from '../src/domain/identity.ts';
import { type DomainEvent, emptyWorld, evolve } from '../src/domain/world.ts';
import type { Log } from '../src/engine/ports/log.ts';
import { median, quantile } from './rig/figures.ts';
import { writeHistory } from './rig/host-history.ts';
import { rawAsynchronous, rawBlocking, sqlite } from './rig/raw-disk.ts';

/**
 * What the log takes and gives, beside the raw disk and SQLite on the same disk, in turns:
 * `npm run bench -- log [ROUNDS] [SECONDS] [DIRECTORY] [--json FILE]`. Rates are events a second.
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
  /** At least this rate, or with `times` this share of another row. */
  readonly bar?: { readonly least: number; readonly times?: string };
}

const rows = new Map<string, Row>();
const row = (name: string, bar?: Row['bar']): Row => {
  const known = rows.get(name) ?? { name, rates: [], p50: [], p99: [], ...(bar && { bar }) };
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

/** How fast the machine is today: a plain thing that needs the processor only. */
const parsing = (): number => {
  const text = JSON.stringify(sample(1));
  const start = performance.now();
  let count = 0;
  for (; performance.now() - start < 100; count += 100) {
    for (let n = 0; n < 100; n += 1) JSON.parse(text);
  }
  return (count / (performance.now() - start)) * 1000;
};

const RAW = 'raw write + fdatasync, blocking';
const RAW_ASYNC = 'raw write + fdatasync, asynchronous';

const writing = async (folder: string, log: Log, ms: number): Promise<void> => {
  row(RAW).rates.push(await rawBlocking(folder, RECORD_BYTES, ms));
  await appending(log, 1, ms, row('1 appender', { least: 0.8, times: RAW }));
  row(RAW_ASYNC).rates.push(await rawAsynchronous(folder, RECORD_BYTES, ms));
  row('SQLite, a row a transaction').rates.push(sqlite(folder, RECORD_BYTES, 1, ms));
  await appending(log, 16, ms, row('16 appenders'));
  row('SQLite, 256 rows a transaction').rates.push(sqlite(folder, RECORD_BYTES, 256, ms));
  row('JSON.parse of an event, for the day').rates.push(parsing());
  await appending(log, 256, ms, row('256 appenders', { least: 200_000 }));
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
  await perSecond(row('replay: reading and the domain fold', { least: 300_000 }), async () => {
    let world = emptyWorld;
    for await (const batch of log.read()) {
      for (const event of batch) world = evolve(world, event as unknown as Fact<DomainEvent>);
    }
    return Number(log.head);
  });
  await log.close();
  for (const [name, threads] of [
    ['verify and leaf hashes', undefined],
    ['verify and leaf hashes, one thread', 0],
  ] as const) {
    await perSecond(row(name, { least: 200_000 }), async () => {
      const options = threads === undefined ? {} : { threads };
      const verified = await verifyLog(directory, { ...options, onLeaves: () => undefined });
      if (!verified.intact) throw new Error(verified.damage.what);
      return verified.events;
    });
  }
};

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const spread = (values: readonly number[]): string =>
  `${whole(quantile(values, 0.25))}–${whole(quantile(values, 0.75))}`;

/** Neighbours in a round are compared, so that what else the machine does hits both. */
const shareOf = (rates: readonly number[], other: readonly number[]): number =>
  median(rates.flatMap((rate, at) => rate / (other[at] ?? Number.NaN)));

const verdict = ({ rates, bar }: Row): string => {
  if (bar === undefined) return '';
  const value = bar.times === undefined ? median(rates) : shareOf(rates, row(bar.times).rates);
  const words = bar.times === undefined ? whole(bar.least) : `${bar.least} × raw`;
  return `≥ ${words}: ${value >= bar.least ? 'met' : 'short'}`;
};

const cells = (one: Row): readonly string[] => [
  one.name,
  `${whole(median(one.rates))}/s (${spread(one.rates)})`,
  one.p50.length === 0 ? '' : `${median(one.p50).toFixed(2)} ms`,
  one.p99.length === 0 ? '' : `${median(one.p99).toFixed(2)} ms`,
  one.name === RAW ? '' : shareOf(one.rates, row(RAW).rates).toFixed(2),
  verdict(one),
];

const printRows = (title: string): void => {
  const lines = [['', 'events', 'p50', 'p99', 'of raw', 'bar'], ...[...rows.values()].map(cells)];
  const widths = [0, 1, 2, 3, 4, 5].map((at) => Math.max(3, ...lines.map((line) => line[at]?.length ?? 0)));
  const text = lines.map((line) => `| ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`);
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  process.stdout.write(`\n${title}\n\n${[text[0], rule, ...text.slice(1)].join('\n')}\n`);
};

/** Events of the history that is read and verified: several segments. */
const HISTORY = 400_000;

export const main = async (args: readonly string[]): Promise<void> => {
  const json = args.indexOf('--json');
  const plain = json === -1 ? args : args.toSpliced(json, 2);
  const rounds = Number(plain[0] ?? 5);
  const ms = Number(plain[1] ?? 1) * 1000;
  await inFolder(plain[2] ?? tmpdir(), async (folder) => {
    const log = await openFileLog({ directory: join(folder, 'log') });
    // Warm code is what a daemon has.
    for (const appenders of [1, 256]) await appending(log, appenders, 1000, { ...row('') });
    rows.clear();
    for (let round = 0; round < rounds; round += 1) await writing(folder, log, ms);
    await log.close();
    const history = join(folder, 'history');
    await writeHistory(history, HISTORY);
    for (let round = 0; round < rounds; round += 1) await reading(history);
  });
  printRows(`The log, ${rounds} rounds of ${ms} ms: events a second`);
  process.stdout.write(`\nresident at the end: ${Math.round(process.memoryUsage.rss() / 1e6)} MB\n`);
  const file = json === -1 ? undefined : args[json + 1];
  if (file !== undefined) await writeFile(file, `${JSON.stringify([...rows.values()], null, 2)}\n`);
};
