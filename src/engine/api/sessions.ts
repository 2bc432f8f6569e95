import { findContainer } from '../../domain/containers.ts';
import type { ExecId } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import { signalNumber } from '../../domain/signals.ts';
import { findTask, isRunning } from '../../domain/tasks.ts';
import { processOf } from '../../projections/containers.ts';
import { startExec } from '../../workflows/exec.ts';
import type { Workflow } from '../../workflows/steps.ts';
import { carryOut, signal, startTask } from '../../workflows/task.ts';
import { awaitEnd } from '../ending.ts';
import type { Call, ContainersApi, Session } from '../ports/api.ts';
import type { Attachment, OutputChunk } from '../ports/stdio.ts';
import type { TaskKey } from '../ports/task-key.ts';
import { create, findOne, streamsElsewhere } from './containers.ts';
import { type Engine, orThrow, run, shown } from './engine.ts';

type Part = Pick<ContainersApi, 'run' | 'startAttached' | 'attach' | 'exec'>;

/** How long a container that is to be removed after its exit may take to go (milliseconds). */
const removalPatience = 30_000;

/** A terminal's end of a process: run, start, attach, exec. */
export const sessionsApi = (engine: Engine): Part => ({
  run: async ({ detach, ...input }, call) => {
    const { id, name, last } = await create(engine, input, true, call);
    const key = { namespace: input.namespace, id };
    const cause = last === undefined ? call.cause : { ...call.cause, causation: last };
    return begin(engine, key, name, detach, { ...call, cause }, carryOut(key));
  },
  startAttached: async (target, call) => {
    const { namespace, id, name } = findOne(engine, target);
    return begin(engine, { namespace, id }, name, false, call, startTask({ namespace, id }));
  },
  attach: async (target, call) => {
    const container = findOne(engine, target);
    if (container.made === 'client') throw streamsElsewhere(container);
    const { namespace, id, name } = container;
    const task = findTask(shown(engine).task, namespace, id);
    if (!isRunning(task) || !task || !('pid' in task.state)) {
      throw new Rejection(
        'failed-precondition',
        `container '${target.container}' is not running; start it with attach`,
      );
    }
    const attachment = await engine.ports.stdio.attach({ namespace, id });
    const started = Promise.resolve({ pid: task.state.pid });
    return sessionOf(engine, {
      key: { namespace, id },
      name,
      call,
      started,
      fresh: false,
      attachment: Promise.resolve(attachment),
    });
  },
  exec: async ({ process, cwd, detach, ...target }, call) => {
    const container = findOne(engine, target);
    const { namespace, id, name } = container;
    const key = { namespace, id };
    const execId = `exec-${engine.ports.names.sortable()}` as ExecId;
    const { env, cwd: ownCwd } = processOf(container);
    const whole = {
      ...process,
      env: [...env, ...process.env],
      secretEnv: container.made !== 'client' ? container.config.process.secretEnv : [],
      cwd: cwd ?? ownCwd,
    };
    return begin(engine, key, name, detach, call, startExec(key, execId, whole), execId);
  },
});

/** Starts something, with its streams attached from the first byte unless detached. */
const begin = (
  engine: Engine,
  key: TaskKey,
  name: string,
  detach: boolean,
  call: Call,
  workflow: Workflow<{ pid: number }>,
  execId?: ExecId,
): Session => {
  let attached: ((attachment: Attachment) => void) | undefined;
  const attachment = new Promise<Attachment>((resolve) => {
    attached = resolve;
  });
  // A client that goes away leaves a start to its end: half a start helps nobody.
  const { signal: _, ...steady } = call;
  const started = run(engine, workflow, steady, detach || !attached ? {} : { attached });
  const base = { key, name, call, started, fresh: true, ...(execId === undefined ? {} : { execId }) };
  return sessionOf(engine, detach ? base : { ...base, attachment: whichever(attachment, started) });
};

/** The streams; a start that fails before there are any fails them too. */
const whichever = (attachment: Promise<Attachment>, started: Promise<unknown>): Promise<Attachment> =>
  new Promise((resolve, reject) => {
    attachment.then(resolve, reject);
    started.catch(reject);
  });

interface Beginning {
  readonly key: TaskKey;
  readonly name: string;
  readonly execId?: ExecId;
  readonly call: Call;
  readonly started: Promise<{ pid: number }>;
  /** It is about to be started: an earlier end is not this one's. */
  readonly fresh: boolean;
  /** Absent where detached. */
  readonly attachment?: Promise<Attachment>;
}

const sessionOf = (engine: Engine, beginning: Beginning): Session => {
  const { key, name, execId, call, started, attachment } = beginning;
  const { runtime } = engine.ports;
  for (const promise of [attachment, started]) needNotBeAsked(promise);
  const output = attachment ? handedOver(attachment) : undefined;
  const ended = end(engine, beginning, output?.done);
  needNotBeAsked(ended);
  const streams = async (): Promise<Attachment> => {
    if (attachment) return attachment;
    throw new Rejection('failed-precondition', 'a detached session has no streams');
  };
  return {
    container: { id: key.id, name },
    started,
    output: output?.chunks ?? nothing(),
    ended,
    write: async (bytes) => (await streams()).write(bytes),
    closeStdin: async () => {
      await (await streams()).closeStdin();
      await started;
      await runtime.closeStdin(key, execId);
    },
    resize: async (size) => {
      await started;
      await runtime.resize(key, size, execId);
    },
    signal: async (text) => {
      const number = orThrow(signalNumber(text));
      await started;
      if (execId === undefined) await run(engine, signal(key, number), { cause: call.cause });
      else await runtime.signal(key, number, { execId });
    },
    detach: async () => (await streams()).detach(),
  };
};

/** A session has several promises, and nobody has to ask for all of them. */
const needNotBeAsked = (promise: Promise<unknown> | undefined): void => {
  // Whoever awaits it sees the error.
  promise?.catch(() => undefined);
};

async function* nothing(): AsyncIterable<OutputChunk> {}

/** The output, and the moment when all of it was taken by whoever reads it. */
const handedOver = (attachment: Promise<Attachment>) => {
  let finish = () => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const chunks = async function* (): AsyncIterable<OutputChunk> {
    try {
      yield* (await attachment).output;
    } finally {
      finish();
    }
  };
  return { chunks: chunks(), done };
};

/** The end of the process: its exit in the log, its output handed over, a container of `--rm` gone. */
const end = async (
  engine: Engine,
  { key, execId, started, attachment, fresh }: Beginning,
  handed: Promise<void> | undefined,
): Promise<{ exitCode: number } | undefined> => {
  if (!attachment) {
    await started;
    return undefined;
  }
  const stop = new AbortController();
  const ending = awaitEnd(engine.ledger, { ...key, execId }, { next: fresh, signal: stop.signal });
  needNotBeAsked(ending);
  try {
    await started;
  } catch (error) {
    stop.abort();
    throw error;
  }
  const ended = await ending;
  await handed;
  if (execId === undefined) await gone(engine, key);
  if (ended !== 'gone' && ended.how !== 'lost') return { exitCode: ended.exitCode };
  const because = ended === 'gone' ? 'it was removed' : ended.because;
  throw new Rejection(
    'data-loss',
    `the exit code of '${execId ?? key.id.slice(0, 12)}' can not be known: ${because}`,
  );
};

/** Waits for the removal of a container that is to go after its exit. */
const gone = async (engine: Engine, { namespace, id }: TaskKey): Promise<void> => {
  const here = () => findContainer(shown(engine).container, namespace, id);
  if (!here()?.removeOnExit) return;
  await new Promise<void>((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      watch.unsubscribe();
      resolve();
    };
    const timer = setTimeout(finish, removalPatience);
    const watch = engine.ledger.recorded.subscribe((fact) => {
      if (fact.type === 'container-removed' && fact.data.id === id) finish();
    });
  });
};
