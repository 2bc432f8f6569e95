import { describe, expect, it } from 'vitest';
import { containerEvents } from '../../../src/domain/containers.ts';
import { ContainerId, ExecId, Namespace } from '../../../src/domain/identity.ts';
import { taskEvents } from '../../../src/domain/task-events.ts';
import { findTask } from '../../../src/domain/tasks.ts';
import { compare } from '../../../src/workflows/recovery.ts';
import type { Found, FoundTask } from '../../../src/workflows/repair.ts';
import { type EventInput, log, worldOf } from '../../support/given.ts';
import { type Answers, laterThan, play } from '../../support/workflow.ts';

const at = { namespace: 'default', id: 'c0ffee' };
const task = { namespace: Namespace.parse('default'), id: ContainerId.parse('c0ffee') };
const exit = { code: 5, at: laterThan(60) };

const exists: EventInput[] = [
  { type: 'container-created', data: containerEvents['container-created'].example },
];
const creating: EventInput[] = [...exists, { type: 'task-create-requested', data: at }];
/** Our own: the intent to start comes with that to make. */
const asked: EventInput[] = [...creating, { type: 'task-start-requested', data: at }];
const created: EventInput[] = [...creating, { type: 'task-created', data: { ...at, pid: 7 } }];
const starting: EventInput[] = [...created, { type: 'task-start-requested', data: at }];
const running: EventInput[] = [...starting, { type: 'task-started', data: { ...at, pid: 7 } }];
const paused: EventInput[] = [...running, { type: 'task-paused', data: at }];
const stopped: EventInput[] = [
  ...running,
  { type: 'task-exited', data: { ...at, exitCode: 3, exitedAt: 9 } },
];
const over: EventInput[] = [...stopped, { type: 'task-deleted', data: at }];
const pasts = { creating, asked, created, starting, running, paused, stopped, over, nowhere: [] } as const;

const states: Readonly<Record<string, FoundTask['state'] | undefined>> = {
  none: undefined,
  created: { status: 'created', pid: 7 },
  running: { status: 'running', pid: 7 },
  paused: { status: 'paused', pid: 7 },
  stopped: { status: 'stopped', exit },
  dead: { status: 'dead' },
  hung: { status: 'hung' },
};

const foundOf = (state: FoundTask['state'] | undefined, more: Partial<Found> = {}): Found => ({
  tasks: state === undefined ? [] : [{ task, state, execs: [] }],
  mounted: [],
  streams: [],
  snapshots: new Map(),
  blobs: [],
  ingests: [],
  files: [],
  rebooted: false,
  ...more,
});

const nothing = () => undefined;
const answers: Answers = {
  'purge-task': nothing,
  'tear-down-task': nothing,
  'end-exec': nothing,
  'remove-container-files': nothing,
};

/** What recovery does, as one line: the divergence, whether the task is taken up and watched, then the story. */
const repaired = (past: readonly EventInput[], found: Found, more: Answers = {}) => {
  const world = worldOf(log(...past));
  const repairs = compare(world, found);
  const lines = repairs.map(({ divergence, adopt, watch, mend }) => {
    const played = mend && play(mend(), { world, answers: { ...answers, ...more } });
    if (played?.error) throw played.error;
    return [
      ...(divergence ? [`!${divergence.what}`] : []),
      ...(adopt ? ['adopt'] : []),
      ...(watch?.task ? ['watch'] : []),
      ...(played?.story ?? []),
    ].join(' ');
  });
  return lines.map((line) => line || 'fine').join('; ');
};

// What the log says, what the host has, and what is done.
const table = `
  creating none     purge-task +task-failed
  creating created  purge-task +task-failed
  creating running  purge-task +task-failed
  creating paused   purge-task +task-failed
  creating stopped  purge-task +task-failed
  creating dead     purge-task +task-failed
  creating hung     purge-task +task-failed
  asked    none     purge-task +task-failed
  asked    created  purge-task +task-failed
  asked    running  adopt +task-created task-started
  asked    paused   adopt +task-created task-started task-paused
  asked    stopped  adopt +task-exited
  asked    dead     purge-task +task-failed
  asked    hung     purge-task +task-failed
  created  none     !task-vanished purge-task +task-lost
  created  created  adopt
  created  running  adopt +task-started
  created  paused   adopt +task-started task-paused
  created  stopped  adopt +task-exited
  created  dead     !task-vanished purge-task +task-lost
  created  hung     !task-unknown
  starting none     !task-vanished purge-task +task-lost
  starting created  purge-task +task-failed
  starting running  adopt +task-started
  starting paused   adopt +task-started task-paused
  starting stopped  adopt +task-exited
  starting dead     !task-vanished purge-task +task-lost
  starting hung     !task-unknown
  running  none     !task-vanished purge-task +task-lost
  running  created  adopt watch
  running  running  adopt watch
  running  paused   adopt watch +task-paused
  running  stopped  adopt +task-exited
  running  dead     !task-vanished purge-task +task-lost
  running  hung     !task-unknown
  paused   none     !task-vanished purge-task +task-lost
  paused   created  adopt watch
  paused   running  adopt watch +task-resumed
  paused   paused   adopt watch
  paused   stopped  adopt +task-exited
  paused   dead     !task-vanished purge-task +task-lost
  paused   hung     !task-unknown
  stopped  none     purge-task +task-deleted
  stopped  created  purge-task +task-deleted
  stopped  running  purge-task +task-deleted
  stopped  paused   purge-task +task-deleted
  stopped  stopped  adopt tear-down-task +task-deleted
  stopped  dead     purge-task +task-deleted
  stopped  hung     purge-task +task-deleted
  over     none
  over     created  !task-unnamed purge-task
  over     running  !task-unnamed purge-task
  over     stopped  !task-unnamed purge-task
  over     dead     !task-unnamed purge-task
  nowhere  none
  nowhere  running  !task-unnamed purge-task
  nowhere  dead     !task-unnamed purge-task
  nowhere  hung     !task-unnamed purge-task
`;

describe('a task after a restart', () => {
  const rows = table
    .trim()
    .split('\n')
    .map((line) => /^\s*(\S+)\s+(\S+)\s*(.*)$/.exec(line)?.slice(1) ?? []);
  it.each(rows)('that the log says is %s, and the host has as %s: %s', (logged, onHost, done) => {
    expect(repaired(pasts[logged as keyof typeof pasts], foundOf(states[onHost as string]))).toBe(done);
  });

  it('that went with the whole host is lost without being a divergence', () => {
    expect(repaired(running, foundOf(undefined, { rebooted: true }))).toBe('purge-task +task-lost');
    const world = worldOf(log(...running));
    const [repair] = compare(world, foundOf(undefined, { rebooted: true }));
    const played = play(repair?.mend?.() ?? fail(), { world, answers });
    expect(played.facts.at(-1)).toMatchObject({ data: { because: 'the host was rebooted' } });
  });

  it('whose shim is gone has the exit that the clean-up of the shim still knows', () => {
    const told = repaired(running, foundOf(states.dead), { 'purge-task': () => exit });
    expect(told).toBe('!task-vanished purge-task +task-exited');
  });

  it.each([
    ['pause', 'running', '+task-action-failed'],
    ['pause', 'paused', '+task-paused'],
    ['resume', 'running', '+task-resumed'],
    ['resume', 'paused', '+task-action-failed'],
  ] as const)('in the middle of a %s, found %s, gets the outcome that is true', (action, onHost, outcome) => {
    const past: EventInput[] = [
      ...(action === 'pause' ? running : paused),
      { type: `task-${action}-requested`, data: at },
    ];
    expect(repaired(past, foundOf(states[onHost]))).toBe(`adopt watch ${outcome}`);
  });

  it('that was to be removed on its exit is removed, where its end came between', () => {
    const example = { ...containerEvents['container-created'].example, removeOnExit: true };
    const past: EventInput[] = [{ type: 'container-created', data: example }, ...over.slice(1)];
    expect(repaired(past, foundOf(undefined))).toBe('+container-removed remove-container-files');
  });
});

describe('extra processes after a restart', () => {
  const { process } = taskEvents['exec-requested'].example;
  const requested: EventInput = { type: 'exec-requested', data: { ...at, execId: 'e1', process } };
  const started: EventInput = { type: 'exec-started', data: { ...at, execId: 'e1', pid: 8 } };
  const ended: EventInput = { type: 'exec-exited', data: { ...at, execId: 'e1', exitCode: 0, exitedAt: 9 } };
  const withExecs = (...execs: string[]): Found =>
    foundOf(undefined, {
      tasks: [{ task, state: { status: 'running', pid: 7 }, execs: execs.map((id) => ExecId.parse(id)) }],
    });

  it.each([
    ['that run are waited for', [requested, started], ['e1'], 'adopt watch'],
    ['that are gone are lost', [requested, started], [], 'adopt watch; end-exec +exec-lost'],
    ['that were only asked for are ended', [requested], ['e1'], 'adopt watch; end-exec +exec-lost'],
    ['that nobody named are ended', [], ['e1'], 'adopt watch; !exec-unnamed end-exec'],
    ['that ended, but were not freed, are', [requested, started, ended], ['e1'], 'adopt watch; end-exec'],
    ['that ended and were freed are past', [requested, started, ended], [], 'adopt watch'],
  ])('%s', (_, past, execs, done) => {
    expect(repaired([...running, ...past], withExecs(...execs))).toBe(done);
  });

  it('that ended, and left streams behind, are freed', () => {
    const streams = [{ ...task, execId: ExecId.parse('e1') }];
    expect(repaired([...running, requested, started, ended], { ...withExecs(), streams })).toBe(
      'adopt watch; end-exec',
    );
  });

  it('are given to be watched by name', () => {
    const [repair] = compare(worldOf(log(...running, requested, started)), withExecs('e1'));
    expect(repair?.watch).toEqual({ task: true, execs: ['e1'] });
  });
});

describe('what a task leaves behind', () => {
  it('is purged once, whatever of it is found', () => {
    expect(repaired([], foundOf(undefined, { mounted: [task] }))).toBe('!mount-unnamed purge-task');
    expect(repaired([], foundOf(undefined, { streams: [task] }))).toBe('!stdio-unnamed purge-task');
    const all = foundOf(states.dead, { mounted: [task], streams: [task] });
    expect(repaired(over, all)).toBe('!task-unnamed purge-task');
  });

  it('is left alone while its task is there', () => {
    const found = foundOf(states.running, { mounted: [task], streams: [task] });
    expect(repaired(running, found)).toBe('adopt watch');
    expect(findTask(worldOf(log(...running)).task, task.namespace, task.id)?.state.status).toBe('running');
  });
});

const fail = (): never => {
  throw new Error('recovery does nothing about it');
};

describe('the task of a client', () => {
  const { order } = taskEvents['client-exec-requested'].example;
  const exec = { ...at, execId: 'e1' };
  const made: EventInput[] = [
    {
      type: 'client-container-created',
      data: { ...containerEvents['client-container-created'].example, id: at.id },
    },
    { type: 'task-create-requested', data: taskEvents['task-create-requested'].example },
    { type: 'task-created', data: { ...at, pid: 7 } },
  ];
  const runs: EventInput[] = [
    ...made,
    { type: 'task-start-requested', data: at },
    { type: 'task-started', data: { ...at, pid: 7 } },
  ];
  const ended: EventInput[] = [...runs, { type: 'task-exited', data: { ...at, exitCode: 3, exitedAt: 9 } }];
  const execs: EventInput[] = [
    ...runs,
    { type: 'client-exec-requested', data: { ...exec, order } },
    { type: 'client-exec-created', data: exec },
  ];
  const here = (found: readonly string[]): Found => ({
    ...foundOf(undefined),
    tasks: [{ task, state: { status: 'running', pid: 7 }, execs: found.map((id) => ExecId.parse(id)) }],
  });

  it('is watched from when it was made: it may end before its client starts it', () => {
    expect(repaired(made, foundOf(states.created))).toBe('adopt watch');
    expect(repaired(runs, foundOf(states.running))).toBe('adopt watch');
  });
  it('stays stopped, with its shim, until its client deletes it', () => {
    expect(repaired(ended, foundOf(states.stopped))).toBe('adopt');
    expect(repaired(runs, foundOf(states.stopped))).toBe('adopt +task-exited');
  });
  it('is freed where its shim is gone', () => {
    expect(repaired(ended, foundOf(undefined))).toBe('purge-task +task-deleted');
  });
  it('keeps its extra processes, also those that were never started or have ended', () => {
    expect(repaired(execs, here(['e1']))).toBe('adopt watch');
    const over: EventInput[] = [
      ...execs,
      { type: 'exec-start-requested', data: exec },
      { type: 'exec-started', data: { ...exec, pid: 8 } },
      { type: 'exec-exited', data: { ...exec, exitCode: 0, exitedAt: 9 } },
    ];
    expect(repaired(over, here(['e1']))).toBe('adopt watch');
    expect(repaired(execs, here([]))).toMatch(/^adopt watch; end-exec.* \+exec-lost$/);
  });
});
