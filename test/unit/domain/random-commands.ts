import fc from 'fast-check';
import { containerEvents } from '../../../src/domain/containers.ts';
import type { Fact } from '../../../src/domain/event.ts';
import { isRejection } from '../../../src/domain/rejection.ts';
import { taskEvents } from '../../../src/domain/task-events.ts';
import { type DomainEvent, decide, emptyWorld, evolve, type World } from '../../../src/domain/world.ts';
import { type CommandInput, commandFrom, digest, factOf, START } from '../../support/given.ts';

// Commands over so few names that they meet: most of a sequence is accepted.
const namespace = fc.constantFrom('default', 'default', 'default', 'other');
const digests = fc.constantFrom(...[1, 2, 3, 4].map(digest));
const keys = fc.constantFrom('k1', 'k2', 'k3');
const names = fc.constantFrom('base', 'middle', 'top');
const anyKey = fc.oneof(keys, names);
const snapshotter = fc.constant('overlayfs');
const lease = fc.constantFrom('l1', 'l2');
const maybeLease = fc.option(lease, { nil: undefined, freq: 2 });
const ref = fc.constantFrom('r1', 'r2');
const container = fc.constantFrom('c1', 'c2');
const execId = fc.constantFrom('e1', 'e2');
const sandbox = fc.constantFrom('s1', 's2');
const activation = fc.constantFrom('m1', 'm2');
const position = fc.integer({ min: 0, max: 50 }).map(String);
const cause = fc.oneof(
  fc.constant({ by: 'request' as const }),
  position.map((freedBy) => ({ by: 'gc' as const, freedBy })),
  fc.constant({ by: 'recovery' as const, because: 'missing' }),
);

const label = fc.oneof(
  fc.tuple(
    fc
      .constantFrom('', '.config', '.l.0', '.l.1', '.m.0')
      .map((rest) => `containerd.io/gc.ref.content${rest}`),
    fc.oneof({ weight: 4, arbitrary: digests }, { weight: 1, arbitrary: fc.constant('') }),
  ),
  fc.tuple(
    fc.constantFrom('', '/1').map((rest) => `containerd.io/gc.ref.snapshot.overlayfs${rest}`),
    fc.oneof({ weight: 4, arbitrary: anyKey }, { weight: 1, arbitrary: fc.constant('') }),
  ),
  fc.tuple(fc.constant('containerd.io/gc.root'), fc.constantFrom('now', '', '')),
  fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2', '')),
  fc.tuple(
    fc.constantFrom('content', 'content.x').map((rest) => `containerd.io/gc.bref.${rest}`),
    fc.oneof({ weight: 4, arbitrary: digests }, { weight: 1, arbitrary: fc.constant('') }),
  ),
  fc.tuple(
    fc.constant('containerd.io/gc.bref.image'),
    fc.constantFrom('docker.io/library/a:latest', 'docker.io/library/b:latest', ''),
  ),
  fc.tuple(fc.constant('containerd.io/gc.bref.snapshot.overlayfs'), anyKey),
  fc.tuple(fc.constant('containerd.io/gc.bref.container/x'), container),
  fc.tuple(
    fc.constant('containerd.io/gc.expire'),
    fc.constantFrom('2001-01-01T00:00:00Z', '2001-01-02T01:00:00+01:00', 'some day', ''),
  ),
  fc.tuple(fc.constant('containerd.io/gc.flat'), fc.constantFrom('yes', '')),
);
/** Commands that make things take no empty values, as the edge sees to. */
const labels = fc.array(label, { maxLength: 3 }).map((pairs) => Object.fromEntries(pairs));
const newLabels = labels.map((all) =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== '')),
);

const target = digests.map((one) => ({ mediaType: 'application/x', digest: one, size: 9 }));
const resource = fc.oneof(
  digests.map((id) => ({ type: 'content', id })),
  anyKey.map((id) => ({ type: 'snapshots/overlayfs', id })),
  ref.map((id) => ({ type: 'ingests', id })),
);
const image = {
  namespace,
  name: fc.constantFrom('docker.io/library/a:latest', 'docker.io/library/b:latest'),
};
const blob = { namespace, digest: digests };
const snapshot = { namespace, snapshotter, key: anyKey };
const held = { namespace, id: lease };
const contained = { namespace, id: container };
const { example: described } = containerEvents['container-created'];

/** `undefined` values stand for absent ones. */
const tidy = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;

const command = <T extends string>(type: T, fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record({ type: fc.constant(type), ...fields }).map((made) => tidy(made) as unknown as CommandInput);

export const referenceCommand: fc.Arbitrary<CommandInput> = fc.oneof(
  command('set-image', { ...image, target, labels: newLabels }),
  command('remove-image', image),
  command('start-ingest', { namespace, ref, lease: maybeLease }),
  command('abort-ingest', { namespace, ref, cause }),
  command('commit-blob', {
    ...blob,
    size: fc.constant(9),
    labels: newLabels,
    lease: maybeLease,
    ref: fc.option(ref, { nil: undefined }),
  }),
  command('label-blob', { ...blob, labels }),
  command('remove-blob', { ...blob, cause }),
  command('prepare-snapshot', {
    ...snapshot,
    id: fc.constantFrom('1', '2', '3'),
    kind: fc.constantFrom('active', 'active', 'active', 'view'),
    parent: fc.option(names, { nil: undefined, freq: 2 }),
    labels: newLabels,
    lease: maybeLease,
  }),
  command('commit-snapshot', {
    namespace,
    snapshotter,
    key: keys,
    name: names,
    usage: fc.constant({ bytes: 4096, inodes: 1 }),
    labels,
    lease: maybeLease,
  }),
  command('label-snapshot', { ...snapshot, labels }),
  command('remove-snapshot', { ...snapshot, cause }),
  command('create-lease', {
    ...held,
    labels: newLabels,
    expiresAt: fc.option(fc.integer({ min: START, max: START + 9 }), { nil: undefined, freq: 5 }),
  }),
  command('add-lease-resource', { ...held, resource }),
  command('remove-lease-resource', { ...held, resource }),
  command('delete-lease', held),
  command('expire-leases', { now: fc.integer({ min: START, max: START + 9 }) }),
  container.chain((id) =>
    command('create-container', {
      ...Object.fromEntries(Object.entries(described).map(([field, value]) => [field, fc.constant(value)])),
      namespace,
      id: fc.constant(id),
      name: fc.constant(`name-${id}`),
      image: fc.option(
        digests.map((one) => ({ name: 'docker.io/library/a:latest', digest: one })),
        { nil: undefined },
      ),
      snapshotKey: anyKey,
      labels: newLabels,
    }),
  ),
  command('label-container', { ...contained, labels }),
  command('remove-container', contained),
);

const pid = fc.integer({ min: 1, max: 9 });
const process = fc.constant(taskEvents['exec-requested'].example.process);
const exitCode = fc.integer({ min: 0, max: 255 });
const exitedAt = fc.constant(START);
const exec = { ...contained, execId };

const taskCommand: fc.Arbitrary<CommandInput> = fc.oneof(
  command('request-task', contained),
  command('record-task-created', { ...contained, pid }),
  command('request-start', contained),
  command('record-task-started', { ...contained, pid }),
  command('record-task-failed', {
    ...contained,
    stage: fc.constantFrom('create', 'start'),
    exitCode,
    error: fc.string(),
  }),
  command('request-pause', contained),
  command('record-paused', contained),
  command('request-resume', contained),
  command('record-resumed', contained),
  command('request-signal', { ...contained, signal: fc.constant(15), all: fc.boolean() }),
  command('record-signalled', { ...contained, signal: fc.constant(15) }),
  command('record-action-failed', { ...contained, action: fc.constant('pause'), error: fc.string() }),
  command('record-oom', contained),
  command('record-exit', { ...contained, exitCode, exitedAt }),
  command('record-task-lost', { ...contained, because: fc.string() }),
  command('record-task-deleted', contained),
  command('request-exec', { ...exec, process }),
  command('record-exec-started', { ...exec, pid }),
  command('record-exec-failed', { ...exec, exitCode, error: fc.string() }),
  command('record-exec-exit', { ...exec, exitCode, exitedAt }),
  command('record-exec-lost', { ...exec, because: fc.string() }),
);

const otherCommand: fc.Arbitrary<CommandInput> = fc.oneof(
  command('start-daemon', {
    version: fc.constant('0.1.0'),
    freshHostId: fc.constantFrom('s1', 's2'),
    pid: fc.constant(7),
  }),
  command('stop-daemon', { because: fc.string() }),
  command('report-divergence', {
    what: fc.constant('blob-missing'),
    detail: fc.string(),
    repair: fc.constant(''),
  }),
  command('create-namespace', { namespace, labels: newLabels }),
  command('label-namespace', { namespace, labels }),
  command('remove-namespace', { namespace }),
  command('start-transfer', {
    namespace,
    id: fc.constantFrom('t1', 't2'),
    verb: fc.constant('pull'),
    what: fc.string(),
  }),
  command('create-sandbox', {
    namespace,
    id: sandbox,
    runtime: fc.constant({ name: 'kata' }),
    labels: newLabels,
    extensions: fc.constant({}),
    sandboxer: fc.constant('shim'),
  }),
  command('update-sandbox', { namespace, id: sandbox, change: fc.record({ labels }) }),
  command('remove-sandbox', { namespace, id: sandbox }),
  command('launch-sandbox', {
    namespace,
    id: sandbox,
    runtime: fc.constant('kata'),
    netns: fc.constant(''),
  }),
  command('confirm-sandbox-launched', { namespace, id: sandbox }),
  command('start-sandbox', { namespace, id: sandbox }),
  command('confirm-sandbox-started', { namespace, id: sandbox, pid: fc.constant(7) }),
  command('end-sandbox', {
    namespace,
    id: sandbox,
    exitStatus: fc.constant(3),
    exitedAt: fc.constant(START),
  }),
  command('confirm-sandbox-shut-down', { namespace, id: sandbox }),
  command('request-activation', {
    namespace,
    name: activation,
    id: fc.constant('a1'),
    mounts: fc.constant([]),
    temporary: fc.boolean(),
    labels: newLabels,
    lease: maybeLease,
  }),
  command('confirm-activation', {
    namespace,
    name: activation,
    active: fc.constant([]),
    system: fc.constant([]),
  }),
  command('label-activation', { namespace, name: activation, labels }),
  command('remove-activation', { namespace, name: activation, cause }),
  command('finish-transfer', { namespace, id: fc.constantFrom('t1', 't2'), bytes: fc.nat() }),
  command('fail-transfer', {
    namespace,
    id: fc.constantFrom('t1', 't2'),
    code: fc.constant('unavailable'),
    error: fc.string(),
  }),
);

export const anyCommand = fc.oneof(
  { weight: 3, arbitrary: referenceCommand },
  { weight: 4, arbitrary: taskCommand },
  { weight: 1, arbitrary: otherCommand },
);

/** The log that commands make; refused ones leave nothing. */
export const logOf = (commands: readonly CommandInput[]): readonly Fact<DomainEvent>[] => {
  const facts: Fact<DomainEvent>[] = [];
  let world: World = emptyWorld;
  for (const one of commands) {
    const decision = decide(commandFrom(one), world);
    if (isRejection(decision)) continue;
    for (const event of decision) {
      const fact = factOf(event, facts.length);
      facts.push(fact);
      world = evolve(world, fact);
    }
  }
  return facts;
};
