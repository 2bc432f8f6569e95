import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Finished, RunOptions } from './daemon.ts';
import { missingHere } from './machine.ts';

/** Debian's client stands here; PATH may name another one first. */
const debians: DockerPrograms = { client: '/usr/bin/docker', daemon: 'dockerd' };

export interface DockerPrograms {
  readonly client: string;
  readonly daemon: string;
  /** Folder with plugins of the client; without it, images are built by the daemon's classic builder. */
  readonly plugins?: string;
}

/** Why dockerd can't be tried here, or undefined. */
export const dockerdMissing = (): string | undefined =>
  missingHere({ root: true, programs: ['dockerd', 'runc', 'containerd-shim-runc-v2'] }) ??
  (existsSync(debians.client) ? undefined : `needs ${debians.client}`);

/** Whatever the host has of these is none of a private dockerd's business. */
const apart = ['--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'];

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

/** A dockerd on directories of its own below `directory`, at any containerd's socket. */
export class Dockerd {
  readonly address: string;
  readonly #directory: string;
  readonly #containerd: string;
  readonly #programs: DockerPrograms;
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;

  /** `configuration` is what its daemon.json says. */
  constructor(
    directory: string,
    containerd: string,
    {
      programs = debians,
      configuration = {},
    }: { readonly programs?: DockerPrograms; readonly configuration?: object } = {},
  ) {
    this.#directory = directory;
    this.#containerd = containerd;
    this.#programs = programs;
    this.address = `unix://${join(directory, 'docker.sock')}`;
    const clients = join(directory, 'client');
    mkdirSync(clients, { recursive: true });
    writeFileSync(join(directory, 'daemon.json'), JSON.stringify(configuration));
    const { plugins } = programs;
    if (plugins !== undefined) symlinkSync(plugins, join(clients, 'cli-plugins'));
    const builder = plugins === undefined ? '0' : '1';
    this.#env = { ...process.env, DOCKER_CONFIG: clients, DOCKER_BUILDKIT: builder };
  }

  /** What it has said. */
  get said(): string {
    return readFileSync(join(this.#directory, 'dockerd.log'), 'utf8');
  }

  /** Starts it; resolves when it answers. @throws Error with the end of what it said where it does not */
  async start(...more: readonly string[]): Promise<void> {
    const at = (name: string) => join(this.#directory, name);
    const places = [
      ...['--config-file', at('daemon.json'), '--pidfile', at('docker.pid'), '--host', this.address],
      ...['--data-root', at('data'), '--exec-root', at('exec'), '--containerd', this.#containerd],
    ];
    const log = openSync(at('dockerd.log'), 'a');
    const args = [...places, ...apart, '--bridge=none', '--group=root', ...more];
    const child = spawn(this.#programs.daemon, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    for (const deadline = performance.now() + 30_000; performance.now() < deadline; await sleep(50)) {
      if (hasEnded(child)) break;
      if ((await this.docker('version')).code === 0) return;
    }
    child.kill('SIGKILL');
    throw new Error(`dockerd did not get ready: ${this.said.slice(-2000)}`);
  }

  /** Ends it by a signal; containers run on where it was started with `--live-restore`. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || hasEnded(child)) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const insist = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await ended;
    clearTimeout(insist);
  }

  /** Starts the client. */
  spawn(args: readonly string[], stdin: 'pipe' | 'ignore' = 'ignore'): ChildProcess {
    return spawn(this.#programs.client, ['-H', this.address, ...args], {
      stdio: [stdin, 'pipe', 'pipe'],
      env: this.#env,
    });
  }

  /** Runs the client to its end. */
  docker(...args: readonly string[]): Promise<Finished> {
    return this.given({}, ...args);
  }

  given({ input, timeoutMs = 30_000 }: RunOptions, ...args: readonly string[]): Promise<Finished> {
    const child = this.spawn(args, input === undefined ? 'ignore' : 'pipe');
    child.stdin?.end(input);
    return finished(child, timeoutMs);
  }

  /** Runs the client, which must succeed. @returns its output, without the last line break */
  async ok(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.docker(...args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${code}: ${err}${out}`);
    return out.replace(/\n$/, '');
  }

  /** Runs the client at a pseudo-terminal of this size, made by script(1). */
  onTerminal(line: string, { rows, columns }: { readonly rows: number; readonly columns: number }) {
    const whole = `stty rows ${rows} cols ${columns}; ${this.#programs.client} -H ${this.address} ${line}`;
    const child = spawn('script', ['-qec', whole, '/dev/null'], { stdio: ['pipe', 'pipe', 'pipe'] });
    return finished(child, 30_000);
  }
}

/** How a program ends; one that takes longer is killed. */
export const finished = (child: ChildProcess, timeoutMs: number): Promise<Finished> => {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (bytes: Buffer) => out.push(bytes));
  child.stderr?.on('data', (bytes: Buffer) => err.push(bytes));
  const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(late);
      resolve({ code: code ?? -1, out: `${Buffer.concat(out)}`, err: `${Buffer.concat(err)}` });
    });
  });
};

/** An answer of the client's without times, ids and what it tells of its own connection. */
export const plain = ({ code, out, err }: Finished): Finished => ({
  code,
  out: out.replace(/[0-9a-f]{12,64}/g, 'ID'),
  err: err.replace(/[0-9a-f]{12,64}/g, 'ID').replace(/^time=.*context canceled"\n/m, ''),
});

/** Resolves when it is as wanted. @throws Error where it is not in time */
export const until = async (wanted: () => Promise<boolean>, patienceMs = 15_000): Promise<void> => {
  for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await sleep(50)) {
    if (await wanted()) return;
  }
  throw new Error(`it did not come to pass in ${patienceMs} ms`);
};
