import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containerEvents } from '../../../src/domain/containers.ts';
import type { Fact } from '../../../src/domain/event.ts';
import {
  ContainerId,
  Digest,
  IngestRef,
  Namespace,
  SnapshotId,
  SnapshotterName,
} from '../../../src/domain/identity.ts';
import type { DomainEvent, World } from '../../../src/domain/world.ts';
import { aftermathOf, bytesLetGo } from '../../../src/workflows/aftermath.ts';
import { compare } from '../../../src/workflows/recovery.ts';
import type { Found, FoundTask, Repair } from '../../../src/workflows/repair.ts';
import { perform, type Workflow } from '../../../src/workflows/steps.ts';
import { cleanUp } from '../../../src/workflows/task.ts';
import { digest, type EventInput, log, worldOf } from '../../support/given.ts';
import { type Answers, laterThan, play } from '../../support/workflow.ts';

const namespace = Namespace.parse('default');
const ns = { namespace: 'default' } as const;
const overlay = { ...ns, snapshotter: 'overlayfs' } as const;

/** What one snapshotter has, which was looked at. */
const overlays = (...ids: SnapshotId[]): Found['snapshots'] =>
  new Map([[SnapshotterName.parse('overlayfs'), ids]]);

const found = (more: Partial<Found> = {}): Found => ({
  tasks: [],
  mounted: [],
  streams: [],
  snapshots: overlays(),
  blobs: [],
  ingests: [],
  files: [],
  rebooted: false,
  ...more,
});
const ingest = (ref: string): EventInput => ({ type: 'ingest-started', data: { ...ns, ref } });
const blob = (n: number, of = 'default'): EventInput => ({
  type: 'blob-committed',
  data: { namespace: of, digest: digest(n), size: 1, labels: {} },
});
const snapshot = (key: string, parent?: string): EventInput[] => [
  {
    type: 'snapshot-prepared',
    data: {
      ...overlay,
      key: `${key}-active`,
      id: key,
      kind: 'active',
      labels: {},
      ...(parent ? { parent } : {}),
    },
  },
  {
    type: 'snapshot-committed',
    data: { ...overlay, key: `${key}-active`, name: key, usage: { bytes: 1, inodes: 1 }, labels: {} },
  },
];
const mending = (repair: Repair | undefined): Workflow<unknown> => {
  if (repair?.mend) return repair.mend();
  throw new Error('recovery does nothing about it');
};
const whatOf = (past: readonly EventInput[], there: Found) =>
  compare(worldOf(log(...past)), there).map(({ divergence }) => [divergence?.what, divergence?.repair]);

describe('bytes after a restart', () => {
  it('that the log names and the disk has are fine', () => {
    const past = [blob(1), ...snapshot('a'), ingest('r')];
    const there = found({
      blobs: [Digest.parse(digest(1))],
      snapshots: overlays(SnapshotId.parse('a')),
      ingests: [{ namespace, ref: IngestRef.parse('r') }],
    });
    expect(compare(worldOf(log(...past)), there)).toEqual([]);
  });

  it('that are missing are forgotten, in every namespace that named them, with the layers built on them', () => {
    const past = [blob(1), blob(1, 'other'), ...snapshot('a'), ...snapshot('b', 'a')];
    expect(whatOf(past, found({ snapshots: overlays(SnapshotId.parse('b')) }))).toEqual([
      ['snapshot-missing', 'forgotten, so that the next pull unpacks it again'],
      ['blob-missing', 'forgotten, so that the next pull fetches it again'],
      ['blob-missing', 'forgotten, so that the next pull fetches it again'],
    ]);
  });

  it('that are missing stay named where the root of a container is built on them', () => {
    const root: EventInput = {
      type: 'snapshot-prepared',
      data: { ...overlay, key: 'web', id: 'r', kind: 'active', parent: 'b', labels: {} },
    };
    const past = [...snapshot('a'), ...snapshot('b', 'a'), root];
    const there = found({ snapshots: overlays(SnapshotId.parse('b'), SnapshotId.parse('r')) });
    expect(whatOf(past, there)).toEqual([['snapshot-missing', '']]);
  });

  it('that a power cut took before anything in them was synced are made again, where what they build on is there', () => {
    const root = (id: string, parent: string): EventInput => ({
      type: 'snapshot-prepared',
      data: { ...overlay, key: id, id, kind: 'active', parent, labels: {} },
    });
    const past = [...snapshot('a'), ...snapshot('b', 'a'), root('r', 'b')];
    const there = found({
      rebooted: true,
      snapshots: overlays(...['a', 'b'].map((id) => SnapshotId.parse(id))),
    });
    const [repair, ...others] = compare(worldOf(log(...past)), there);
    expect([repair?.divergence?.repair, others]).toEqual(['made again, empty', []]);
    const made: unknown[] = [];
    const answers: Answers = { 'make-snapshot': (what) => void made.push(what) };
    play(mending(repair), { world: worldOf(log(...past)), answers });
    expect(made).toEqual([{ id: 'r', kind: 'active', parents: ['b', 'a'] }]);
    const half = found({ rebooted: true, snapshots: overlays(SnapshotId.parse('a')) });
    const forgotten = 'forgotten, so that the next pull unpacks it again';
    expect(whatOf(past, half).map(([, how]) => how)).toEqual([forgotten, forgotten]);
  });

  it('that nobody named are removed', () => {
    const there = found({
      blobs: [Digest.parse(digest(1))],
      snapshots: overlays(SnapshotId.parse('a')),
      ingests: [{ namespace, ref: IngestRef.parse('r') }],
    });
    expect(whatOf([], there)).toEqual([
      ['snapshot-unnamed', 'removed'],
      ['blob-unnamed', 'removed'],
      ['ingest-unnamed', 'removed'],
    ]);
  });

  it('of a snapshotter that was not looked at are nothing to say of', () => {
    const remote: EventInput = {
      type: 'snapshot-prepared',
      data: { ...overlay, snapshotter: 'stargz', key: 'web', id: 'r', kind: 'active', labels: {} },
    };
    expect(whatOf([remote], found())).toEqual([]);
    const both = new Map([
      ...overlays(SnapshotId.parse('r')),
      [SnapshotterName.parse('native'), [SnapshotId.parse('n')]] as const,
    ]);
    expect(whatOf([remote], found({ snapshots: both }))).toEqual([
      ['snapshot-unnamed', 'removed'],
      ['snapshot-unnamed', 'removed'],
    ]);
  });

  it('that were announced and never came are forgotten without a word', () => {
    const world = worldOf(log(ingest('r')));
    const [repair, ...others] = compare(world, found());
    expect([repair?.divergence, others]).toEqual([undefined, []]);
    const { story } = play(mending(repair), { world });
    expect(story).toEqual(['+ingest-aborted']);
  });
});

describe('a transfer that the end of the daemon cut off', () => {
  const started: EventInput = {
    type: 'transfer-started',
    data: { ...ns, id: 't1', verb: 'pull', what: 'sloop' },
  };
  const lease: EventInput = { type: 'lease-created', data: { ...ns, id: 'transfer-t1', labels: {} } };
  it.each([
    ['with its lease', [started, lease], '+transfer-failed lease-deleted'],
    ['whose lease has gone', [started], '+transfer-failed'],
  ])('fails, %s', (_, past, line) => {
    const world = worldOf(log(...past));
    const [repair] = compare(world, found());
    const { story, facts } = play(mending(repair), { world });
    expect(story).toEqual([line]);
    expect(facts[0]).toMatchObject({
      data: { code: 'aborted', error: 'the daemon stopped during the pull of sloop' },
    });
  });
});

/** A host that does what it is told. */
class FakeHost {
  #found: Found;
  constructor(there: Found) {
    this.#found = there;
  }

  look(): Found {
    return this.#found;
  }

  readonly answers: Answers = {
    'purge-task': (task) => {
      this.#forget(task);
      return undefined;
    },
    'tear-down-task': (task) => this.#forget(task),
    'end-exec': ({ id, execId }) => {
      const tasks = this.#found.tasks.map((one) =>
        one.task.id === id ? { ...one, execs: one.execs.filter((other) => other !== execId) } : one,
      );
      this.#found = { ...this.#found, tasks };
    },
    'remove-snapshot-bytes': ({ snapshotter, id }) => {
      const others = (this.#found.snapshots.get(snapshotter) ?? []).filter((one) => one !== id);
      this.#found = { ...this.#found, snapshots: new Map([[snapshotter, others]]) };
    },
    'remove-blob-bytes': ({ digests }) => {
      this.#found = { ...this.#found, blobs: this.#found.blobs.filter((one) => !digests.includes(one)) };
    },
    'make-snapshot': ({ id }) => {
      const others = [...this.#found.snapshots.values()].flat();
      this.#found = { ...this.#found, snapshots: overlays(...others, id) };
    },
    'discard-ingest': ({ ref }) => {
      this.#found = { ...this.#found, ingests: this.#found.ingests.filter((one) => one.ref !== ref) };
    },
    'remove-container-files': ({ id }) => {
      this.#found = { ...this.#found, files: this.#found.files.filter((task) => task.id !== id) };
    },
  };

  #forget({ id }: { readonly id: ContainerId }): void {
    const { tasks, mounted, streams, ...rest } = this.#found;
    this.#found = {
      ...rest,
      tasks: tasks.filter(({ task }) => task.id !== id),
      mounted: mounted.filter((task) => task.id !== id),
      streams: streams.filter((task) => task.id !== id),
    };
  }
}

/** What the supervisor does about an event. */
const reaction = (fact: Fact<DomainEvent>): Workflow<unknown> | undefined =>
  fact.type === 'task-exited' || fact.type === 'task-lost'
    ? cleanUp(fact.data)
    : (aftermathOf(fact) ?? bytesRemoved(fact));
const bytesRemoved = (fact: Fact<DomainEvent>): Workflow<unknown> | undefined => {
  const digests = bytesLetGo(fact);
  return digests.length === 0 ? undefined : perform('remove-blob-bytes', { digests });
};

/** Applies every repair, and what follows from its events. */
const recoverOnce = (world: World, host: FakeHost): World => {
  let now = world;
  const run = (workflow: Workflow<unknown>): void => {
    const played = play(workflow, { world: now, answers: host.answers });
    if (played.error) throw played.error;
    now = played.world;
    for (const fact of played.facts) {
      const next = reaction(fact);
      if (next) run(next);
    }
  };
  for (const { mend } of compare(world, host.look())) if (mend) run(mend());
  return now;
};

const ids = ['a1', 'b2', 'c3'] as const;
const taskPast = (id: string, steps: number): EventInput[] => {
  const at = { ...ns, id };
  const example = containerEvents['container-created'].example;
  const all: EventInput[] = [
    { type: 'container-created', data: { ...example, id, name: `name-${id}`, snapshotKey: id } },
    { type: 'task-create-requested', data: at },
    { type: 'task-created', data: { ...at, pid: 7 } },
    { type: 'task-start-requested', data: at },
    { type: 'task-started', data: { ...at, pid: 7 } },
    { type: 'task-pause-requested', data: at },
    { type: 'task-paused', data: at },
    { type: 'task-exited', data: { ...at, exitCode: 0, exitedAt: 9 } },
    { type: 'task-deleted', data: at },
  ];
  return all.slice(0, steps);
};
const exit = { code: 1, at: laterThan(60) };
const state = fc.constantFrom<FoundTask['state']>(
  { status: 'created', pid: 7 },
  { status: 'running', pid: 7 },
  { status: 'paused', pid: 7 },
  { status: 'stopped', exit },
  { status: 'dead' },
);
const some = <T>(...values: readonly T[]) => fc.subarray([...values]);
const keys = ids.map((id) => ({ namespace, id: ContainerId.parse(id) }));
const onHost = fc.record<Found>({
  tasks: fc
    .tuple(...keys.map((task) => fc.option(state.map((one): FoundTask => ({ task, state: one, execs: [] })))))
    .map((tasks) => tasks.flatMap((one) => one ?? [])),
  mounted: some(...keys),
  streams: some(...keys),
  snapshots: some(...['s1', 's2', 's3', 's4'].map((id) => SnapshotId.parse(id))).map((ids) =>
    overlays(...ids),
  ),
  blobs: some(...[1, 2, 3].map((n) => Digest.parse(digest(n)))),
  ingests: some(...['r1', 'r2'].map((ref) => ({ namespace, ref: IngestRef.parse(ref) }))),
  files: some(...keys),
  rebooted: fc.boolean(),
});
const chain = [...snapshot('s1'), ...snapshot('s2', 's1'), ...snapshot('s3', 's2')];
const past = fc
  .record({
    tasks: fc.tuple(...ids.map((id) => fc.nat(9).map((steps) => taskPast(id, steps)))),
    snapshots: fc.nat(3).map((count) => chain.slice(0, 2 * count)),
    blobs: some(blob(1), blob(2), blob(2, 'other')),
    ingests: some(ingest('r1'), ingest('r2')),
  })
  .map(({ tasks, snapshots, blobs, ingests }) => [...tasks.flat(), ...snapshots, ...blobs, ...ingests]);

describe('recovery as a whole', () => {
  it('brings log and host together, whatever either has: comparing again finds nothing that could be repaired', () => {
    fc.assert(
      fc.property(past, onHost, (events, there) => {
        const host = new FakeHost(there);
        let world = worldOf(log(...events));
        world = recoverOnce(world, host);
        const left = compare(world, host.look()).flatMap(({ divergence }) => divergence ?? []);
        expect(left.filter(({ repair }) => repair !== '')).toEqual([]);
        expect(left.every(({ what }) => what === 'snapshot-missing')).toBe(true);
        expect([...world.transfer.values()]).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('says what it does about every divergence that it repairs, and nothing where it repairs none', () => {
    fc.assert(
      fc.property(past, onHost, (events, there) => {
        for (const { divergence, mend } of compare(worldOf(log(...events)), there)) {
          if (divergence) expect(divergence.repair !== '').toBe(mend !== undefined);
        }
      }),
      { numRuns: 300 },
    );
  });
});
