import { describe, expect, it } from 'vitest';
import { containerEvents } from '../../../src/domain/containers.ts';
import { isRejection } from '../../../src/domain/rejection.ts';
import { taskCommands } from '../../../src/domain/task-decisions.ts';
import { taskEvents } from '../../../src/domain/task-events.ts';
import { endedExecsKept } from '../../../src/domain/tasks.ts';
import { decide } from '../../../src/domain/world.ts';
import { type CommandInput, commandFrom, type EventInput, given, log, worldOf } from '../../support/given.ts';

const at = { namespace: 'default', id: 'c0ffee' };
const { process } = taskEvents['exec-requested'].example;
const exec = { ...at, execId: 'e1' };
const { order } = taskEvents['client-exec-requested'].example;
const { resources, annotations } = taskEvents['task-update-requested'].example;

const exists: EventInput[] = [
  { type: 'container-created', data: containerEvents['container-created'].example },
];
const creating: EventInput[] = [...exists, { type: 'task-create-requested', data: at }];
const created: EventInput[] = [...creating, { type: 'task-created', data: { ...at, pid: 7 } }];
const starting: EventInput[] = [...created, { type: 'task-start-requested', data: at }];
const running: EventInput[] = [...starting, { type: 'task-started', data: { ...at, pid: 7 } }];
const paused: EventInput[] = [...running, { type: 'task-paused', data: at }];
const stopped: EventInput[] = [
  ...running,
  { type: 'task-exited', data: { ...at, exitCode: 3, exitedAt: 9 } },
];
const over: EventInput[] = [...stopped, { type: 'task-deleted', data: at }];
const pasts = { nowhere: [], exists, creating, created, starting, running, paused, stopped, over };

const commands: readonly CommandInput[] = [
  { type: 'request-task', ...at },
  { type: 'request-start', ...at },
  { type: 'request-pause', ...at },
  { type: 'request-resume', ...at },
  { type: 'request-signal', ...at, signal: 15, all: false },
  { type: 'request-exec', ...exec, process },
  { type: 'request-update', ...at, resources, annotations },
  { type: 'request-client-exec', ...exec, order },
  { type: 'request-exec-start', ...exec },
  { type: 'record-task-created', ...at, pid: 7 },
  { type: 'record-task-started', ...at, pid: 7 },
  { type: 'record-task-failed', ...at, stage: 'create', exitCode: 127, error: 'not found' },
  { type: 'record-paused', ...at },
  { type: 'record-resumed', ...at },
  { type: 'record-signalled', ...at, signal: 15 },
  { type: 'record-action-failed', ...at, action: 'pause', error: 'busy' },
  { type: 'record-oom', ...at },
  { type: 'record-exit', ...at, exitCode: 0, exitedAt: 9 },
  { type: 'record-task-lost', ...at, because: 'reboot' },
  { type: 'record-task-deleted', ...at },
  { type: 'record-exec-started', ...exec, pid: 8 },
  { type: 'record-exec-failed', ...exec, exitCode: 126, error: 'denied' },
  { type: 'record-exec-exit', ...exec, exitCode: 0, exitedAt: 9 },
  { type: 'record-exec-lost', ...exec, because: 'shim gone' },
  { type: 'record-updated', ...at },
  { type: 'record-client-exec-created', ...exec },
  { type: 'record-exec-deleted', ...exec },
  { type: 'request-checkpoint', ...at, path: '' },
  { type: 'record-checkpointed', ...at, path: '' },
];

// What each command leads to in each state of a task: its event, `.` nothing, `!` failed-precondition, `?` not-found,
// `=` already-exists.
const matrix = `
  command               nowhere exists creating created starting running paused stopped over  event
  request-task          ?       +      =        =       =        =       =      =       +     task-create-requested
  request-start         ?       ?      +        +       !        !       !      !       ?     task-start-requested
  request-pause         ?       ?      !        !       !        +       !      !       ?     task-pause-requested
  request-resume        ?       ?      !        !       !        !       +      !       ?     task-resume-requested
  request-signal        ?       ?      !        +       +        +       +      !       ?     task-signal-requested
  request-exec          ?       ?      !        !       !        +       !      !       ?     exec-requested
  request-update        ?       ?      !        +       +        +       +      !       ?     task-update-requested
  request-client-exec   ?       ?      !        !       !        +       !      !       ?     client-exec-requested
  request-exec-start    ?       ?      ?        ?       ?        ?       ?      ?       ?     exec-start-requested
  record-task-created   ?       ?      +        .       .        .       .      .       .     task-created
  record-task-started   ?       ?      .        +       +        .       .      .       .     task-started
  record-task-failed    ?       ?      +        +       +        +       +      .       .     task-failed
  record-paused         ?       ?      .        .       .        +       .      .       .     task-paused
  record-resumed        ?       ?      .        .       .        .       +      .       .     task-resumed
  record-signalled      ?       ?      +        +       +        +       +      +       +     task-signalled
  record-action-failed  ?       ?      +        +       +        +       +      +       +     task-action-failed
  record-oom            ?       ?      +        +       +        +       +      +       +     task-oom
  record-exit           ?       ?      +        +       +        +       +      .       .     task-exited
  record-task-lost      ?       ?      +        +       +        +       +      .       .     task-lost
  record-task-deleted   ?       ?      .        .       .        .       .      +       .     task-deleted
  record-exec-started   ?       ?      .        .       .        .       .      .       .     exec-started
  record-exec-failed    ?       ?      .        .       .        .       .      .       .     exec-failed
  record-exec-exit      ?       ?      .        .       .        .       .      .       .     exec-exited
  record-exec-lost      ?       ?      .        .       .        .       .      .       .     exec-lost
  record-updated        ?       ?      +        +       +        +       +      +       +     task-updated
  record-client-exec-created ?  ?      .        .       .        .       .      .       .     client-exec-created
  record-exec-deleted   ?       ?      .        .       .        .       .      .       .     exec-deleted
  request-checkpoint    ?       ?      !        !       !        +       +      !       ?     task-checkpoint-requested
  record-checkpointed   ?       ?      +        +       +        +       +      +       +     task-checkpointed
`;
const codes = { '!': 'failed-precondition', '?': 'not-found', '=': 'already-exists' } as const;
const [heads = [], ...rows] = matrix
  .trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/));

const outcome = (command: CommandInput, past: readonly EventInput[]): readonly string[] | string => {
  const decision = decide(commandFrom(command), worldOf(log(...past)));
  return isRejection(decision) ? decision.code : decision.map(({ type }) => type);
};

describe('what a command for a task leads to', () => {
  it('is told for every command and every state', () => {
    expect(heads.slice(1, -1)).toEqual(Object.keys(pasts));
    expect(rows.map(([type]) => type).sort()).toEqual(Object.keys(taskCommands).sort());
    expect(commands.map(({ type }) => type)).toEqual(rows.map(([type]) => type));
  });

  for (const [index, [type, ...cells]] of rows.entries()) {
    const event = cells.at(-1) ?? '';
    it(`${type}`, () => {
      const command = commands[index];
      if (!command) throw new Error(`no command for ${type}`);
      const expected = cells.slice(0, -1).map((cell) => {
        if (cell === '+') return [event];
        return cell === '.' ? [] : codes[cell as keyof typeof codes];
      });
      expect(Object.values(pasts).map((past) => outcome(command, past))).toEqual(expected);
    });
  }
});

const requested: EventInput = { type: 'exec-requested', data: { ...exec, process } };
const execRunning: EventInput = { type: 'exec-started', data: { ...exec, pid: 8 } };
const execEnded: EventInput = { type: 'exec-exited', data: { ...exec, exitCode: 0, exitedAt: 9 } };

describe('an exec', () => {
  it('has an id of its own', () => {
    given(...running, requested)
      .when({ type: 'request-exec', ...exec, process })
      .thenRefused('already-exists', /exec 'e1' exists already/);
  });
  it('starts once', () => {
    given(...running, requested)
      .when({ type: 'record-exec-started', ...exec, pid: 8 })
      .thenHappens(execRunning);
    given(...running, requested, execRunning)
      .when({ type: 'record-exec-started', ...exec, pid: 8 })
      .thenNothingHappens();
  });
  for (const [name, past] of [
    ['starting', [requested]],
    ['running', [requested, execRunning]],
  ] as const) {
    it(`that is ${name} exits, fails or is lost`, () => {
      given(...running, ...past)
        .when({ type: 'record-exec-exit', ...exec, exitCode: 0, exitedAt: 9 })
        .thenHappens(execEnded);
      given(...running, ...past)
        .when({ type: 'record-exec-failed', ...exec, exitCode: 126, error: 'denied' })
        .thenHappens({ type: 'exec-failed', data: { ...exec, exitCode: 126, error: 'denied' } });
      given(...running, ...past)
        .when({ type: 'record-exec-lost', ...exec, because: 'shim gone' })
        .thenHappens({ type: 'exec-lost', data: { ...exec, because: 'shim gone' } });
    });
    it(`that is ${name} is lost with its task`, () => {
      given(...running, ...past)
        .when({ type: 'record-task-lost', ...at, because: 'reboot' })
        .thenHappens(
          { type: 'exec-lost', data: { ...exec, because: 'reboot' } },
          { type: 'task-lost', data: { ...at, because: 'reboot' } },
        );
      given(...running, ...past, { type: 'task-exited', data: { ...at, exitCode: 0, exitedAt: 9 } })
        .when({ type: 'record-task-deleted', ...at })
        .thenHappens(
          { type: 'exec-lost', data: { ...exec, because: 'its task was deleted' } },
          { type: 'task-deleted', data: at },
        );
    });
  }
  for (const end of [
    execEnded,
    { type: 'exec-failed', data: { ...exec, exitCode: 126, error: 'denied' } },
    { type: 'exec-lost', data: { ...exec, because: 'shim gone' } },
  ] as const) {
    it(`ends once, after ${end.type}`, () => {
      for (const command of [
        { type: 'record-exec-exit', ...exec, exitCode: 0, exitedAt: 9 },
        { type: 'record-exec-failed', ...exec, exitCode: 126, error: 'denied' },
        { type: 'record-exec-lost', ...exec, because: 'shim gone' },
      ] as const) {
        given(...running, requested, execRunning, end)
          .when(command)
          .thenNothingHappens();
      }
      given(...running, requested, execRunning, end)
        .when({ type: 'record-task-lost', ...at, because: 'reboot' })
        .thenHappens({ type: 'task-lost', data: { ...at, because: 'reboot' } });
    });
  }
  it('takes signals while it runs', () => {
    given(...running, requested, execRunning)
      .when({ type: 'request-signal', ...exec, signal: 9, all: false })
      .thenHappens({ type: 'task-signal-requested', data: { ...exec, signal: 9, all: false } });
  });
  for (const past of [[], [requested], [requested, execRunning, execEnded]]) {
    it(`takes none after ${past.at(-1)?.type ?? 'nothing'}`, () => {
      given(...running, ...past)
        .when({ type: 'request-signal', ...exec, signal: 9, all: false })
        .thenRefused('not-found', /exec 'e1' is not running/);
    });
  }
});

describe('a task', () => {
  it('is told to have run out of memory once', () => {
    given(...running, { type: 'task-oom', data: at })
      .when({ type: 'record-oom', ...at })
      .thenNothingHappens();
  });
  it('that failed is over, and may be asked for again', () => {
    const failed = {
      type: 'task-failed',
      data: { ...at, stage: 'start', exitCode: 127, error: 'x' },
    } as const;
    given(...starting, failed)
      .when({ type: 'request-signal', ...at, signal: 15, all: false })
      .thenRefused('not-found', /has no task: it is not running/);
    given(...starting, failed)
      .when({ type: 'request-task', ...at })
      .thenHappens({ type: 'task-create-requested', data: at });
  });
  it('that was lost is freed like one that exited', () => {
    given(...running, { type: 'task-lost', data: { ...at, because: 'reboot' } })
      .when({ type: 'record-task-deleted', ...at })
      .thenHappens({ type: 'task-deleted', data: at });
  });
  it('goes on when resumed', () => {
    given(...paused, { type: 'task-resumed', data: at })
      .when({ type: 'request-pause', ...at })
      .thenHappens({ type: 'task-pause-requested', data: at });
  });
  it('of a container that has gone is asked for in vain', () => {
    given(...exists, { type: 'container-removed', data: { ...at, name: 'web' } })
      .when({ type: 'request-task', ...at })
      .thenRefused('not-found', /container 'c0ffee' does not exist/);
  });
});

describe('a task that is to start once it is made', () => {
  const asked: EventInput[] = [...creating, { type: 'task-start-requested', data: at }];

  it('is asked for once', () => {
    given(...asked)
      .when({ type: 'request-start', ...at })
      .thenRefused('failed-precondition', /is creating, not created/);
  });
  it('is starting as soon as it is made', () => {
    const made: EventInput = { type: 'task-created', data: { ...at, pid: 7 } };
    expect(worldOf(log(...asked, made)).task.get('default/c0ffee')?.state).toEqual({
      status: 'starting',
      pid: 7,
    });
    given(...asked, made)
      .when({ type: 'record-task-started', ...at, pid: 7 })
      .thenHappens({ type: 'task-started', data: { ...at, pid: 7 } });
  });
  it('may fail before it is made', () => {
    const failed = { stage: 'create', exitCode: 127, error: 'x' } as const;
    given(...asked)
      .when({ type: 'record-task-failed', ...at, ...failed })
      .thenHappens({ type: 'task-failed', data: { ...at, ...failed } });
  });
});

describe('the task of a client', () => {
  const ordered: EventInput = {
    type: 'task-create-requested',
    data: taskEvents['task-create-requested'].example,
  };
  const client: EventInput = {
    type: 'client-container-created',
    data: { ...containerEvents['client-container-created'].example, id: at.id },
  };
  const run: EventInput[] = [
    client,
    ordered,
    { type: 'task-created', data: { ...at, pid: 7 } },
    { type: 'task-start-requested', data: at },
    { type: 'task-started', data: { ...at, pid: 7 } },
  ];
  const asked: EventInput = { type: 'client-exec-requested', data: { ...exec, order } };
  const made: EventInput = { type: 'client-exec-created', data: exec };
  const wanted: EventInput = { type: 'exec-start-requested', data: exec };
  const begun: EventInput = { type: 'exec-started', data: { ...exec, pid: 8 } };

  it('is ordered with the root and the streams of the client', () => {
    const { order: wish } = taskEvents['task-create-requested'].example;
    given(client)
      .when({ type: 'request-task', ...at, order: wish })
      .thenHappens(ordered);
  });
  it('is started when it is there, not before', () => {
    given(client, ordered)
      .when({ type: 'request-start', ...at })
      .thenRefused('failed-precondition', /is creating, not created/);
  });
  it('keeps its pid and its container until the client deletes it', () => {
    const ended: EventInput[] = [...run, { type: 'task-exited', data: { ...at, exitCode: 3, exitedAt: 9 } }];
    expect(worldOf(log(...ended)).task.get('default/c0ffee')?.state).toMatchObject({
      status: 'stopped',
      pid: 7,
      ended: { exitCode: 3 },
    });
    given(...ended)
      .when({ type: 'remove-container', ...at })
      .thenRefused('failed-precondition', /still has a task/);
    given(...ended, { type: 'task-deleted', data: at })
      .when({ type: 'remove-container', ...at })
      .thenHappens({ type: 'container-removed', data: { ...at, name: at.id } });
  });
  it('has extra processes that are made, started and freed one step at a time', () => {
    given(...run, asked)
      .when({ type: 'request-exec-start', ...exec })
      .thenRefused('failed-precondition', /'e1' is creating, not created/);
    given(...run, asked, made)
      .when({ type: 'request-exec-start', ...exec })
      .thenHappens(wanted);
    given(...run, asked, made, wanted)
      .when({ type: 'record-exec-started', ...exec, pid: 8 })
      .thenHappens(begun);
    const ended: EventInput = { type: 'exec-exited', data: { ...exec, exitCode: 4, exitedAt: 9 } };
    const execs = (...past: EventInput[]) => worldOf(log(...past)).task.get('default/c0ffee')?.execs;
    expect(execs(...run, asked, made, wanted, begun, ended)).toMatchObject({
      e1: { status: 'ended', pid: 8, ended: { exitCode: 4 } },
    });
    expect(execs(...run, asked, made, wanted, begun, ended, { type: 'exec-deleted', data: exec })).toEqual(
      {},
    );
  });
  it('has no extra process that its shim would not take', () => {
    const refused: EventInput = { type: 'exec-failed', data: { ...exec, exitCode: 125, error: 'no' } };
    given(...run, asked)
      .when({ type: 'record-exec-failed', ...exec, exitCode: 125, error: 'no' })
      .thenHappens(refused);
    expect(worldOf(log(...run, asked, refused)).task.get('default/c0ffee')?.execs).toEqual({});
  });
});

describe('extra processes of our own', () => {
  const make = (execId: string, exitedAt: number): EventInput[] => [
    { type: 'exec-requested', data: { ...at, execId, process } },
    { type: 'exec-started', data: { ...at, execId, pid: 8 } },
    { type: 'exec-exited', data: { ...at, execId, exitCode: 0, exitedAt } },
  ];
  it('are kept until newer ones have ended, so that health checks do not pile up', () => {
    const many = Array.from({ length: 100 }, (_, n) => make(`check-${n}`, n)).flat();
    const last: EventInput = { type: 'exec-requested', data: { ...at, execId: 'now', process } };
    const execs = worldOf(log(...running, ...many, last)).task.get('default/c0ffee')?.execs ?? {};
    const kept = Array.from({ length: endedExecsKept }, (_, n) => `check-${100 - endedExecsKept + n}`);
    expect(Object.keys(execs)).toEqual([...kept, 'now']);
  });
});
