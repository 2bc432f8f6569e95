import { describe, expect, it } from 'vitest';
import { containerEvents } from '../../../src/domain/containers.ts';
import { Namespace } from '../../../src/domain/identity.ts';
import { isRejection } from '../../../src/domain/rejection.ts';
import { listContainers } from '../../../src/projections/container-list.ts';
import { containerView, resolveContainer } from '../../../src/projections/containers.ts';
import { digest, type EventInput, log, wallAt, worldOf } from '../../support/given.ts';

const ns = Namespace.parse('default');
const { example } = containerEvents['container-created'];
const made = (
  id: string,
  name: string,
  labels: Record<string, string> = {},
  namespace = 'default',
): EventInput => ({
  type: 'container-created',
  data: { ...example, namespace, id, name, labels },
});
const world = (...events: EventInput[]) => worldOf(log(...events));
const at = { namespace: 'default', id: 'c0ffee' };
const run: EventInput[] = [
  made('c0ffee', 'web'),
  { type: 'task-create-requested', data: at },
  { type: 'task-created', data: { ...at, pid: 7 } },
  { type: 'task-start-requested', data: at },
  { type: 'task-started', data: { ...at, pid: 7 } },
];

describe('a container is found by', () => {
  const three = world(
    made('c0ffee', 'web'),
    made('c0de', 'db'),
    made('beef', 'c0'),
    made('other1', 'x', {}, 'other'),
  );
  it.each([
    ['c0ffee', 'c0ffee'],
    ['web', 'c0ffee'],
    ['c0f', 'c0ffee'],
    ['b', 'beef'],
    ['c0', 'beef'],
  ])('%s', (text, id) => {
    expect(resolveContainer(three, ns, text)).toMatchObject({ id });
  });
  it.each([
    ['c', 'invalid-argument', /'c' may be c0de \(db\), c0ffee \(web\); give more of the id/],
    ['nosuch', 'not-found', /container 'nosuch' does not exist in namespace 'default'/],
    ['other1', 'not-found', /does not exist/],
    ['../x', 'not-found', /does not exist/],
    ['', 'invalid-argument', /container is empty/],
  ])('but not by %j: %s', (text, code, message) => {
    expect(resolveContainer(three, ns, text)).toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});

const exited: EventInput = { type: 'task-exited', data: { ...at, exitCode: 137, exitedAt: wallAt(9) } };

describe('a container is', () => {
  it.each<[string, EventInput[], object]>([
    ['created when it never ran', run.slice(0, 1), { status: 'created' }],
    ['created when its process is asked for', run.slice(0, 2), { status: 'created' }],
    ['created with its process waiting', run.slice(0, 3), { status: 'created', pid: 7 }],
    ['created while it starts', run.slice(0, 4), { status: 'created', pid: 7 }],
    ['running', run, { status: 'running', pid: 7, startedAt: wallAt(4) }],
    [
      'paused',
      [...run, { type: 'task-paused', data: at }],
      { status: 'paused', pid: 7, startedAt: wallAt(4) },
    ],
    [
      'exited',
      [...run, exited],
      { status: 'exited', startedAt: wallAt(4), exitedAt: wallAt(9), exitCode: 137 },
    ],
    [
      'exited, with what it held freed',
      [...run, { type: 'task-oom', data: at }, exited, { type: 'task-deleted', data: at }],
      { status: 'exited', startedAt: wallAt(4), exitedAt: wallAt(9), exitCode: 137, oomKilled: true },
    ],
    [
      'exited where it could not be made',
      [
        ...run.slice(0, 2),
        { type: 'task-failed', data: { ...at, stage: 'create', exitCode: 127, error: 'x' } },
      ],
      { status: 'exited', exitedAt: wallAt(2), exitCode: 127, error: 'x' },
    ],
    [
      'lost',
      [...run, { type: 'task-lost', data: { ...at, because: 'reboot' } }],
      { status: 'lost', startedAt: wallAt(4), exitedAt: wallAt(5), error: 'reboot' },
    ],
  ])('%s', (_, events, state) => {
    const now = world(...events);
    const container = resolveContainer(now, ns, 'web');
    if (isRejection(container)) throw container;
    expect(containerView(now, container)).toEqual({
      namespace: ns,
      id: 'c0ffee',
      name: 'web',
      image: example.image,
      args: ['httpd', '-f'],
      createdAt: wallAt(0),
      labels: {},
      runtime: 'io.containerd.runc.v2',
      oomKilled: false,
      error: '',
      ...state,
    });
  });
});

describe('a list of containers', () => {
  const many = world(
    ...run,
    made('beef', 'db', { tier: 'back', env: 'prod' }),
    made('cafe', 'db-copy', { tier: 'back' }),
    { type: 'task-create-requested', data: { ...at, id: 'cafe' } },
    { type: 'task-failed', data: { ...at, id: 'cafe', stage: 'create', exitCode: 126, error: 'denied' } },
    made('other1', 'x', {}, 'other'),
  );
  const names = (all: boolean, ...filters: string[]) => {
    const views = listContainers(many, ns, { all, filters });
    if (isRejection(views)) return views.message;
    return Array.from(views, ({ name }) => name);
  };
  it.each<[boolean, string[], string[]]>([
    [false, [], ['web']],
    [true, [], ['db-copy', 'db', 'web']],
    [false, ['status=exited'], ['db-copy']],
    [false, ['status=exited', 'status=running'], ['db-copy', 'web']],
    [false, ['exited=126'], ['db-copy']],
    [true, ['exited=1'], []],
    [true, ['name=db'], ['db-copy', 'db']],
    [true, ['name=db', 'status=created'], ['db']],
    [true, ['id=be'], ['db']],
    [true, ['label=tier'], ['db-copy', 'db']],
    [true, ['label=tier=back', 'label=env=prod'], ['db']],
    [true, ['label=tier=front'], []],
    [true, ['ancestor=busybox'], ['db-copy', 'db', 'web']],
    [true, ['ancestor=alpine'], []],
    [true, [`ancestor=${digest(0xab).slice(0, 9)}`], []],
    [true, ['ancestor=abababab'], ['db-copy', 'db', 'web']],
  ])('all %s, %j', (all, filters, expected) => {
    expect(names(all, ...filters)).toEqual(expected);
  });
  it('looks at a container when its turn comes, and at none that is not asked for', () => {
    const looked: string[] = [];
    const findTask = many.task.get.bind(many.task);
    const watched = {
      ...many,
      task: Object.assign(Object.create(many.task), {
        get: (key: string) => {
          looked.push(key);
          return findTask(key);
        },
      }),
    };
    const views = listContainers(watched, ns, { all: true, filters: [] });
    if (isRejection(views)) throw views;
    expect(looked).toEqual([]);
    const [newest] = views;
    expect([newest?.name, looked.length]).toEqual(['db-copy', 1]);
  });
  it.each([
    ['colour=red', /filter 'colour=red' is not known; there are status=, name=/],
    ['status', /filter 'status' is not known/],
    ['toString=1', /is not known/],
    ['status=dead', /status 'dead' is none of created, running/],
    ['exited=x', /exited 'x' is no exit code/],
  ])('refuses %s', (filter, message) => {
    expect(listContainers(many, ns, { all: true, filters: [filter] })).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(message),
    });
  });
});
