import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mountsOf, processesOf, removeLeftovers } from './leftovers.mjs';
import { commandLine, output, prompt as show } from './screen.mjs';

const root = resolve(import.meta.dirname, '../..');
const program = (name) => join(root, 'bin', name);

/** statfs(2): overlayfs can't hold the writable directories of another overlay. */
const OVERLAYFS = 0x794c7630;

const makeDirectory = () => {
  const path = mkdtempSync('/var/tmp/shiplog-demo-');
  if (statfsSync(path).type === OVERLAYFS) {
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'mode=700', 'shiplog-demo', path]);
    if (status !== 0) throw new Error(`cannot mount a tmpfs on ${path}`);
  }
  return path;
};

const freePort = () =>
  new Promise((done, failed) => {
    const probe = createServer();
    probe.once('error', failed);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });

/**
 * The throw-away machine of the demo: its directory, a daemon, a registry, and the command line.
 * `close` leaves nothing of it behind.
 */
export class DemoHost {
  directory;
  daemon = undefined;
  #registry = undefined;
  #commands = new Set();
  #closed = false;

  constructor() {
    this.directory = makeDirectory();
    show(`DEMO=${this.directory}`);
  }

  get #address() {
    return join(this.directory, 'run/shiplog.sock');
  }

  /** Shows a command line with the directory's name shortened to a variable. */
  #prompt(line) {
    show(line.replaceAll(this.directory, '$DEMO'));
  }

  path(name) {
    return join(this.directory, name);
  }

  /** A child in a session of its own, so that Ctrl-C reaches the demo alone, with its words in a file. */
  #spawn(command, args, logName) {
    this.#mustBeOpen();
    const log = openSync(this.path(logName), 'a');
    const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log], cwd: '/' });
    closeSync(log);
    child.ended = new Promise((done) => {
      child.once('exit', done);
      child.once('error', done);
    });
    return child;
  }

  #mustBeOpen() {
    if (this.#closed) throw new Error('the demo is being ended');
  }

  /** Until `ready` says so. Milliseconds in between. @throws Error with the end of the log file */
  async #until(ready, what, logName, child) {
    const deadline = performance.now() + 20_000;
    while (!(await ready())) {
      this.#mustBeOpen();
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
        throw new Error(`${what} did not get ready:\n${this.tail(logName)}`);
      }
      await sleep(20);
    }
  }

  /** The end of a log file; empty where there is none yet. */
  tail(logName) {
    if (!existsSync(this.path(logName))) return '';
    return readFileSync(this.path(logName), 'utf8').trimEnd().split('\n').slice(-20).join('\n');
  }

  async startRegistry() {
    const host = `127.0.0.1:${await freePort()}`;
    const config = this.path('registry.yml');
    mkdirSync(this.path('registry'), { recursive: true });
    const storage = `{ filesystem: { rootdirectory: "${this.path('registry')}" } }`;
    writeFileSync(
      config,
      `version: 0.1\nlog: { level: warn }\nstorage: ${storage}\nhttp: { addr: "${host}" }\n`,
    );
    this.#prompt(`docker-registry serve registry.yml   # ${host}`);
    this.#registry = this.#spawn('docker-registry', ['serve', config], 'registry.log');
    const answers = () =>
      fetch(`http://${host}/v2/`).then(
        ({ ok }) => ok,
        () => false,
      );
    await this.#until(answers, 'docker-registry', 'registry.log', this.#registry);
    return host;
  }

  /** @returns milliseconds until it answered */
  async startDaemon() {
    const config = this.path('config.toml');
    writeFileSync(config, `[registry]\nconfig_path = ${JSON.stringify(this.path('certs.d'))}\n`);
    const flags = [
      ...['--config', config, '--root', this.path('lib')],
      ...['--state', this.path('run'), '--address', this.#address],
    ];
    this.#prompt(commandLine(['shiplogd', ...flags]));
    const began = performance.now();
    this.daemon = this.#spawn(process.execPath, [program('shiplogd'), ...flags], 'daemon.log');
    const ready = () => Promise.resolve(this.#hasSaidReady());
    await this.#until(ready, 'shiplogd', 'daemon.log', this.daemon);
    return performance.now() - began;
  }

  /** The daemon's log is JSON lines here, since it is no terminal. */
  #hasSaidReady() {
    return readFileSync(this.path('daemon.log'), 'utf8')
      .split('\n')
      .some((line) => line.includes('"ready"') && line.includes(`"pid":${this.daemon.pid}`));
  }

  /** kill -9, and until it is gone. */
  async killDaemon() {
    this.#prompt(`kill -9 ${this.daemon.pid}   # the daemon`);
    this.daemon.kill('SIGKILL');
    await this.daemon.ended;
  }

  async stopDaemon() {
    this.#prompt(`kill ${this.daemon.pid}   # the daemon, politely`);
    this.daemon.kill('SIGTERM');
    await Promise.race([this.daemon.ended, sleep(15_000, undefined, { ref: false })]);
    return this.daemon.exitCode;
  }

  /**
   * Runs the command line, and shows what it was asked and what it said.
   * @param options `quiet`: show nothing; `lines`: show only so many of its last lines
   */
  async shiplog(args, { quiet = false, lines = undefined } = {}) {
    this.#mustBeOpen();
    if (!quiet) this.#prompt(commandLine(['shiplog', ...args]));
    const env = { ...process.env, SHIPLOG_ADDRESS: this.#address, SHIPLOG_NAMESPACE: 'default' };
    const child = spawn(process.execPath, [program('shiplog'), ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#commands.add(child);
    const said = { stdout: '', stderr: '', all: '' };
    for (const stream of ['stdout', 'stderr']) {
      child[stream].setEncoding('utf8').on('data', (text) => {
        said[stream] += text;
        said.all += text;
        if (!quiet && lines === undefined) output(text);
      });
    }
    const late = setTimeout(() => child.kill('SIGKILL'), 120_000);
    const code = await new Promise((done, failed) => {
      child.once('close', done);
      child.once('error', failed);
    });
    clearTimeout(late);
    this.#commands.delete(child);
    if (!quiet && lines !== undefined) {
      const all = said.all.trimEnd().split('\n');
      if (all.length > lines) output(`… (${all.length - lines} lines before)\n`);
      output(`${all.slice(-lines).join('\n')}\n`);
    }
    return { code, stdout: said.stdout, stderr: said.stderr };
  }

  /** As {@link shiplog}, for what must work. @throws Error */
  async must(args, options) {
    const result = await this.shiplog(args, options);
    if (result.code === 0) return result;
    throw new Error(`shiplog ${args[0]} ended with ${result.code}: ${result.stderr.trim()}`);
  }

  /** What holds containers. */
  keepers() {
    return processesOf(this.directory)
      .map((pid) => `${pid} ${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()}`)
      .filter((words) => /containerd-shim|conmon/.test(words));
  }

  mounts() {
    return mountsOf(this.directory).filter((path) => path !== this.directory);
  }

  /** @returns what could not be removed, in words */
  async close() {
    this.#closed = true;
    for (const child of this.#commands) child.kill('SIGKILL');
    for (const child of [this.daemon, this.#registry]) {
      if (child?.pid !== undefined && child.exitCode === null) child.kill('SIGKILL');
    }
    return removeLeftovers(this.directory);
  }
}
