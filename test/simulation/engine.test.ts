import { EMPTY } from 'rxjs';
import { expect, it } from 'vitest';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { firstDifference } from '../../src/domain/difference.ts';
import { ContainerId, ImageName, type Timestamp } from '../../src/domain/identity.ts';
import { Rejection } from '../../src/domain/rejection.ts';
import { isOnHost } from '../../src/domain/tasks.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import { performersOf } from '../../src/engine/performers.ts';
import type { Log } from '../../src/engine/ports/log.ts';
import type { Ports } from '../../src/engine/ports/ports.ts';
import type { CreateTask, Exit, ProbedTask } from '../../src/engine/ports/runtime.ts';
import type { TaskKey } from '../../src/engine/ports/task-key.ts';
import { recover } from '../../src/engine/recover.ts';
import { Supervisor } from '../../src/engine/supervisor.ts';
import { WorkflowRunner } from '../../src/engine/workflow-runner.ts';
import { createContainer, removeContainer } from '../../src/workflows/container.ts';
import { startExec } from '../../src/workflows/exec.ts';
import type { Workflow } from '../../src/workflows/steps.ts';
import { carryOut, pause, resume, startTask, stop } from '../../src/workflows/task.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { seededRandom } from '../support/random.ts';
import { containerConfig, quietLogger, taskKey } from '../support/task.ts';

const only = process.env.SHIPLOG_SEED;
const seeds = only === undefined ? Array.from({ length: 200 }, (_, at) => at + 1) : [Number(only)];
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const keyOf = ({ namespace, id }: TaskKey) => `${namespace}/${id}`;
const digest = `sha256:${'ab'.repeat(32)}` as never;
const actor = { uid: 0, gid: 0, pid: 1, exe: '', client: 'simulation' };
const cause = { actor, correlation: 'simulation' };

interface Shim {
  status: 'created' | 'running' | 'paused' | 'stopped';
  readonly pid: number;
  exit?: Exit;
  readonly execs: Set<string>;
  readonly waiters: Set<(exit: Exit) => void>;
}

/** The host: it outlives every daemon of a run. */
class Host {
  readonly random: () => number;
  readonly shims = new Map<string, Shim>();
  readonly mounts = new Set<string>();
  readonly streams = new Set<string>();
  readonly snapshots = new Set<string>();
  readonly files = new Set<string>();
  readonly disk: FakeDisk;
  trouble = 0;
  names = 0;
  clock = 1_795_000_000_000_000;
  boots = 1;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.disk = new FakeDisk(this.random);
  }

  openLog(): Promise<Log> {
    return openFileLog({ directory: '/log', disk: this.disk.mounted(), segmentBytes: 64 * 1024 });
  }

  /** The power goes: what was not synced, and everything that lives in memory. */
  cutPower(): void {
    this.disk.crash();
    this.shims.clear();
    this.mounts.clear();
    this.streams.clear();
    this.boots += 1;
  }

  fresh(): number {
    this.names += 1;
    return this.names;
  }

  tick(): Timestamp {
    this.clock += 10;
    return this.clock as Timestamp;
  }

  set(key: string, from: Shim['status'], to: Shim['status']): void {
    const shim = this.shims.get(key);
    if (shim?.status === from) shim.status = to;
  }

  end(key: string, code: number): void {
    const shim = this.shims.get(key);
    if (shim === undefined || shim.status === 'stopped') return;
    shim.status = 'stopped';
    shim.exit = { code, at: this.clock as Timestamp };
    for (const wake of shim.waiters) wake(shim.exit);
    shim.waiters.clear();
  }
}

/** One life of the daemon on a host. */
class Life {
  readonly host: Host;
  readonly rebooted: boolean;
  alive = true;
  ledger: Ledger | undefined;
  runner: WorkflowRunner | undefined;
  supervisor: Supervisor | undefined;

  constructor(host: Host, rebooted: boolean) {
    this.host = host;
    this.rebooted = rebooted;
  }

  /** An act on the host: slow, it may fail before or after it was done, and a dead daemon never hears of it. */
  async #act<T>(work: () => T): Promise<T> {
    const { random } = this.host;
    const wait = async () => {
      for (let turns = Math.floor(random() * 3); turns > 0; turns -= 1) await turn();
      if (!this.alive) await new Promise(() => undefined);
      if (random() < this.host.trouble) throw new Rejection('unavailable', 'trouble on the host');
    };
    await wait();
    const result = work();
    await wait();
    return result;
  }

  #shim(task: TaskKey): Shim {
    const shim = this.host.shims.get(keyOf(task));
    if (shim) return shim;
    throw new Rejection('not-found', `no task ${keyOf(task)}`);
  }

  #ports(log: Log): Ports {
    const { host } = this;
    const act = <T>(work: () => T) => this.#act(work);
    const config = {
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['x'] },
      rootfs: { type: 'layers', diff_ids: [] },
    };
    const wake = (task: TaskKey) =>
      new Promise<Exit>((resolve) => {
        const shim = this.#shim(task);
        const told = (exit: Exit) => (this.alive ? resolve(exit) : undefined);
        if (shim.exit) told(shim.exit);
        else shim.waiters.add(told);
      });
    const free = (task: TaskKey) => {
      host.end(keyOf(task), 137);
      host.shims.delete(keyOf(task));
    };
    const snapshots = {
      create: (id: string) => act(() => void host.snapshots.add(id)),
      mounts: () => [],
      remove: (id: string) => act(() => void host.snapshots.delete(id)),
      list: async () => [...host.snapshots],
    };
    return {
      log,
      clock: {
        now: () => ({ wall: host.tick(), mono: host.clock, boot: `boot-${host.boots}` }),
        sleep: () => new Promise(() => undefined),
      },
      names: {
        hex64: () => host.fresh().toString(16).padStart(64, '0'),
        sortable: () => `n${host.fresh()}`,
        brief: () => `b${host.fresh()}`,
        spoken: () => `spoken_${host.fresh()}`,
      },
      blobs: {
        readAll: () => act(() => Buffer.from(JSON.stringify(config))),
        list: async function* () {},
        ingests: async () => [],
      },
      snapshots,
      snapshotters: { local: new Map([['overlayfs', snapshots]]), remote: new Map(), absent: new Map() },
      mounter: {
        mount: (_: unknown, target: string) => act(() => void host.mounts.add(target)),
        unmount: (target: string) => act(() => void host.mounts.delete(target)),
        under: async () => [...host.mounts],
      },
      stdio: {
        open: (key: TaskKey & { execId?: string }) =>
          act(() => {
            host.streams.add(key.execId ? `${keyOf(key)}/${key.execId}` : keyOf(key));
            return { stdin: '', stdout: '', stderr: '', terminal: false };
          }),
        close: (key: TaskKey & { execId?: string }) =>
          act(() => void host.streams.delete(key.execId ? `${keyOf(key)}/${key.execId}` : keyOf(key))),
        drained: () => act(() => undefined),
        list: async () =>
          [...host.streams].map((text) => {
            const [namespace = '', id = '', execId] = text.split('/');
            return { ...taskKey(id, namespace), ...(execId === undefined ? {} : { execId }) };
          }),
      },
      containerFiles: {
        readSecrets: () => act(() => ({})),
        keepSecrets: (task: TaskKey) => act(() => void host.files.add(keyOf(task))),
        list: async () =>
          [...host.files].map((text) => taskKey(text.split('/')[1] ?? '', text.split('/')[0])),
        remove: (task: TaskKey) => act(() => void host.files.delete(keyOf(task))),
      },
      runtime: {
        create: async ({ task, stdio, secrets }: CreateTask) => {
          await Promise.all([stdio, secrets]);
          return act(() => {
            if (host.shims.has(keyOf(task))) throw new Error(`a second task of ${keyOf(task)}`);
            const pid = host.fresh();
            host.shims.set(keyOf(task), { status: 'created', pid, execs: new Set(), waiters: new Set() });
            return { pid };
          });
        },
        start: (task: TaskKey) =>
          act(() => {
            const shim = this.#shim(task);
            shim.status = 'running';
            return { pid: shim.pid };
          }),
        exec: (task: TaskKey, execId: string) => act(() => void this.#shim(task).execs.add(execId)),
        startExec: (task: TaskKey) => act(() => ({ pid: this.#shim(task).pid })),
        wait: (task: TaskKey, execId?: string) =>
          execId === undefined
            ? act(() => undefined).then(() => wake(task))
            : act(() => ({ code: 0, at: host.clock as Timestamp })),
        signal: (task: TaskKey) => act(() => host.end(keyOf(task), 137)),
        pause: (task: TaskKey) => act(() => host.set(keyOf(task), 'running', 'paused')),
        resume: (task: TaskKey) => act(() => host.set(keyOf(task), 'paused', 'running')),
        delete: (task: TaskKey, execId?: string) =>
          act(() => {
            if (execId === undefined) free(task);
            else host.shims.get(keyOf(task))?.execs.delete(execId);
          }),
        purge: (task: TaskKey) =>
          act(() => {
            const exit = host.shims.get(keyOf(task))?.exit;
            free(task);
            return exit;
          }),
        probe: async () =>
          [...host.shims].map(([text, { status, pid, exit, execs }]) => ({
            task: taskKey(text.split('/')[1] ?? '', text.split('/')[0]),
            state: exit ? { status: 'stopped', exit } : { status, pid },
            execs: [...execs],
          })) as unknown as ProbedTask[],
        adopt: async () => undefined,
        oom: EMPTY,
        close: async () => undefined,
      },
      logger: quietLogger,
      host: {
        platform: { os: 'linux', architecture: 'amd64' },
        boot: `boot-${host.boots}`,
        rootsDirectory: '/roots',
        rootOf: (task: TaskKey) => `/roots/${keyOf(task)}`,
        logOf: (task: TaskKey) => ({ path: keyOf(task), maxBytes: 1, maxFiles: 1 }),
      },
    } as unknown as Ports;
  }

  async boot(): Promise<void> {
    const log = await this.host.openLog();
    const ports = this.#ports(log);
    const ledger = await Ledger.open(log, ports.clock);
    const runner = new WorkflowRunner(ledger, performersOf(ports, ledger));
    const supervisor = new Supervisor(ledger, runner, ports.runtime, quietLogger, actor);
    Object.assign(this, { ledger, runner, supervisor });
    supervisor.start();
    await recover({ ledger, ports, runner, supervisor, cause, rebooted: this.rebooted });
  }
}

const turns = async (count: number): Promise<void> => {
  for (let left = count; left > 0; left -= 1) await turn();
};

/** The log as a start after a kill would find it. */
const reopened = (host: Host): Promise<Log> => {
  host.disk.kill();
  return host.openLog();
};

/** @returns how many events it took */
const simulate = async (seed: number): Promise<number> => {
  const host = new Host(seed);
  const { random } = host;
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];
  const namespace = taskKey('x').namespace;
  const { process } = containerConfig(['x']);
  const image = {
    namespace,
    name: ImageName.parse('docker.io/library/x:1'),
    target: { mediaType: 'm', digest, size: 1 },
    labels: {},
  };
  const command = (life: Life): Workflow<unknown> => {
    const ids = [...(life.ledger?.head.world.container.byId.values() ?? [])].map(({ id }) => id);
    const id = pick(ids) ?? ContainerId.parse('none');
    const at = { namespace, id };
    const request = {
      env: [],
      command: ['x'],
      secretEnv: random() < 0.3 ? ['S'] : [],
      labels: {},
      resources: {},
      mounts: [],
      rlimits: [],
      capAdd: [],
      capDrop: [],
      security: [],
      devices: [],
      sysctls: {},
    };
    const config = { mediaType: 'c', digest, size: 1 };
    const run = random() < 0.5;
    const make = function* (): Workflow<void> {
      const made = yield* createContainer({
        namespace,
        image: image as never,
        imageConfig: config as never,
        request: request as never,
        secrets: {},
        runtime: { name: 'r' },
        removeOnExit: random() < 0.4,
        run,
      });
      if (run) yield* carryOut({ namespace, id: made.id });
    };
    const kinds = [
      make,
      make,
      () => startTask(at),
      () => stop({ ...at, signal: 9 }),
      () => removeContainer(at, true),
      () => removeContainer(at, false),
      () => pause(at),
      () => resume(at),
      () => startExec(at, `e${host.fresh()}` as never, process),
    ];
    return (pick(kinds) ?? make)() as Workflow<unknown>;
  };
  let rebooted = false;
  for (let daemon = 0; daemon < 3; daemon += 1) {
    const life = new Life(host, rebooted);
    host.trouble = 0;
    host.disk.trouble = 0;
    await life.boot();
    host.trouble = random() < 0.5 ? 0.05 : 0;
    for (let step = Math.floor(random() * 40); step > 0; step -= 1) {
      if (random() < 0.5) life.runner?.run(command(life), { cause }).catch(() => undefined);
      if (random() < 0.1) host.end(pick([...host.shims.keys()]) ?? '', 3);
      // A disk that fails for a while, and then works again.
      if (random() < 0.1) host.disk.trouble = random() < 0.5 ? 0.3 : 0;
      await turns(1 + Math.floor(random() * 8));
    }
    // Killed: what was not durable may be gone, and nothing answers any more.
    life.alive = false;
    rebooted = random() < 0.4;
    if (rebooted) host.cutPower();
    else host.disk.kill();
    if (random() < 0.5) for (const key of host.shims.keys()) if (random() < 0.3) host.end(key, 4);
    await turns(6);
  }
  host.trouble = 0;
  host.disk.trouble = 0;
  const last = new Life(host, rebooted);
  await last.boot();
  await turns(300);
  const { ledger } = last;
  if (ledger === undefined) throw new Error('it did not start');
  const { world } = ledger.durable;
  expect(
    firstDifference(
      (
        await Ledger.open(await reopened(host), {
          now: () => {
            throw new Error('no clock');
          },
          sleep: async () => undefined,
        })
      ).head.world,
      world,
    ),
  ).toBeUndefined();
  const states = [...world.task.values()].map(({ state }) => state.status);
  expect(states.filter((status) => !['running', 'paused', 'over'].includes(status))).toEqual([]);
  const live = [...world.task.values()].filter(isOnHost).map(keyOf).sort();
  const open = [...world.task.values()].flatMap((task) =>
    Object.values(task.execs)
      .filter(({ status }) => status !== 'ended')
      .map(({ execId }) => `${keyOf(task)}/${execId}`),
  );
  expect([...host.shims.keys()].sort()).toEqual(live);
  expect([...host.mounts].map((path) => path.slice(7)).sort()).toEqual(live);
  expect([...host.streams].sort()).toEqual([...live, ...open].sort());
  expect([...host.snapshots].sort()).toEqual(
    [...world.snapshot.values()].map(({ id }) => id as string).sort(),
  );
  const containers = new Set([...world.container.byId.values()].map(keyOf));
  expect([...host.files].filter((key) => !containers.has(key))).toEqual([]);
  last.alive = false;
  return Number(world.position);
};

it('whatever fails and whenever it is killed, the log and the host agree in the end', async () => {
  let events = 0;
  for (const seed of seeds) {
    try {
      events += await simulate(seed);
    } catch (error) {
      throw new Error(`SHIPLOG_SEED=${seed} shows it`, { cause: error });
    }
  }
  // A simulation in which nothing happens shows nothing.
  expect(events / seeds.length).toBeGreaterThan(10);
  process.stderr.write(`${seeds.length} seeds, ${events} events\n`);
}, 60_000);
