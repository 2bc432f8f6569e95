import { describe, expect, it } from 'vitest';
import { ProcessConfig } from '../../../src/domain/container-config.ts';
import { containerEvents } from '../../../src/domain/containers.ts';
import { ContainerId, ExecId, Namespace } from '../../../src/domain/identity.ts';
import { Rejection } from '../../../src/domain/rejection.ts';
import { taskEvents } from '../../../src/domain/task-events.ts';
import { findTask } from '../../../src/domain/tasks.ts';
import { startExec } from '../../../src/workflows/exec.ts';
import { cleanUp, pause, resume, signal, startTask, stop } from '../../../src/workflows/task.ts';
import type { EventInput } from '../../support/given.ts';
import { type Answers, type Meanwhile, type Play, play } from '../../support/workflow.ts';

const task = { namespace: Namespace.parse('default'), id: ContainerId.parse('c0ffee') };
const at = { namespace: 'default', id: 'c0ffee' };

const exists: readonly EventInput[] = [
  {
    type: 'snapshot-prepared',
    data: {
      namespace: 'default',
      snapshotter: 'overlayfs',
      key: 'base',
      id: 'dir1',
      kind: 'active',
      labels: {},
    },
  },
  {
    type: 'snapshot-committed',
    data: {
      namespace: 'default',
      snapshotter: 'overlayfs',
      key: 'base',
      name: 'chain',
      usage: { bytes: 1, inodes: 1 },
      labels: {},
    },
  },
  {
    type: 'snapshot-prepared',
    data: {
      namespace: 'default',
      snapshotter: 'overlayfs',
      key: 'c0ffee',
      id: 'dir2',
      kind: 'active',
      parent: 'chain',
      labels: {},
    },
  },
  { type: 'container-created', data: containerEvents['container-created'].example },
];
const running: readonly EventInput[] = [
  ...exists,
  { type: 'task-create-requested', data: at },
  { type: 'task-created', data: { ...at, pid: 7 } },
  { type: 'task-start-requested', data: at },
  { type: 'task-started', data: { ...at, pid: 7 } },
];
const paused: readonly EventInput[] = [...running, { type: 'task-paused', data: at }];

const status = ({ world }: Play<unknown>) => findTask(world.task, task.namespace, task.id)?.state.status;
const refuse = (code: Rejection['code'], message: string) => (): never => {
  throw new Rejection(code, message);
};
const nothing = () => undefined;
const exits = (exitCode: number) => ({ type: 'record-exit', ...at, exitCode, exitedAt: 9 }) as const;

describe('starting', () => {
  it('logs each intent before the act and each outcome after it', () => {
    const roots: (readonly string[])[] = [];
    const started = play(startTask(task), {
      past: exists,
      answers: {
        'create-task': ({ root }) => {
          roots.push(root);
          return { pid: 7 };
        },
        'start-task': () => ({ pid: 7 }),
      },
    });
    expect(started.story).toEqual([
      '+task-create-requested task-start-requested',
      'create-task',
      'start-task',
      '+task-created task-started',
    ]);
    expect(started.result).toEqual({ pid: 7 });
    expect(roots).toEqual([['dir2', 'dir1']]);
  });

  it.each([
    ['create', { 'create-task': refuse('unavailable', 'no shim') }, ['create-task']],
    [
      'start',
      { 'create-task': () => ({ pid: 7 }), 'start-task': refuse('internal', 'no such file') },
      ['create-task', 'start-task'],
    ],
  ])('frees everything before it says that the %s failed', (stage, answers: Answers, between) => {
    const failed = play(startTask(task), { past: exists, answers: { ...answers, 'purge-task': nothing } });
    const outcome = stage === 'start' ? '+task-created task-failed' : '+task-failed';
    expect(failed.story).toEqual([
      '+task-create-requested task-start-requested',
      ...between,
      'purge-task',
      outcome,
    ]);
    expect(failed.facts.at(-1)).toMatchObject({ data: { stage, exitCode: 125 } });
    expect(failed.error).toBeInstanceOf(Rejection);
    expect(status(failed)).toBe('over');
  });

  it('keeps the exit code of a program that can not be run', () => {
    const notFound = Object.assign(new Error('exec: nosuch: not found'), { exitCode: 127 });
    const failed = play(startTask(task), {
      past: exists,
      answers: {
        'create-task': () => {
          throw notFound;
        },
        'purge-task': nothing,
      },
    });
    expect(failed.error).toBe(notFound);
    expect(failed.facts.at(-1)).toMatchObject({ data: { exitCode: 127, error: 'exec: nosuch: not found' } });
  });

  it.each([
    ['+task-create-requested task-start-requested', '+task-failed'],
    ['create-task', '+task-created task-failed'],
    ['start-task', '+task-created task-failed'],
  ])('leaves no process behind when the caller goes away after %s', (cancelAfter, outcome) => {
    const gone = play(startTask(task), {
      past: exists,
      cancelAfter,
      answers: { 'create-task': () => ({ pid: 7 }), 'start-task': () => ({ pid: 7 }), 'purge-task': nothing },
    });
    expect(gone.error).toMatchObject({ code: 'cancelled' });
    expect(gone.story.slice(-2)).toEqual(['purge-task', outcome]);
    expect(status(gone)).toBe('over');
  });

  it('touches nothing where there is no such container, or it runs', () => {
    const nobody = play(startTask(task));
    expect([nobody.story, nobody.error]).toMatchObject([[], { code: 'not-found' }]);
    const twice = play(startTask(task), { past: running });
    expect([twice.story, twice.error]).toMatchObject([[], { code: 'already-exists' }]);
  });
});

describe('pausing, resuming, signalling', () => {
  it.each([
    ['pause', () => pause(task), running, ['+task-pause-requested', 'pause-task', '+task-paused']],
    ['resume', () => resume(task), paused, ['+task-resume-requested', 'resume-task', '+task-resumed']],
    [
      'signal',
      () => signal(task, 10),
      running,
      ['+task-signal-requested', 'signal-task:10', '+task-signalled'],
    ],
  ])('%s stands in the log before and after', (action, workflow, past, story) => {
    const answers = { 'pause-task': nothing, 'resume-task': nothing, 'signal-task': nothing };
    expect(play(workflow(), { past, answers }).story).toEqual(story);
    const wrong = refuse('unavailable', 'no answer');
    const failed = play(workflow(), {
      past,
      answers: { 'pause-task': wrong, 'resume-task': wrong, 'signal-task': wrong },
    });
    expect(failed.story).toEqual([...story.slice(0, 2), '+task-action-failed']);
    expect(failed.facts.at(-1)).toMatchObject({ data: { action, error: 'no answer' } });
    expect(failed.error).toMatchObject({ code: 'unavailable' });
    expect(findTask(failed.world.task, task.namespace, task.id)?.pending).toBeUndefined();
  });
});

describe('stopping', () => {
  const stopping = (answers: Answers, past = running, more: { timeout?: number; signal?: number } = {}) =>
    play(stop({ ...task, ...more }), { past, answers: { 'signal-task': nothing, ...answers } });

  it('asks with the signal of the container, and waits as long as the container says', () => {
    const waited: (number | undefined)[] = [];
    const { story, error } = stopping({
      'await-end': ({ ms }) => {
        waited.push(ms);
        return true;
      },
    });
    expect(story).toEqual([
      '+task-signal-requested',
      'signal-task:15',
      '+task-signalled',
      'await-end',
      'await-end',
    ]);
    expect([waited[0], error]).toEqual([10_000, undefined]);
  });

  it('kills every process of what did not end in time', () => {
    const sent: unknown[] = [];
    const { story } = stopping(
      {
        'await-end': ({ ms }) => ms !== 3000,
        'signal-task': ({ signal: number, all }) => {
          sent.push([number, all]);
        },
      },
      running,
      { timeout: 3, signal: 2 },
    );
    expect(sent).toEqual([
      [2, false],
      [9, true],
    ]);
    expect(story.slice(-4)).toEqual([
      '+task-signal-requested',
      'signal-task:9',
      '+task-signalled',
      'await-end',
    ]);
  });

  it('says so where even that does not help', () => {
    expect(stopping({ 'await-end': () => false }).error).toMatchObject({
      code: 'deadline-exceeded',
      message: expect.stringMatching(/'web' did not end within 10 s of SIGKILL/),
    });
  });

  it('lets a paused one go on first, since it could not end', () => {
    const { story } = stopping({ 'await-end': () => true, 'resume-task': nothing }, paused);
    expect(story.slice(0, 4)).toEqual([
      '+task-resume-requested',
      'resume-task',
      '+task-resumed',
      '+task-signal-requested',
    ]);
  });

  it.each(['not-found', 'failed-precondition'] as const)(
    'takes a signal that came too late (%s) for an end',
    (code) => {
      const { error, world } = stopping({
        'signal-task': (_, { happen }: Meanwhile) => {
          happen(exits(0));
          return refuse(code, 'it is gone')();
        },
        'await-end': () => true,
      });
      expect(error).toBeUndefined();
      expect(findTask(world.task, task.namespace, task.id)?.state.status).toBe('stopped');
    },
  );

  it('does nothing to what has ended, or never ran', () => {
    const ended: readonly EventInput[] = [
      ...running,
      { type: 'task-exited', data: { ...at, exitCode: 0, exitedAt: 9 } },
    ];
    for (const past of [exists, ended, [...ended, { type: 'task-deleted', data: at } as const]]) {
      expect(stopping({}, past)).toMatchObject({ story: [], result: undefined });
    }
  });

  it('passes on what else goes wrong', () => {
    const { error, story } = stopping({ 'signal-task': refuse('unavailable', 'the shim is gone') });
    expect(error).toMatchObject({ code: 'unavailable' });
    expect(story.at(-1)).toBe('+task-action-failed');
  });
});

describe('an extra process', () => {
  const process = ProcessConfig.parse(taskEvents['exec-requested'].example.process);
  const starting = (answers: Answers) =>
    play(startExec(task, ExecId.parse('e1'), process), { past: running, answers });

  it('is named before it is there', () => {
    const { story, result } = starting({ 'start-exec': () => ({ pid: 8 }) });
    expect(story).toEqual(['+exec-requested', 'start-exec', '+exec-started']);
    expect(result).toEqual({ pid: 8 });
  });

  it('is freed before its failure is told', () => {
    const { story, error, facts } = starting({
      'start-exec': refuse('not-found', 'nosuch'),
      'end-exec': nothing,
    });
    expect(story).toEqual(['+exec-requested', 'start-exec', 'end-exec', '+exec-failed']);
    expect(facts.at(-1)).toMatchObject({ data: { exitCode: 125, error: 'nosuch' } });
    expect(error).toMatchObject({ code: 'not-found' });
  });
});

it('frees an ended task before it says so', () => {
  const past: readonly EventInput[] = [
    ...running,
    { type: 'task-exited', data: { ...at, exitCode: 0, exitedAt: 9 } },
  ];
  const freed = play(cleanUp(task), { past, answers: { 'tear-down-task': nothing } });
  expect(freed.story).toEqual(['tear-down-task', '+task-deleted']);
  const stuck = play(cleanUp(task), { past, answers: { 'tear-down-task': refuse('unavailable', 'busy') } });
  expect(stuck.story).toEqual(['tear-down-task']);
});
