import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { natives } from '../../scripts/entries.mjs';
import { type FakeDaemon, type Session, startFakeDaemon } from '../support/fake-daemon.ts';
import { missingHere } from '../support/machine.ts';
import { makeTempDir } from '../support/temp-dir.ts';

/** The built program in a real process, at a real pseudo-terminal (of script(1)) and real pipes. */

const temp = makeTempDir('cli-terminal');
const program = `${temp.path}/shiplog.js`;
let daemon: FakeDaemon;

beforeAll(async () => {
  const main = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
  await build({
    ...{ entryPoints: [main], outfile: program, bundle: true, external: [...natives] },
    ...{ platform: 'node', format: 'cjs', target: 'node20', logLevel: 'silent' },
  });
});
afterAll(() => temp.remove());
beforeEach(async () => {
  daemon = await startFakeDaemon();
  daemon.unary('Images', 'inspect', () => ({}));
});
afterEach(() => daemon.close());

interface Running {
  readonly child: ChildProcess;
  output(): string;
  readonly exitCode: Promise<number | null>;
}

const follow = (child: ChildProcess): Running => {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  const exitCode = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, output: () => text, exitCode };
};

const env = () => ({ ...process.env, SHIPLOG_ADDRESS: daemon.address });
const shell = (line: string) =>
  follow(spawn('bash', ['-c', line.replaceAll('shiplog', `node ${program}`)], { env: env() }));
const onTerminal = (line: string) =>
  follow(
    spawn(
      'script',
      [
        '-qec',
        `stty rows 33 cols 99; ${line.replaceAll('shiplog', `node ${program}`)}; echo code=$?; stty -a`,
        '/dev/null',
      ],
      {
        env: env(),
      },
    ),
  );

const begin = (session: Session): void => {
  session.send({ case: 'created', value: { id: 'abc123', name: 'x' } });
  session.send({ case: 'started', value: { pid: 42 } });
};

describe.skipIf(missingHere({ programs: ['script', 'bash', 'stty'] }))(
  'at a terminal (needs script, bash, stty)',
  () => {
    it('sends every key as it is typed, Ctrl-C too, and gives the terminal back', async () => {
      const keys: number[] = [];
      let size = '';
      daemon.session(async (first, session) => {
        if (first.case === 'run')
          size = `${first.value.options?.consoleWidth}x${first.value.options?.consoleHeight}`;
        begin(session);
        session.send({ case: 'stdout', value: Buffer.from('ready\r\n') });
        for await (const { request } of session.requests) {
          if (request.case === 'stdin') keys.push(...request.value);
          if (keys.includes(4)) break;
        }
        session.send({ case: 'exited', value: { exitCode: 9 } });
      });
      const running = onTerminal('shiplog run -it img');
      await expect.poll(running.output, { timeout: 10_000 }).toContain('ready');
      running.child.stdin?.write('a\x03\x1a');
      await sleep(50);
      running.child.stdin?.write('\x04');
      await expect.poll(running.output, { timeout: 10_000 }).toMatch(/code=9[\s\S]* icanon[\s\S]* echo /);
      running.child.stdin?.end();
      await running.exitCode;
      expect(keys).toEqual([97, 3, 26, 4]);
      expect(size).toBe('99x33');
    });

    it('gives the terminal back when it is ended by a signal', async () => {
      daemon.session(async (_first, session) => {
        begin(session);
        session.send({ case: 'stdout', value: Buffer.from('ready\r\n') });
        await session.cancelled;
      });
      const running = onTerminal('bash -c "echo pid=\\$\\$; exec shiplog run -it img"');
      await expect.poll(running.output, { timeout: 10_000 }).toContain('ready');
      process.kill(Number(/pid=(\d+)/.exec(running.output())?.[1]), 'SIGTERM');
      await expect.poll(running.output, { timeout: 10_000 }).toMatch(/code=143[\s\S]* icanon[\s\S]* echo /);
      running.child.stdin?.end();
      await running.exitCode;
    });
  },
);

describe('at pipes', () => {
  it('carries a pipe through the container and its exit code out', async () => {
    daemon.session(async (_first, session) => {
      begin(session);
      for await (const { request } of session.requests) {
        if (request.case === 'stdin') session.send({ case: 'stdout', value: request.value });
        if (request.case === 'closeStdin') break;
      }
      session.send({ case: 'exited', value: { exitCode: 3 } });
    });
    const running = shell(
      `head -c 3000000 /dev/zero | shiplog run -i img cat | wc -c; echo code=\${PIPESTATUS[1]}`,
    );
    expect(await running.exitCode).toBe(0);
    expect(running.output()).toBe('3000000\ncode=3\n');
  });

  it('hands SIGTERM on to the process in the container', async () => {
    daemon.session(async (_first, session) => {
      begin(session);
      session.send({ case: 'stdout', value: Buffer.from('ready\n') });
      for await (const { request } of session.requests) {
        if (request.case === 'signal') break;
      }
      session.send({ case: 'exited', value: { exitCode: 143 } });
    });
    const running = follow(spawn('node', [program, 'run', 'img'], { env: env() }));
    await expect.poll(running.output, { timeout: 10_000 }).toContain('ready');
    running.child.kill('SIGTERM');
    expect(await running.exitCode).toBe(143);
  });

  it('ends quietly when head has seen enough', async () => {
    daemon.stream('Containers', 'logs', async function* () {
      for (;;) {
        yield { stream: 'stdout', data: Buffer.from('line\n') };
        await sleep(1);
      }
    });
    const running = shell(`shiplog logs -f web | head -2; echo code=\${PIPESTATUS[0]}`);
    expect(await running.exitCode).toBe(0);
    expect(running.output()).toBe('line\nline\ncode=141\n');
  });

  it('does not wait for a key when input is left open', async () => {
    daemon.session(async (_first, session) => {
      begin(session);
      session.send({ case: 'exited', value: { exitCode: 5 } });
    });
    const running = follow(spawn('node', [program, 'run', '-i', 'img'], { env: env() }));
    expect(await running.exitCode).toBe(5);
  });
});
