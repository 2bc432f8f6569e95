import { describe, expect, it } from 'vitest';
import type { Fact } from '../../../src/domain/event.ts';
import type { DomainEvent } from '../../../src/domain/world.ts';
import { type Announcement, announcementOf } from '../../../src/projections/announcements.ts';
import { noMemory, remember } from '../../../src/projections/container-memory.ts';

const wall = 1_795_000_000_000_000;
const task = { namespace: 'default', id: 'web' };
const exec = { ...task, execId: 'e1' };
const end = { exitCode: 3, exitedAt: 1_795_000_000_000_001 };

const factOf = ([type, data]: Row): Fact<DomainEvent> =>
  ({ type, data, meta: { time: { wall } } }) as unknown as Fact<DomainEvent>;
type Row = readonly [DomainEvent['type'], object];

/** What is told of the last of these events. */
const told = (...rows: readonly Row[]): Announcement | undefined => {
  const facts = rows.map(factOf);
  const last = facts.at(-1);
  return last && announcementOf(last, facts.reduce(remember, noMemory));
};

const created: Row = [
  'client-container-created',
  {
    ...task,
    imageName: 'busybox',
    runtime: { name: 'io.containerd.runc.v2' },
    snapshotKey: 'web-root',
    labels: { a: '1' },
  },
];
const order = { rootfs: [], stdin: '', stdout: '/o', stderr: '/e', terminal: true };
const running: readonly Row[] = [
  created,
  ['task-create-requested', { ...task, order }],
  ['task-created', { ...task, pid: 42 }],
];

describe('containers', () => {
  it('are told of with their image and runtime, and with what they are once they changed', () => {
    expect(told(created)).toEqual({
      topic: '/containers/create',
      event: { id: 'web', image: 'busybox', runtime: { name: 'io.containerd.runc.v2' } },
    });
    expect(told(created, ['client-container-updated', { ...task, change: { labels: { b: '2' } } }])).toEqual({
      topic: '/containers/update',
      event: { id: 'web', image: 'busybox', labels: { b: '2' }, snapshotKey: 'web-root' },
    });
    expect(told(created, ['container-removed', { ...task, name: 'web' }])).toEqual({
      topic: '/containers/delete',
      event: { id: 'web' },
    });
  });
});

describe('tasks', () => {
  it.each<[string, readonly Row[], Announcement]>([
    [
      'made, with streams as they were asked for',
      running,
      {
        topic: '/tasks/create',
        event: {
          containerId: 'web',
          pid: 42,
          rootfs: [],
          io: { stdin: '', stdout: '/o', stderr: '/e', terminal: true },
        },
      },
    ],
    [
      'started',
      [...running, ['task-started', { ...task, pid: 42 }]],
      { topic: '/tasks/start', event: { containerId: 'web', pid: 42 } },
    ],
    [
      'ended, with the pid they had',
      [...running, ['task-exited', { ...task, ...end }]],
      {
        topic: '/tasks/exit',
        event: { containerId: 'web', id: 'web', pid: 42, exitStatus: 3, exitedAt: end.exitedAt as never },
      },
    ],
    [
      'lost, as killed',
      [...running, ['task-lost', { ...task, because: 'reboot' }]],
      {
        topic: '/tasks/exit',
        event: { containerId: 'web', id: 'web', pid: 42, exitStatus: 137, exitedAt: wall as never },
      },
    ],
    [
      'deleted, with how they ended',
      [...running, ['task-exited', { ...task, ...end }], ['task-deleted', task]],
      {
        topic: '/tasks/delete',
        event: { containerId: 'web', id: '', pid: 42, exitStatus: 3, exitedAt: end.exitedAt as never },
      },
    ],
    ['out of memory', [['task-oom', task]], { topic: '/tasks/oom', event: { containerId: 'web' } }],
    ['frozen', [['task-paused', task]], { topic: '/tasks/paused', event: { containerId: 'web' } }],
    ['going on', [['task-resumed', task]], { topic: '/tasks/resumed', event: { containerId: 'web' } }],
    [
      'given another process',
      [['client-exec-created', exec]],
      { topic: '/tasks/exec-added', event: { containerId: 'web', execId: 'e1' } },
    ],
    [
      'running that process',
      [['exec-started', { ...exec, pid: 43 }]],
      { topic: '/tasks/exec-started', event: { containerId: 'web', execId: 'e1', pid: 43 } },
    ],
    [
      'without it again',
      [
        ['exec-started', { ...exec, pid: 43 }],
        ['exec-exited', { ...exec, ...end }],
      ],
      {
        topic: '/tasks/exit',
        event: { containerId: 'web', id: 'e1', pid: 43, exitStatus: 3, exitedAt: end.exitedAt as never },
      },
    ],
  ])('are told of when they are %s', (_, rows, announcement) => {
    expect(told(...rows)).toEqual(announcement);
  });

  it('remember of extra processes that have ended only the last', () => {
    const many = Array.from({ length: 100 }, (_, at): readonly Row[] => [
      ['exec-started', { ...task, execId: `e${at}`, pid: at + 1 }],
      ['exec-exited', { ...task, execId: `e${at}`, ...end }],
    ]).flat();
    const { execs } = many.map(factOf).reduce(remember, noMemory);
    expect([...execs]).toEqual([['e99', 100]]);
  });

  it('begin anew with the next one of the container', () => {
    const again = told(
      ...running,
      ['task-exited', { ...task, ...end }],
      ['task-deleted', task],
      ['task-create-requested', task],
      ['task-created', { ...task, pid: 50 }],
    );
    expect(again).toMatchObject({ topic: '/tasks/create', event: { pid: 50, io: { stdout: '' } } });
  });
});

it.each<[Row, Announcement | undefined]>([
  [
    ['image-created', { ...task, name: 'busybox', labels: { a: '1' } }],
    { topic: '/images/create', event: { name: 'busybox', labels: { a: '1' } } },
  ],
  // containerd tells nothing of content that a collection removes.
  [['blobs-collected', { namespace: 'default', blobs: [{ digest: 'sha256:ab' }] }], undefined],
  [['blob-removed', { digest: 'sha256:ab' }], { topic: '/content/delete', event: { digest: 'sha256:ab' } }],
  [
    ['snapshot-prepared', { key: 'k', kind: 'active', parent: 'p' }],
    { topic: '/snapshot/prepare', event: { key: 'k', parent: 'p' } },
  ],
  [['snapshot-prepared', { key: 'k', kind: 'view' }], undefined],
  [['sandbox-created', { ...task }], undefined],
  [['sandbox-launched', { ...task }], { topic: '/sandboxes/create', event: { sandboxId: 'web' } }],
  [['sandbox-started', { ...task, pid: 1 }], { topic: '/sandboxes/start', event: { sandboxId: 'web' } }],
  [
    ['sandbox-exited', { ...task, exitStatus: 3, exitedAt: end.exitedAt }],
    {
      topic: '/sandboxes/exit',
      event: { sandboxId: 'web', exitStatus: 3, exitedAt: end.exitedAt as never },
    },
  ],
  [['sandbox-lost', { ...task }], undefined],
  [['sandbox-shut-down', { ...task }], undefined],
  [['lease-created', { namespace: 'default', id: 'l' }], undefined],
  [['daemon-started', {}], undefined],
])('%j is told as %j', (row, announcement) => {
  expect(told(row)).toEqual(announcement);
});

describe('the end of a sandbox', () => {
  const started: Row = ['sandbox-started', { ...task, pid: 1 }];
  const exited: Row = ['sandbox-exited', { ...task, exitStatus: 3, exitedAt: end.exitedAt }];
  const unknown = {
    topic: '/sandboxes/exit',
    event: { sandboxId: 'web', exitStatus: 137, exitedAt: wall as never },
  };

  it.each(['sandbox-lost', 'sandbox-shut-down'] as const)(
    'is told with %s where nothing told it before',
    (type) => {
      expect(told(started, [type, { ...task }])).toEqual(unknown);
    },
  );

  it.each(['sandbox-lost', 'sandbox-shut-down'] as const)('is not told again with %s', (type) => {
    expect(told(started, exited, [type, { ...task }])).toBeUndefined();
  });

  it('is told again of the next one of that name', () => {
    expect(
      told(
        started,
        exited,
        ['sandbox-launch-requested', { ...task, runtime: 'r', netns: '' }],
        started,
        exited,
      ),
    ).toMatchObject({ topic: '/sandboxes/exit', event: { exitStatus: 3 } });
  });
});
