import { describe, expect, it } from 'vitest';
import { ContainerRequest } from '../../../src/domain/container-request.ts';
import { containerEvents } from '../../../src/domain/containers.ts';
import { ContainerId, ImageName, Namespace, Timestamp } from '../../../src/domain/identity.ts';
import { findImage } from '../../../src/domain/images.ts';
import { Rejection } from '../../../src/domain/rejection.ts';
import {
  type CreateRequest,
  createContainer,
  recordEnd,
  removeContainer,
} from '../../../src/workflows/container.ts';
import { digest, type EventInput, log, worldOf } from '../../support/given.ts';
import { type Answers, fakeImage, play } from '../../support/workflow.ts';

const namespace = Namespace.parse('default');
const fake = fakeImage([1]);
const name = 'docker.io/fleet/sloop:1';

const { config } = containerEvents['container-created'].example;
const { user: userns, ...namespaces } = config.namespaces;
/** A request that leaves to the image what the image can say. */
const asked = (over: Partial<ContainerRequest> = {}): ContainerRequest => {
  const { process: _, hostname: __, stopSignal: ___, stopTimeout: ____, ...rest } = config;
  const fields = { command: [], env: [], secretEnv: [], terminal: false, stdin: false, labels: {} };
  return ContainerRequest.parse({ ...rest, ...fields, namespaces, userns, ...over });
};

const labels = { 'containerd.io/gc.ref.snapshot.overlayfs': 'chain' };
const overlay = { namespace: 'default', snapshotter: 'overlayfs' } as const;
const imageHere: readonly EventInput[] = [
  { type: 'blob-committed', data: { namespace: 'default', digest: digest(0xc0), size: 100, labels } },
  {
    type: 'snapshot-prepared',
    data: { ...overlay, key: 'base', id: 'dir1', kind: 'active', labels: {} },
  },
  {
    type: 'snapshot-committed',
    data: { ...overlay, key: 'base', name: 'chain', usage: { bytes: 1, inodes: 1 }, labels: {} },
  },
  { type: 'image-created', data: { namespace: 'default', name, target: fake.manifest, labels: {} } },
];

const requestFor = (past: readonly EventInput[], over: Partial<CreateRequest> = {}): CreateRequest => {
  const image = findImage(worldOf(log(...past)).image, namespace, ImageName.parse(name));
  if (!image) throw new Error('the past has no image');
  return {
    namespace,
    image,
    imageConfig: fake.config,
    request: asked(),
    secrets: {},
    runtime: { name: 'io.containerd.runc.v2' },
    removeOnExit: false,
    run: false,
    ...over,
  };
};

const nothing = () => undefined;
const answers: Answers = {
  'read-document': fake.read,
  'make-snapshot': nothing,
  'keep-secrets': nothing,
  'remove-snapshot-bytes': nothing,
  'remove-container-files': nothing,
};
const creating = (over: Partial<CreateRequest> = {}, past = imageHere, more: Answers = {}) =>
  play(createContainer(requestFor(past, over)), { past, answers: { ...answers, ...more } });

describe('creating a container', () => {
  it('makes the directory of its root first, then one batch of root and record', () => {
    const { story, result, world } = creating({ name: ContainerId.parse('web') });
    expect(story).toEqual(['read-document:c0', 'make-snapshot', '+snapshot-prepared container-created']);
    expect(result).toEqual({ id: `${'0'.repeat(63)}1`, name: 'web', last: 5n });
    const [container] = world.container.byId.values();
    expect(container).toMatchObject({
      image: { name, digest: fake.manifest.digest },
      config: { process: { args: ['true'] }, hostname: '0'.repeat(12) },
      labels: { from: 'image' },
      snapshotKey: result?.id,
    });
    expect(world.snapshot.get(`default/overlayfs/${result?.id}`)).toMatchObject({ parent: 'chain' });
  });

  it('logs the intent to run it in the same batch', () => {
    expect(creating({ run: true }).story.at(-1)).toBe(
      '+snapshot-prepared container-created task-create-requested task-start-requested',
    );
  });

  it('keeps secrets before it says that there is a container', () => {
    const request = asked({ secretEnv: ['TOKEN'] });
    const kept: unknown[] = [];
    const { story, facts } = creating({ request, secrets: { TOKEN: 'hush' } }, imageHere, {
      'keep-secrets': ({ secrets }) => {
        kept.push(secrets);
      },
    });
    expect(story.slice(1)).toEqual(['keep-secrets', 'make-snapshot', '+snapshot-prepared container-created']);
    expect(kept).toEqual([{ TOKEN: 'hush' }]);
    expect(
      JSON.stringify(facts, (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
    ).not.toContain('hush');
  });

  it('takes back what it made where the name is in use', () => {
    const past = [
      ...imageHere,
      { type: 'container-created', data: containerEvents['container-created'].example } as const,
    ];
    const { story, error, facts } = creating({ name: ContainerId.parse('web') }, past);
    expect(error).toMatchObject({
      code: 'already-exists',
      message: expect.stringMatching(/'web' is in use/),
    });
    expect(story.slice(-2)).toEqual(['remove-snapshot-bytes', 'remove-container-files']);
    expect(facts).toEqual([]);
  });

  it('refuses an image that is not unpacked, or has nothing to run, before it makes anything', () => {
    const packed = imageHere.filter(({ type }) => !type.startsWith('snapshot-'));
    const notUnpacked = creating({}, packed);
    expect(notUnpacked.error).toMatchObject({ code: 'failed-precondition' });
    const idle = creating({}, imageHere, {
      'read-document': () => fake.read({ digest: digest(0xc0) }).replace('"Cmd":["true"],', ''),
    });
    expect(idle.error).toMatchObject({ code: 'invalid-argument' });
    for (const { story } of [notUnpacked, idle]) expect(story).toEqual(['read-document:c0']);
  });
});

describe('removing a container', () => {
  const at = { namespace: 'default', id: 'c0ffee' };
  const task = { namespace, id: ContainerId.parse('c0ffee') };
  const there: readonly EventInput[] = [
    {
      type: 'snapshot-prepared',
      data: { ...overlay, key: 'c0ffee', id: 'dir2', kind: 'active', labels: {} },
    },
    { type: 'container-created', data: containerEvents['container-created'].example },
  ];
  const running: readonly EventInput[] = [
    ...there,
    { type: 'task-create-requested', data: at },
    { type: 'task-created', data: { ...at, pid: 7 } },
    { type: 'task-start-requested', data: at },
    { type: 'task-started', data: { ...at, pid: 7 } },
  ];
  const exited: EventInput = { type: 'task-exited', data: { ...at, exitCode: 0, exitedAt: 9 } };

  const files: Answers = { 'remove-container-files': nothing };

  it('takes record and root away in one batch', () => {
    const { story, world } = play(removeContainer(task, false), { past: there, answers: files });
    expect(story).toEqual(['+container-removed snapshot-removed', 'remove-container-files']);
    expect([world.snapshot.size, world.container.byId.size]).toEqual([0, 0]);
  });

  it('takes away what has no root any more', () => {
    const past = there.slice(1);
    expect(play(removeContainer(task, false), { past, answers: files }).story).toEqual([
      '+container-removed',
      'remove-container-files',
    ]);
  });

  it('refuses one that runs, and changes nothing', () => {
    const { story, error } = play(removeContainer(task, false), { past: running });
    expect([story, error]).toMatchObject([[], { code: 'failed-precondition' }]);
  });

  it('by force kills it first, and frees what it used', () => {
    const { story } = play(removeContainer(task, true), {
      past: running,
      answers: {
        'signal-task': nothing,
        'await-end': (_, { happen }) => {
          happen({ type: 'record-exit', ...at, exitCode: 137, exitedAt: 9 });
          return true;
        },
        'tear-down-task': nothing,
        ...files,
      },
    });
    expect(story).toEqual([
      '+task-signal-requested',
      'signal-task:9',
      '+task-signalled',
      'await-end',
      'tear-down-task',
      '+task-deleted',
      '+container-removed snapshot-removed',
      'remove-container-files',
    ]);
  });

  it('frees an ended one that nobody has freed yet', () => {
    const { story } = play(removeContainer(task, false), {
      past: [...running, exited],
      answers: { 'tear-down-task': nothing, ...files },
    });
    expect(story).toEqual([
      'tear-down-task',
      '+task-deleted',
      '+container-removed snapshot-removed',
      'remove-container-files',
    ]);
  });

  it('keeps the record where the task can not be freed', () => {
    const { error, facts } = play(removeContainer(task, false), {
      past: [...running, exited],
      answers: {
        'tear-down-task': () => {
          throw new Rejection('unavailable', 'busy');
        },
      },
    });
    expect([error, facts]).toMatchObject([{ code: 'unavailable' }, []]);
  });
});

describe('the end of a container', () => {
  const at = { namespace: 'default', id: 'c0ffee' } as const;
  const task = { namespace, id: ContainerId.parse('c0ffee') };
  const exit = { code: 3, at: Timestamp.parse(9) };
  const answers: Answers = { 'tear-down-task': nothing, 'remove-container-files': nothing };
  const past = (removeOnExit: boolean): readonly EventInput[] => {
    const example = { ...containerEvents['container-created'].example, removeOnExit };
    const root = { namespace: 'default', snapshotter: 'overlayfs', key: example.snapshotKey };
    return [
      { type: 'snapshot-prepared', data: { ...root, id: 'r', kind: 'active', labels: {} } },
      { type: 'container-created', data: example },
      { type: 'task-create-requested', data: at },
      { type: 'task-created', data: { ...at, pid: 7 } },
      { type: 'task-start-requested', data: at },
      { type: 'task-started', data: { ...at, pid: 7 } },
    ];
  };

  it('is recorded, and what follows is left to whoever follows it', () => {
    expect(play(recordEnd(task, exit), { past: past(false) }).story).toEqual(['+task-exited']);
  });

  it('takes one that is to go with it along in the same batch, and frees what it used after that', () => {
    const { story, world } = play(recordEnd(task, exit), { past: past(true), answers });
    expect(story).toEqual([
      '+task-exited container-removed',
      'tear-down-task',
      '+snapshot-removed',
      'remove-container-files',
    ]);
    expect([world.container.byId.size, world.task.size, world.snapshot.size]).toEqual([0, 0, 0]);
  });

  it('finds a root that was collected meanwhile as good as removed', () => {
    const { story } = play(recordEnd(task, exit), {
      past: past(true),
      answers: {
        ...answers,
        'tear-down-task': (_, { happen }) => {
          happen({ type: 'remove-snapshot', ...overlay, key: 'c0ffee', cause: { by: 'gc' } });
        },
      },
    });
    expect(story.at(-1)).toBe('remove-container-files');
  });
});
