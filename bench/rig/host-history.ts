import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import type { Actor, Envelope, Metadata, Subject } from '../../src/domain/envelope.ts';
import type { Timestamp } from '../../src/domain/identity.ts';
import { type DomainEvent, definitionOf, subjectOf } from '../../src/domain/world.ts';
import { seededRandom } from '../../test/support/random.ts';
import { Host, type PlainEvent, START, type Step, type Story, type Teller, TICK } from './host-stories.ts';

export interface HistoryOptions {
  /** Containers that run at once, from soon after the start to the end. 200 when absent. */
  readonly containers?: number;
  /** Images kept; older ones make room for new ones. 40 when absent. */
  readonly images?: number;
  readonly seed?: number;
}

const actor = (uid: number, pid: number, exe: string, client: string): Actor => ({
  uid,
  gid: uid,
  pid,
  exe,
  client,
});
const actors: Readonly<Record<Teller, Actor>> = {
  daemon: actor(0, 700, '/usr/bin/node', 'shiplogd'),
  operator: actor(0, 4711, '/usr/bin/shiplog', 'shiplog 0.1.0'),
  deployer: actor(1001, 5150, '/usr/local/bin/deploy', 'deploy 2.4'),
  user: actor(1000, 6021, '/usr/bin/shiplog', 'shiplog 0.1.0'),
};

/** What happens next on a host that has its fill of containers. */
const ordinaryStory = (host: Host): Story => {
  const dice = host.below(1000);
  const at = host.below(host.containers.length);
  const one = host.containers[at];
  if (one === undefined || dice < 5) return dice < 1 ? host.restart() : host.pull();
  if (dice < 50) return host.label(one);
  return dice < 500 ? host.exec(one) : host.end(at);
};

const nextStory = (host: Host, { containers = 200, images = 40 }: HistoryOptions): Story => {
  if (host.next === 0) return host.start();
  if (host.images.length < Math.min(8, images)) return host.pull();
  if (host.images.length > images) return host.removeImage();
  return host.containers.length < containers ? host.run() : ordinaryStory(host);
};

const envelopeOf = (event: PlainEvent, meta: Metadata): Envelope => {
  // The stories write names as plain text; test/unit/bench holds them against the schemas.
  const { type, data } = event as unknown as DomainEvent;
  const named: Subject = subjectOf(event as unknown as DomainEvent);
  return { type, version: definitionOf(type)?.version ?? 1, subject: named, data, meta };
};

/** @param from position of the step's first event */
const batchOf = (step: Step, from: number, correlation: string): readonly Envelope[] =>
  step.events.map((event, index) => {
    const at = from + index;
    const wall = (START + at * TICK) as Timestamp;
    const time = { wall, mono: at * TICK, boot: '5f0c5c0e-5f7e-4a7e-9c8d-2b1a0f9e8d7c' };
    const because = step.causedBy === undefined ? undefined : from - step.causedBy;
    return envelopeOf(event, {
      actor: actors[step.by],
      time,
      correlation,
      ...(because === undefined ? {} : { causation: String(because) }),
    });
  });

/**
 * What a busy host logs: images pulled, used and collected, containers run, exec'd into, labelled, stopped and removed,
 * the daemon restarted now and then, by several actors, with correlations and causes. The same for the same options; a
 * shorter history is the beginning of a longer one.
 * @param events how many, at least; the last story is told to its end
 * @returns batches as a daemon would append them, 1 to 8 events each
 */
export function* hostHistory(
  events: number,
  options: HistoryOptions = {},
): Generator<readonly Envelope[], void> {
  const host = new Host(seededRandom(options.seed ?? 1));
  while (host.next < events) {
    const correlation = `request-${host.next}`;
    for (const step of nextStory(host, options)) {
      const batch = batchOf(step, host.next, correlation);
      host.next += batch.length;
      yield batch;
    }
  }
}

/** Appends under way at once while a history is written. */
const APPENDS = 4096;

const write = async (directory: string, events: number, options: HistoryOptions): Promise<void> => {
  const log = await openFileLog({ directory });
  let under: Promise<unknown>[] = [];
  for (const batch of hostHistory(events, options)) {
    under.push(log.append(batch, log.head));
    if (under.length < APPENDS) continue;
    await Promise.all(under);
    under = [];
  }
  await Promise.all(under);
  await log.close();
};

/**
 * A file log with a history, written at most once: a directory that is there is taken as it is. Write to a copy only
 * ({@link copyHistory}).
 * @param directory of the log; `<directory>.partial-PID` is used meanwhile
 */
export const writeHistory = async (
  directory: string,
  events: number,
  options: HistoryOptions = {},
): Promise<void> => {
  if (existsSync(directory)) return;
  const partial = `${directory}.partial-${process.pid}`;
  mkdirSync(dirname(directory), { recursive: true });
  rmSync(partial, { recursive: true, force: true });
  await write(partial, events, options);
  renameSync(partial, directory);
};

/** The log of a history with these options, in a place that all benchmarks share. @returns its directory */
export const sharedHistory = async (events: number, options: HistoryOptions = {}): Promise<string> => {
  const { containers = 200, images = 40, seed = 1 } = options;
  const directory = join('/var/tmp/shiplog-history', `${events}-${containers}-${images}-${seed}`);
  await writeHistory(directory, events, options);
  return directory;
};

/** A log of its own with the same events: sealed segments and their indexes, which nobody writes to, are hard links. */
export const copyHistory = (from: string, to: string): void => {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const files = readdirSync(from).filter((name) => name.endsWith('.segment') || name.endsWith('.index'));
  const last = files
    .filter((name) => name.endsWith('.segment'))
    .sort()
    .at(-1);
  for (const name of files) {
    if (name === last) copyFileSync(join(from, name), join(to, name));
    else linkSync(join(from, name), join(to, name));
  }
};
