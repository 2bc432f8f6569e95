import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect, type ShiplogClient } from '../../src/client/connect.ts';
import type { Fact } from '../../src/domain/event.ts';
import { position, Timestamp } from '../../src/domain/identity.ts';
import { type DomainEvent, emptyWorld, evolve, type World } from '../../src/domain/world.ts';
import type { Event } from '../../src/gen/shiplog/v1/types_pb.ts';
import { runProgram } from './child.ts';
import { differences, mountsBelow, processesNaming } from './leaks.ts';
import { makeTempDir } from './temp-dir.ts';

/** The programs as they are installed; `npm run build` makes what they load. */
const programs = {
  shiplogd: fileURLToPath(new URL('../../bin/shiplogd', import.meta.url)),
  shiplog: fileURLToPath(new URL('../../bin/shiplog', import.meta.url)),
};

/** Why the daemon can't be tried here, or undefined. */
export const daemonMissing = (): string | undefined => {
  if (process.getuid?.() !== 0) return 'needs root';
  return existsSync(fileURLToPath(new URL('../../dist/shiplogd.js', import.meta.url)))
    ? undefined
    : 'needs dist/shiplogd.js: npm run build';
};

/** How a program ended and what it said. */
export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface HostOptions {
  /** Root of the daemon's data; a folder of its own below the temporary directory when absent. */
  readonly root?: string;
  /** Tables added to the configuration. */
  readonly toml?: string;
  /** Of the daemon, added to the test's own. */
  readonly env?: Readonly<Record<string, string>>;
}

const finish = (child: ChildProcess, { input, timeoutMs = 60_000 }: RunOptions): Promise<Finished> => {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (bytes: Buffer) => out.push(bytes));
  child.stderr?.on('data', (bytes: Buffer) => err.push(bytes));
  if (input !== undefined) child.stdin?.end(input);
  const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(late);
      resolve({
        code: code ?? (signal === null ? -1 : -2),
        out: Buffer.concat(out).toString(),
        err: Buffer.concat(err).toString(),
      });
    });
  });
};

/** A shiplogd on throw-away directories, that can be killed and started again. */
export class DaemonHost {
  readonly directory: string;
  readonly root: string;
  readonly state: string;
  readonly address: string;
  readonly config: string;
  readonly #remove: () => void;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #client: ShiplogClient | undefined;
  #said = '';

  constructor(topic: string, { root, toml = '', env = {} }: HostOptions = {}) {
    this.#env = env;
    const temp = makeTempDir(topic, '/var/tmp');
    this.directory = temp.path;
    this.#remove = temp.remove;
    this.root = root ?? join(temp.path, 'root');
    this.state = join(temp.path, 'run');
    this.address = join(temp.path, 's.sock');
    this.config = join(temp.path, 'config.toml');
    mkdirSync(this.root, { recursive: true });
    writeFileSync(
      this.config,
      [
        `root = "${this.root}"`,
        `state = "${this.state}"`,
        toml,
        toml.includes('[grpc]') ? '' : `[grpc]\naddress = "${this.address}"`,
        toml.includes('[event_log]') ? '' : '[event_log]\nsegment_bytes = 1048576',
        toml.includes('[gc]') ? '' : '[gc]\ndelay = "200ms"',
        '',
      ].join('\n'),
    );
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('no daemon runs');
    return this.#child.pid;
  }

  /** Everything that daemons of this host have said. */
  get said(): string {
    return this.#said;
  }

  /** Starts the daemon; resolves when it serves. @throws Error with its own words where it does not */
  async start(readyMs = 30_000): Promise<void> {
    const began = this.#said.length;
    const child = spawn(programs.shiplogd, ['--config', this.config], {
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const log = createWriteStream(join(this.directory, 'daemon.log'), { flags: 'a' });
    const ready = new Promise<void>((resolve, reject) => {
      child.stderr?.on('data', (bytes: Buffer) => {
        this.#said += bytes.toString();
        log.write(bytes);
        if (/"msg":"ready"|\bready\b/.test(this.#said.slice(began))) resolve();
      });
      child.once('error', reject);
      child.once('close', (code, signal) => {
        log.end();
        reject(new Error(`shiplogd ended with ${code ?? signal}: ${this.#said.slice(began)}`));
      });
      setTimeout(() => reject(new Error(`shiplogd was not ready in ${readyMs} ms`)), readyMs).unref();
    });
    this.#child = child;
    try {
      await ready;
    } catch (error) {
      child.kill('SIGKILL');
      this.#child = undefined;
      throw error;
    }
  }

  /** How a daemon that is not to get ready ends. */
  async refusal(timeoutMs = 20_000): Promise<Finished> {
    return finish(spawn(programs.shiplogd, ['--config', this.config]), { timeoutMs });
  }

  /** Ends the daemon with a signal. @returns its exit code, or the signal's name */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | string | null> {
    const child = this.#child;
    if (child === undefined) throw new Error('no daemon runs');
    this.#client?.close();
    this.#client = undefined;
    const ended = new Promise<number | string | null>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode ?? child.signalCode);
      else child.once('exit', (code, by) => resolve(code ?? by));
    });
    child.kill(signal);
    this.#child = undefined;
    return ended;
  }

  async restart(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    await this.end(signal);
    await this.start();
  }

  /** A client in this process; a new one after each start of the daemon. */
  get client(): ShiplogClient {
    this.#client ??= connect({ address: `unix://${this.address}`, client: 'test' });
    return this.#client;
  }

  /** Runs the command line. */
  shiplog(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return finish(this.spawn(args, options), options);
  }

  /** Starts the command line. */
  spawn(args: readonly string[], options: RunOptions = {}): ChildProcess {
    return spawn(programs.shiplog, args, {
      env: { ...process.env, SHIPLOG_ADDRESS: `unix://${this.address}`, ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
  }

  /** The command line at a pseudo-terminal of script(1). */
  onTerminal(line: string, options: RunOptions = {}): Promise<Finished> {
    const child = spawn(
      'script',
      ['-qec', line.replaceAll('shiplog ', `${programs.shiplog} `), '/dev/null'],
      {
        env: { ...process.env, SHIPLOG_ADDRESS: `unix://${this.address}`, TERM: 'xterm' },
        stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      },
    );
    return finish(child, options);
  }

  /** Runs the command line, which must succeed. @returns its output, without the last line break */
  async ok(...args: string[]): Promise<string> {
    const { code, out, err } = await this.shiplog(args);
    if (code !== 0) throw new Error(`shiplog ${args.join(' ')} ended with ${code}: ${err}${out}`);
    return out.replace(/\n$/, '');
  }

  /** Every event of the log, in order. */
  async events(): Promise<readonly Event[]> {
    const events: Event[] = [];
    for await (const event of this.client.log.events({})) events.push(event);
    return events;
  }

  /** The world by a replay in this process. */
  async world(): Promise<World> {
    return (await this.events()).reduce((world, event) => evolve(world, factFrom(event)), emptyWorld);
  }

  /** What the log and the host disagree on, once the daemon has come to rest. */
  async leaks(patienceMs = 10_000): Promise<readonly string[]> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const lines = differences(this, await this.world());
      if (lines.length === 0 || performance.now() > deadline) return lines;
      await sleep(150);
    }
  }

  /** Removes every container, stops the daemon, and takes away what tests may have left. */
  async close(): Promise<void> {
    if (this.#child !== undefined) {
      const ids = (await this.shiplog(['ps', '-aq', '--no-trunc'])).out.split('\n').filter((id) => id !== '');
      if (ids.length > 0) await this.shiplog(['rm', '-f', ...ids]);
      await this.end('SIGTERM');
    }
    for (const { pid, command } of processesNaming(this.directory)) {
      if (/shim|conmon|stdio-holder|shiplogd/.test(command)) endProcess(pid);
    }
    for (const point of [...mountsBelow(this.directory)].reverse()) await runProgram('umount', ['-l', point]);
    this.#remove();
  }

  /** The holder's pid, as its lock file tells. */
  get holderPid(): number {
    return Number.parseInt(readFileSync(join(this.state, 'stdio/holder.lock'), 'utf8'), 10);
  }
}

const endProcess = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It may have ended by itself meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
};

const factFrom = (event: Event): Fact<DomainEvent> =>
  ({
    type: event.type,
    position: position(event.position),
    subject: event.subject,
    data: JSON.parse(event.data),
    meta: {
      actor: { uid: 0, gid: 0, pid: 0, exe: '', client: '' },
      time: { wall: Timestamp.parse(Number(event.wallUs)), mono: Number(event.monoUs), boot: event.boot },
      correlation: event.correlation,
    },
  }) as unknown as Fact<DomainEvent>;

/** A daemon that serves. */
export const startHost = async (topic: string, options: HostOptions = {}): Promise<DaemonHost> => {
  const host = new DaemonHost(topic, options);
  await host.start();
  return host;
};
