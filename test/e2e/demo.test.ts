import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { missingHere } from '../support/machine.ts';

/** The demo as a newcomer starts it: the real programs, a real registry, real containers. */
const program = join(import.meta.dirname, '../../scripts/demo.mjs');
const missing = missingHere({
  root: true,
  programs: ['runc', 'containerd-shim-runc-v2', 'docker-registry', 'busybox'],
});

interface Demo {
  readonly child: ChildProcess;
  /** Standard output and error, so far. */
  said(): string;
  /** Resolves once it has said this. @throws Error where it ends before */
  until(words: string | RegExp): Promise<void>;
  readonly ended: Promise<number | null>;
}

const started: ChildProcess[] = [];

const startDemo = (): Demo => {
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let all = '';
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      all += text;
    });
  }
  const until = (words: string | RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (all.search(words) < 0) return;
        child.stdout.off('data', look);
        resolve();
      };
      child.stdout.on('data', look);
      ended.then(() => reject(new Error(`the demo ended without saying ${words}:\n${all}`)));
      look();
    });
  return { child, said: () => all, until, ended };
};

const found = (text: string, pattern: RegExp): string => {
  const [, word] = pattern.exec(text) ?? [];
  if (word === undefined) throw new Error(`${pattern} is not in:\n${text}`);
  return word;
};

/** A process may go away while it is looked at. */
const orNone = <T>(look: () => T, none: T): T => {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return none;
    throw error;
  }
};

/** Command lines and open files of every process: the holder of output goes by another name than it was started with. */
const processTraces = (): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const at = (name: string) => join('/proc', pid, name);
      const fds = orNone(() => readdirSync(at('fd')), []);
      return [
        orNone(() => readFileSync(at('cmdline'), 'utf8'), ''),
        ...fds.map((fd) => orNone(() => readlinkSync(at(join('fd', fd))), '')),
      ];
    });

const controlGroupsNamed = (id: string): string[] =>
  readdirSync('/sys/fs/cgroup', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith(id));

/** Everything of this run of the demo that is still on the machine. */
const leftOf = (said: string): string[] => {
  const directory = found(said, /DEMO=(\S+)/);
  const containers = said.match(/^[0-9a-f]{64}$/gm) ?? [];
  return [
    ...(existsSync(directory) ? [directory] : []),
    ...processTraces().filter((line) => [directory, ...containers].some((word) => line.includes(word))),
    ...readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(directory)),
    ...containers.flatMap(controlGroupsNamed),
  ];
};

afterEach(() => {
  // Ends one that a failed test left: it cleans up by itself.
  for (const child of started.splice(0)) child.kill('SIGTERM');
});

describe.skipIf(missing !== undefined)(`the demo${missing === undefined ? '' : ` (${missing})`}`, () => {
  it('tells its story, checks it, and leaves nothing behind', { timeout: 120_000 }, async () => {
    const demo = startDemo();
    const code = await demo.ended;
    const said = demo.said();
    expect(said).toContain('Demo passed');
    expect(code).toBe(0);
    expect(said).not.toContain('✗');
    for (const shown of [
      /^hello from [0-9a-f]{12}, pid 1$/m,
      /^67108864$/m,
      /^Loaded image: /m,
      /nobody listens on that socket/,
      /^tick 45$/m,
      /Exited \(42\)/,
      /exited with 42/,
      /is kept by$/m,
      /is gone:$/m,
      /checksums, chain and hashes are right/,
    ]) {
      expect(said).toMatch(shown);
    }
    expect(said.match(/^\$ kill -9 \d+/gm)).toHaveLength(2);
    expect(leftOf(said)).toEqual([]);
  });

  it.each([
    ['while a container runs', '✓ it runs'],
    ['while the daemon is dead and the container is not', 'there is no daemon'],
  ])('leaves nothing behind when it is interrupted %s', { timeout: 60_000 }, async (_when, words) => {
    const demo = startDemo();
    await demo.until(words);
    // There is something to clean up.
    expect(leftOf(demo.said())).not.toEqual([]);
    demo.child.kill('SIGINT');
    expect(await demo.ended).toBe(130);
    expect(demo.said()).toContain('ended by SIGINT');
    expect(leftOf(demo.said())).toEqual([]);
  });

  it('fails, says why and leaves nothing behind when an image cannot be had', {
    timeout: 60_000,
  }, async () => {
    const child = spawn(process.execPath, [program, '127.0.0.1:1/nobody/serves-this:1'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(child);
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(1);
    expect(said).toMatch(/Demo FAILED: .*127\.0\.0\.1:1/);
    expect(leftOf(said)).toEqual([]);
  });
});
