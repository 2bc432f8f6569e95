import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { detachFilter } from '../../../../src/adapters/cli/session/detach-filter.ts';
import {
  type FakeDaemon,
  makeConsole,
  Refuse,
  runCli,
  type Session,
  startFakeDaemon,
} from '../../../support/fake-daemon.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

let daemon: FakeDaemon;
beforeEach(async () => {
  daemon = await startFakeDaemon();
  daemon.unary('Images', 'inspect', () => ({}));
});
afterEach(() => daemon.close());

const bytes = (text: string) => Buffer.from(text);

const begin = (session: Session): void => {
  session.send({ case: 'created', value: { id: 'abc123', name: 'x' } });
  session.send({ case: 'started', value: { pid: 42 } });
};

/** Sends input back until it is closed, then exits with 0. */
const echo = async (session: Session): Promise<void> => {
  begin(session);
  for await (const { request } of session.requests) {
    if (request.case === 'stdin') session.send({ case: 'stdout', value: request.value });
    if (request.case === 'closeStdin') break;
  }
  session.send({ case: 'exited', value: { exitCode: 0 } });
};

describe('run', () => {
  it('copies both outputs and exits with the code of the process', async () => {
    daemon.session(async (first, session) => {
      expect(first).toMatchObject({ case: 'run', value: { namespace: 'default', detach: false } });
      begin(session);
      session.send({ case: 'stdout', value: bytes('out\n') });
      session.send({ case: 'stderr', value: bytes('err\n') });
      session.send({ case: 'exited', value: { exitCode: 7 } });
    });
    expect(await runCli(daemon.address, ['run', 'img', 'false'])).toEqual({
      exitCode: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  it('sends its input and the end of it', async () => {
    daemon.session((_first, session) => echo(session));
    const ran = await runCli(daemon.address, ['run', '-i', 'img'], makeConsole({ stdin: 'typed' }));
    expect(ran).toEqual({ exitCode: 0, stdout: 'typed', stderr: '' });
  });

  it('brings megabytes through in both directions', async () => {
    daemon.session((_first, session) => echo(session));
    const much = 'x'.repeat(5_000_000);
    const ran = await runCli(daemon.address, ['run', '-i', 'img'], makeConsole({ stdin: much }));
    expect(ran.stdout.length).toBe(much.length);
  });

  it('prints the id and goes, when detached', async () => {
    daemon.session(async (first, session) => {
      expect(first).toMatchObject({ case: 'run', value: { detach: true } });
      begin(session);
      await session.cancelled;
    });
    const ran = await runCli(daemon.address, ['run', '-d', 'img']);
    expect(ran).toEqual({ exitCode: 0, stdout: 'abc123\n', stderr: '' });
  });

  it.each([126, 127])('exits with %i when the daemon says so', async (exitCode) => {
    daemon.session(async () => {
      throw new Refuse('failed-precondition', 'cannot start it', exitCode);
    });
    const ran = await runCli(daemon.address, ['run', 'img', 'nope']);
    expect(ran).toEqual({ exitCode, stdout: '', stderr: 'shiplog: run: cannot start it\n' });
  });

  it('exits with 125 for failures of its own', async () => {
    daemon.session(async () => {
      throw new Refuse('already-exists', "the name 'x' is taken");
    });
    expect((await runCli(daemon.address, ['run', '--name', 'x', 'img'])).exitCode).toBe(125);
    expect((await runCli('unix:///nowhere.sock', ['run', 'img'])).exitCode).toBe(125);
  });

  it('says so when the session just ends', async () => {
    daemon.session(async (_first, session) => begin(session));
    const ran = await runCli(daemon.address, ['run', 'img']);
    expect(ran.exitCode).toBe(125);
    expect(ran.stderr).toContain('ended before the process did');
  });

  it('writes the id to a new file, and to no old one', async () => {
    const temp = makeTempDir('cid');
    const path = `${temp.path}/cid`;
    daemon.session((_first, session) => echo(session));
    expect(
      (await runCli(daemon.address, ['run', '-i', '--cidfile', path, 'img'], makeConsole({ stdin: '' })))
        .exitCode,
    ).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe('abc123');
    const again = await runCli(daemon.address, ['run', '--cidfile', path, 'img']);
    expect(again.exitCode).toBe(125);
    expect(again.stderr).toContain(path);
    writeFileSync(path, '');
    temp.remove();
  });

  it('fetches an image that is not here, telling it on standard error', async () => {
    daemon.unary('Images', 'inspect', () => {
      throw new Refuse('not-found', 'no such image');
    });
    daemon.stream('Images', 'pull', function* () {
      yield {
        progress: {
          case: 'item' as const,
          value: { digest: `sha256:${'a'.repeat(64)}`, kind: 'layer', status: 'extracted' },
        },
      };
      yield {
        progress: {
          case: 'done' as const,
          value: { name: 'docker.io/library/img:latest', digest: 'sha256:b' },
        },
      };
    });
    daemon.session(async (first, session) => {
      expect(first).toMatchObject({ value: { options: { pull: 'never' } } });
      begin(session);
      session.send({ case: 'exited', value: { exitCode: 0 } });
    });
    const ran = await runCli(daemon.address, ['run', '--platform', 'linux/arm64', 'img']);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toBe("No image 'img' here, fetching it\naaaaaaaaaaaa: Pull complete\n");
    expect(daemon.seen.get('Images.pull')).toMatchObject([
      { reference: 'img', platform: { architecture: 'arm64' } },
    ]);
  });

  it('hands signals on, those before the start as soon as it has started', async () => {
    const console = makeConsole();
    daemon.session(async (_first, session) => {
      console.signals.emit('SIGTERM');
      await sleep(20);
      begin(session);
      for await (const { request } of session.requests) {
        if (request.case !== 'signal') continue;
        session.send({ case: 'stdout', value: bytes(`${request.value}\n`) });
        if (request.value === 'SIGTERM') console.signals.emit('SIGINT');
        else break;
      }
      session.send({ case: 'exited', value: { exitCode: 130 } });
    });
    const ran = await runCli(daemon.address, ['run', 'img'], console);
    expect(ran).toEqual({ exitCode: 130, stdout: 'SIGTERM\nSIGINT\n', stderr: '' });
    expect(console.signals.listenerCount('SIGINT')).toBe(0);
  });

  it('leaves a container that does not listen at the third interrupt', async () => {
    const console = makeConsole();
    daemon.session(async (_first, session) => {
      begin(session);
      for (let count = 0; count < 3; count += 1) console.signals.emit('SIGINT');
      await session.cancelled;
    });
    expect((await runCli(daemon.address, ['run', 'img'], console)).exitCode).toBe(130);
  });

  it('refuses -it without a terminal', async () => {
    const ran = await runCli(daemon.address, ['run', '-it', 'img']);
    expect(ran).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('leave out -t') });
  });

  it('stops quietly when nobody reads its output', async () => {
    daemon.session(async (_first, session) => {
      begin(session);
      session.send({ case: 'stdout', value: bytes('lost\n') });
      await session.cancelled;
    });
    const console = makeConsole();
    console.stdout.readerGone = true;
    expect(await runCli(daemon.address, ['run', 'img'], console)).toMatchObject({
      exitCode: 141,
      stderr: '',
    });
  });
});

describe('run on a terminal', () => {
  const terminal = () => makeConsole({ tty: true });

  it('is raw while it runs, and sends the size of the window', async () => {
    const console = terminal();
    daemon.session(async (first, session) => {
      expect(first).toMatchObject({ value: { options: { consoleWidth: 100, consoleHeight: 30 } } });
      begin(session);
      console.stdout.columns = 200;
      console.stdout.emit('resize');
      for await (const { request } of session.requests) {
        if (request.case === 'resize') {
          session.send({ case: 'stdout', value: bytes(`${request.value.width}x${request.value.height}`) });
          break;
        }
      }
      session.send({ case: 'exited', value: { exitCode: 0 } });
    });
    const ran = await runCli(daemon.address, ['run', '-it', 'img'], console);
    expect(ran).toMatchObject({ exitCode: 0, stdout: '200x30' });
    expect(console.rawModes).toEqual([true, false]);
    expect(console.stdout.listenerCount('resize')).toBe(0);
  });

  it('gives the terminal back when the start fails', async () => {
    const console = terminal();
    daemon.session(async () => {
      throw new Refuse('not-found', 'no such program', 127);
    });
    expect((await runCli(daemon.address, ['run', '-it', 'img'], console)).exitCode).toBe(127);
    expect(console.rawModes).toEqual([true, false]);
  });

  it('gives the terminal back when the process exits in the middle', async () => {
    const console = terminal();
    daemon.session(async (_first, session) => {
      begin(session);
      console.signals.emit('exit');
      session.send({ case: 'exited', value: { exitCode: 0 } });
    });
    await runCli(daemon.address, ['run', '-it', 'img'], console);
    expect(console.rawModes.slice(0, 2)).toEqual([true, false]);
  });

  it('detaches with Ctrl-P Ctrl-Q', async () => {
    const console = terminal();
    const typed: string[] = [];
    daemon.session(async (_first, session) => {
      begin(session);
      console.stdin.write('ls\r\x10');
      await sleep(10);
      console.stdin.write('\x11');
      for await (const { request } of session.requests) {
        if (request.case === 'stdin') typed.push(Buffer.from(request.value).toString());
      }
    });
    const ran = await runCli(daemon.address, ['run', '-it', 'img'], console);
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).toContain('detached');
    expect(typed.join('')).toBe('ls\r');
    expect(console.rawModes).toEqual([true, false]);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ])('is left by %s with code %i', async (signal, exitCode) => {
    const console = terminal();
    daemon.session(async (_first, session) => {
      begin(session);
      console.signals.emit(signal);
      await session.cancelled;
    });
    expect((await runCli(daemon.address, ['run', '-it', 'img'], console)).exitCode).toBe(exitCode);
    expect(console.rawModes).toEqual([true, false]);
  });
});

describe('exec, attach and start', () => {
  it('exec sends program, user, directory and variables', async () => {
    daemon.session(async (first, session) => {
      expect(first).toMatchObject({
        case: 'exec',
        value: {
          container: 'web',
          args: ['sh', '-c', 'x'],
          env: ['A=1'],
          cwd: '/srv',
          user: '33',
        },
      });
      session.send({ case: 'started', value: { pid: 9 } });
      session.send({ case: 'exited', value: { exitCode: 5 } });
    });
    const argv = ['exec', '-e', 'A=1', '-w', '/srv', '-u', '33', 'web', 'sh', '-c', 'x'];
    expect(await runCli(daemon.address, argv)).toEqual({ exitCode: 5, stdout: '', stderr: '' });
  });

  it.each(['attach', 'start'] as const)(
    '%s learns from the record whether there is a terminal and input',
    async (how) => {
      daemon.unary('Containers', 'inspect', () => ({ config: '{"process":{"terminal":true,"stdin":true}}' }));
      const sizes: unknown[] = [];
      const console = makeConsole({ tty: true });
      daemon.session(async (first, session) => {
        expect(first).toMatchObject({ case: how, value: { container: 'web', stdin: true } });
        session.send({ case: 'started', value: { pid: 9 } });
        for await (const { request } of session.requests) {
          if (request.case === 'resize') sizes.push(request.value.width);
          break;
        }
        session.send({ case: 'exited', value: { exitCode: 4 } });
      });
      const argv = how === 'start' ? ['start', '-ai', 'web'] : ['attach', 'web'];
      expect((await runCli(daemon.address, argv, console)).exitCode).toBe(4);
      expect(sizes).toEqual([100]);
      expect(console.rawModes).toEqual([true, false]);
    },
  );

  it('start without -a starts each, and goes on after one that fails', async () => {
    daemon.unary('Containers', 'start', ({ container }) => {
      if (container === 'b') throw new Refuse('not-found', "no container 'b'");
      return { pid: 1 };
    });
    expect(await runCli(daemon.address, ['start', 'a', 'b', 'c'])).toEqual({
      exitCode: 1,
      stdout: 'a\nc\n',
      stderr: "shiplog: start: no container 'b'\n",
    });
  });
});

describe('the detach keys', () => {
  const feed = (keys: string, ...chunks: string[]) => {
    const filter = detachFilter(bytes(keys));
    let typed = '';
    for (const chunk of chunks) {
      const { data, detach } = filter(bytes(chunk));
      typed += Buffer.from(data).toString();
      if (detach) return { typed, detach };
    }
    return { typed, detach: false };
  };

  it.each([
    ['in one chunk', ['a\x10\x11b'], { typed: 'a', detach: true }],
    ['in two', ['a\x10', '\x11'], { typed: 'a', detach: true }],
    ['after a false beginning', ['\x10\x10\x11'], { typed: '\x10', detach: true }],
    ['not at all: the beginning is typed after all', ['\x10x'], { typed: '\x10x', detach: false }],
    ['not yet: the beginning is held back', ['x\x10'], { typed: 'x', detach: false }],
  ])('%s', (_name, chunks, expected) => {
    expect(feed('\x10\x11', ...chunks)).toEqual(expected);
  });
});
