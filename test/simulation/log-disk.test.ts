import { expect, it } from 'vitest';
import { LogDamage } from '../../src/adapters/log-file/failure.ts';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { Rejection } from '../../src/domain/rejection.ts';
import type { Log } from '../../src/engine/ports/log.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { event, readAll } from '../support/log-events.ts';
import { seededRandom } from '../support/random.ts';

const only = process.env.SHIPLOG_SEED;
const seeds = only === undefined ? Array.from({ length: 150 }, (_, at) => at + 1) : [Number(only)];
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A batch that was handed over, by the numbers of its events, and what became of it. */
interface Handed {
  readonly numbers: readonly number[];
  outcome: 'waiting' | 'acknowledged' | 'refused' | 'uncertain';
}

/** One log on one disk, through kills and power cuts. */
class Story {
  readonly random: () => number;
  readonly disk: FakeDisk;
  /** Numbers of the events that the log must hold, in order. */
  kept: number[] = [];
  /** Since the last start. */
  handed: Handed[] = [];
  next = 0;
  reappeared = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.disk = new FakeDisk(this.random);
  }

  async open(): Promise<Log> {
    for (;;) {
      try {
        return await openFileLog({ directory: '/log', disk: this.disk.mounted(), segmentBytes: 4096 });
      } catch (error) {
        // A disk that fails may keep the log shut; it may not make it look damaged.
        if (error instanceof LogDamage || !(error instanceof Rejection) || this.disk.trouble === 0)
          throw error;
        this.disk.kill();
        this.disk.trouble = 0;
      }
    }
  }

  append(log: Log): void {
    const numbers = Array.from({ length: 1 + Math.floor(this.random() * 4) }, () => this.next++);
    const pad = 'x'.repeat(Math.floor(this.random() * 900));
    const one: Handed = { numbers, outcome: 'waiting' };
    this.handed.push(one);
    log
      .append(
        numbers.map((n) => event(n, { pad })),
        log.head,
      )
      .then(
        () => {
          one.outcome = 'acknowledged';
        },
        (error: unknown) => {
          expect(error).toBeInstanceOf(Rejection);
          one.outcome = /could not be taken back/.test(String(error)) ? 'uncertain' : 'refused';
        },
      );
  }

  /** What is there must be all that was acknowledged, nothing that was refused, and of the rest whole batches in order. */
  check(found: readonly number[]): void {
    const acknowledged = this.handed.filter(({ outcome }) => outcome === 'acknowledged');
    const due = [...this.kept, ...acknowledged.flatMap(({ numbers }) => numbers)];
    expect(found.slice(0, due.length)).toEqual(due);
    const last = acknowledged.at(-1);
    const later = this.handed.slice(last === undefined ? 0 : this.handed.indexOf(last) + 1);
    const rest = found.slice(due.length);
    let at = 0;
    for (const { numbers, outcome } of later) {
      if (rest[at] !== numbers[0]) continue;
      expect(rest.slice(at, at + numbers.length)).toEqual(numbers);
      at += numbers.length;
      expect(outcome).not.toBe('refused');
      if (outcome === 'uncertain') this.reappeared += 1;
    }
    expect(at).toBe(rest.length);
    this.kept = [...found];
    this.handed = [];
  }
}

const numberOf = ({ data }: { readonly data: unknown }): number => (data as { n: number }).n;

const tell = async (seed: number) => {
  const story = new Story(seed);
  const { random, disk } = story;
  for (let life = 0; life < 5; life += 1) {
    disk.trouble = random() < 0.3 ? 0.05 : 0;
    const log = await story.open();
    story.check((await readAll(log)).map(numberOf));
    disk.trouble = random() < 0.5 ? 0.1 : 0;
    for (let step = Math.floor(random() * 30); step > 0; step -= 1) {
      if (random() < 0.6) story.append(log);
      else for (let turns = Math.floor(random() * 8); turns > 0; turns -= 1) await turn();
    }
    if (random() < 0.2) {
      disk.trouble = 0;
      await log.close();
    }
    if (random() < 0.5) disk.crash();
    else disk.kill();
    await turn();
  }
  disk.trouble = 0;
  const log = await story.open();
  story.check((await readAll(log)).map(numberOf));
  await log.append([event(story.next)], log.head);
  expect(numberOf((await readAll(log)).at(-1) ?? { data: undefined })).toBe(story.next);
  await log.close();
  return { events: story.kept.length, reappeared: story.reappeared };
};

it('whatever the disk loses, what was acknowledged is there, and the rest whole or not at all', async () => {
  let events = 0;
  let reappeared = 0;
  for (const seed of seeds) {
    try {
      const told = await tell(seed);
      events += told.events;
      reappeared += told.reappeared;
    } catch (error) {
      throw new Error(`SHIPLOG_SEED=${seed} shows it`, { cause: error });
    }
  }
  // A simulation in which nothing happens shows nothing.
  expect(events / seeds.length).toBeGreaterThan(20);
  process.stderr.write(
    `${seeds.length} seeds, ${events} events, ${reappeared} that could not be taken back were there after a start\n`,
  );
}, 120_000);
