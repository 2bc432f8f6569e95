import { jsonOf } from '../../domain/any-value.ts';
import { type Container, containerSubject, findContainer } from '../../domain/containers.ts';
import { type ContainerId, ImageName, type Position, type Timestamp } from '../../domain/identity.ts';
import { imageNameOf } from '../../domain/image-reference.ts';
import { findImage, type Image } from '../../domain/images.ts';
import { Rejection } from '../../domain/rejection.ts';
import { signalNumber } from '../../domain/signals.ts';
import { argsOf, type Ended, findTask, isRunning } from '../../domain/tasks.ts';
import { listContainers } from '../../projections/container-list.ts';
import { containerView, resolveContainer } from '../../projections/containers.ts';
import { resolveImage } from '../../projections/images.ts';
import { createContainer, removeContainer } from '../../workflows/container.ts';
import { pull } from '../../workflows/pull.ts';
import { perform } from '../../workflows/steps.ts';
import { pause, resume, signal, startTask, stop } from '../../workflows/task.ts';
import { awaitEnd } from '../ending.ts';
import type { Call, ContainersApi, Named, NewContainer } from '../ports/api.ts';
import type { LogEntry, ReadLogs } from '../ports/stdio.ts';
import type { TaskKey } from '../ports/task-key.ts';
import { type Engine, orThrow, run, shown } from './engine.ts';
import { configOf } from './images.ts';
import { viewsAt } from './past.ts';

type Part = Omit<ContainersApi, 'run' | 'startAttached' | 'attach' | 'exec'>;

/** Containers and their tasks, but for sessions. */
export const containersApi = (engine: Engine): Part => ({
  create: async (input, call) => {
    const { id, name } = await create(engine, input, false, call);
    return { id, name };
  },
  start: async (target, call) => run(engine, startTask(keyOf(engine, target)), call),
  stop: async ({ timeout, signal: name, ...target }, call) => {
    const key = keyOf(engine, target);
    const number = name === undefined || name === '' ? undefined : orThrow(signalNumber(name));
    const ended = awaitEnd(engine.ledger, key, call);
    // Where stopping fails, nobody asks how it ended.
    ended.catch(() => undefined);
    await run(
      engine,
      stop({
        ...key,
        ...(timeout === undefined ? {} : { timeout }),
        ...(number === undefined ? {} : { signal: number }),
      }),
      call,
    );
    return { exitCode: endOf(key, await ended).exitCode };
  },
  kill: async ({ signal: name, ...target }, call) => {
    const key = keyOf(engine, target);
    const number = orThrow(signalNumber(name || 'KILL'));
    if (!isRunning(findTask(shown(engine).task, key.namespace, key.id))) {
      throw new Rejection('failed-precondition', `container '${target.container}' is not running`);
    }
    await run(engine, signal(key, number), call);
  },
  pause: async (target, call) => run(engine, pause(keyOf(engine, target)), call),
  unpause: async (target, call) => run(engine, resume(keyOf(engine, target)), call),
  wait: async (target, call) => {
    const key = keyOf(engine, target);
    return endOf(key, await awaitEnd(engine.ledger, key, call));
  },
  remove: async ({ force, ...target }, call) => {
    const key = keyOf(engine, target);
    if (!force && isRunning(findTask(shown(engine).task, key.namespace, key.id))) {
      throw new Rejection(
        'failed-precondition',
        `container '${target.container}' is running; stop it first, or remove it with force`,
      );
    }
    await run(engine, removeContainer(key, force), call);
  },
  list: async (namespace, { at, ...options }, signal) =>
    orThrow(listContainers((await viewsAt(engine, at, signal)).world, namespace, options)),
  inspect: async ({ at, ...target }, signal) => {
    const { world } = await viewsAt(engine, at, signal);
    const container = orThrow(resolveContainer(world, target.namespace, target.container));
    const { namespace, id, snapshotter, snapshotKey } = container;
    const execs = Object.values(findTask(world.task, namespace, id)?.execs ?? {});
    const here = findContainer(shown(engine).container, namespace, id) !== undefined;
    return {
      container: containerView(world, container),
      config:
        container.made !== 'client'
          ? JSON.stringify(container.config)
          : JSON.stringify(jsonOf(container.spec) ?? {}),
      snapshotter,
      snapshotKey,
      logPath: here && container.made !== 'client' ? engine.ports.host.logOf(container).path : '',
      execs: execs.map((exec) => ({
        id: exec.execId,
        args: argsOf(exec),
        status: exec.status,
        ...(exec.status === 'running' ? { pid: exec.pid } : {}),
        ...(exec.status === 'ended' && 'exitCode' in exec.ended ? { exitCode: exec.ended.exitCode } : {}),
      })),
    };
  },
  top: async (target) => {
    const key = keyOf(engine, target);
    if (!isRunning(findTask(shown(engine).task, key.namespace, key.id))) {
      throw new Rejection('failed-precondition', `container '${target.container}' is not running`);
    }
    return engine.ports.processes.read(await engine.ports.runtime.pids(key));
  },
  logs: (target, options) => {
    const container = findOne(engine, target);
    if (container.made === 'client') throw streamsElsewhere(container);
    return logs(engine, container, options);
  },
});

/** Its client made the streams and reads them: there is nothing of them here. */
export const streamsElsewhere = ({ name }: Container): Rejection =>
  new Rejection(
    'failed-precondition',
    `container '${name}' was made by a client of containerd's API, which holds its streams; ask that client for its output`,
  );

export const findOne = (engine: Engine, { namespace, container }: Named): Container =>
  orThrow(resolveContainer(shown(engine), namespace, container));

export const keyOf = (engine: Engine, target: Named): TaskKey => {
  const { namespace, id } = findOne(engine, target);
  return { namespace, id };
};

/** @throws Rejection where it never ran, or where its end can't be known */
const endOf = ({ id }: TaskKey, ended: Ended | 'gone'): { exitCode: number; exitedAt: Timestamp } => {
  const short = id.slice(0, 12);
  if (ended === 'gone') throw new Rejection('failed-precondition', `container '${short}' has not run`);
  if (ended.how !== 'lost') return { exitCode: ended.exitCode, exitedAt: ended.at };
  throw new Rejection(
    'data-loss',
    `the exit code of container '${short}' can not be known: ${ended.because}`,
  );
};

/** Makes a container, pulling its image first where that is wanted. */
export const create = async (
  engine: Engine,
  input: NewContainer,
  toRun: boolean,
  call: Call,
): Promise<{ id: ContainerId; name: string; last: Position | undefined }> => {
  const image = await imageFor(engine, input, call);
  const { defaultRuntime } = engine.about;
  const runtime = input.runtime ? { name: input.runtime } : defaultRuntime;
  return run(
    engine,
    createContainer({
      namespace: input.namespace,
      image,
      imageConfig: await configOf(engine, image),
      ...(input.name === undefined ? {} : { name: input.name }),
      request: input.request,
      secrets: input.secrets,
      runtime,
      removeOnExit: input.removeOnExit,
      run: toRun,
    }),
    call,
  );
};

const imageFor = async (engine: Engine, input: NewContainer, call: Call): Promise<Image> => {
  const { namespace, image: reference } = input;
  const name = imageNameOf(reference);
  const here = () => findImage(shown(engine).image, namespace, name);
  const found = here() ?? byDigest(engine, input);
  if (found && input.pull !== 'always') return found;
  if (input.pull === 'never') {
    throw new Rejection('not-found', `image '${name}' is not here; pull it, or allow it to be pulled`);
  }
  await run(engine, pull({ namespace, reference }), call);
  const pulled = here();
  if (pulled) return pulled;
  throw new Rejection('aborted', `image '${name}' was removed while it was being used; try again`);
};

/** An image may be named by its id, too: then the reference is only a word such as `3f1c2a`. */
const byDigest = (engine: Engine, { namespace, image }: NewContainer): Image | undefined => {
  const word = image.registry === 'docker.io' ? image.repository.replace(/^library\//, '') : '';
  const found = ImageName.safeParse(word).success ? resolveImage(shown(engine), namespace, word) : undefined;
  return found instanceof Rejection ? undefined : found;
};

async function* logs(
  engine: Engine,
  container: Container,
  options: Omit<ReadLogs, 'ended'>,
): AsyncIterable<LogEntry> {
  const { ports, runner } = engine;
  const { namespace, id } = container;
  const cause = { actor: nobody, correlation: containerSubject(namespace, id) };
  const stop = new AbortController();
  const signals = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const ended = options.follow
    ? runner.run(perform('await-end', { namespace, id }), { cause, signal: signals }).then(
        () => ports.stdio.drained({ namespace, id }, 2000),
        () => undefined,
      )
    : undefined;
  try {
    yield* ports.containerLogs.read(ports.host.logOf(container).path, {
      ...options,
      ...(ended === undefined ? {} : { ended }),
    });
  } finally {
    stop.abort();
  }
}

/** Looking leaves no event, so it needs nobody's name. */
const nobody = { uid: 0, gid: 0, pid: 0, exe: '', client: '' };
