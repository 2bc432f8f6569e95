import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type FakeDaemon,
  makeConsole,
  NOON,
  Refuse,
  runCli,
  startFakeDaemon,
} from '../../../support/fake-daemon.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

let daemon: FakeDaemon;
beforeEach(async () => {
  daemon = await startFakeDaemon();
});
afterEach(() => daemon.close());

const cli = (...argv: string[]) => runCli(daemon.address, argv);
const minutesAgo = (minutes: number): bigint => BigInt(NOON - minutes * 60_000) * 1000n;
const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;

describe('images', () => {
  beforeEach(() => {
    daemon.unary('Images', 'list', () => ({
      images: [
        {
          name: 'docker.io/library/debian:12',
          target: { digest: digest('1') },
          id: digest('2'),
          createdUs: minutesAgo(60 * 24 * 21),
          contentSize: 48_500_000n,
          unpackedSize: 116_600_000n,
        },
        { name: 'r.example/app@sha256:33', target: { digest: digest('3') }, contentSize: 1n },
      ],
    }));
  });

  it('prints a table', async () => {
    expect((await cli('images')).stdout).toBe(
      `REPOSITORY      TAG      IMAGE ID       CREATED       SIZE
debian          12       222222222222   3 weeks ago   117MB
r.example/app   <none>   333333333333   N/A           1B
`,
    );
  });

  it.each([
    [['-q'], '222222222222\n333333333333\n'],
    [
      ['--format', '{{.Repository}}:{{.Tag}} {{.Digest}}'],
      `debian:12 ${digest('1')}\nr.example/app:<none> ${digest('3')}\n`,
    ],
  ])('%j', async (flags, expected) => {
    expect((await cli('images', ...flags)).stdout).toBe(expected);
  });

  it('asks for a name', async () => {
    await cli('images', 'debian');
    await cli('images', '-f', 'reference=alpine');
    expect(daemon.seen.get('Images.list')).toMatchObject([{ reference: 'debian' }, { reference: 'alpine' }]);
    expect((await cli('images', '-f', 'dangling=true')).exitCode).toBe(125);
  });
});

describe('pull and push', () => {
  const item = (status: string, offset = 0n) => ({
    progress: {
      case: 'item' as const,
      value: { digest: digest('a'), kind: 'layer', status, offset, total: 10n },
    },
  });
  const done = {
    progress: { case: 'done' as const, value: { name: 'docker.io/library/debian:12', digest: digest('d') } },
  };

  beforeEach(() => {
    daemon.stream('Images', 'pull', () => [
      item('waiting'),
      item('downloading', 5n),
      item('downloading', 10n),
      item('downloaded', 10n),
      item('extracted', 10n),
      done,
    ]);
    daemon.stream('Images', 'push', () => [item('uploaded'), done]);
  });

  it('prints lines when it is not on a terminal', async () => {
    const ran = await cli('pull', '--platform', 'linux/amd64', '--creds', 'me:pw', 'debian:12');
    expect(ran.stdout).toBe(
      `aaaaaaaaaaaa: Download complete
aaaaaaaaaaaa: Pull complete
Digest: ${digest('d')}
Status: Downloaded newer image for debian:12
docker.io/library/debian:12
`,
    );
    expect(daemon.seen.get('Images.pull')).toMatchObject([
      { reference: 'debian:12', platform: { os: 'linux' }, credentials: { username: 'me', password: 'pw' } },
    ]);
  });

  it('draws a bar for each layer on a terminal', async () => {
    const { stdout } = await runCli(daemon.address, ['pull', 'debian:12'], makeConsole({ tty: true }));
    expect(stdout).toContain('aaaaaaaaaaaa: Pull complete');
    expect(stdout).toContain('[==============================]');
    expect(stdout).toContain('Status: Downloaded newer image for debian:12\n');
  });

  it('prints one word with -q', async () => {
    expect((await cli('pull', '-q', 'debian')).stdout).toBe('docker.io/library/debian:12\n');
    expect((await cli('push', '-q', 'debian')).stdout).toBe(`${digest('d')}\n`);
  });

  it('pushes to another name', async () => {
    const { stdout } = await cli('push', 'debian:12', 'r.example/base');
    expect(stdout).toBe(`aaaaaaaaaaaa: Pushed\ndocker.io/library/debian:12: digest: ${digest('d')}\n`);
    expect(daemon.seen.get('Images.push')).toMatchObject([
      { image: 'debian:12', reference: 'r.example/base' },
    ]);
  });

  it('fails when the transfer fails, or just ends', async () => {
    daemon.stream('Images', 'pull', async function* () {
      yield item('downloading');
      throw new Refuse('unauthenticated', 'the registry wants a password');
    });
    expect(await cli('pull', 'x')).toMatchObject({
      exitCode: 1,
      stderr: 'shiplog: pull: the registry wants a password\n',
    });
    daemon.stream('Images', 'pull', () => []);
    expect(await cli('pull', 'x')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('try again'),
    });
  });

  it('stops at Ctrl-C with 130 and cancels at the daemon', async () => {
    const console = makeConsole();
    let cancelled = false;
    daemon.stream('Images', 'pull', async function* () {
      try {
        for (;;) {
          yield item('downloading');
          console.signals.emit('SIGINT');
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      } finally {
        cancelled = true;
      }
    });
    expect(await runCli(daemon.address, ['pull', 'x'], console)).toMatchObject({ exitCode: 130, stderr: '' });
    await expect.poll(() => cancelled).toBe(true);
  });
});

describe('import and export', () => {
  it('brings an archive to the daemon and back', async () => {
    const temp = makeTempDir('archive');
    writeFileSync(`${temp.path}/a.tar`, Buffer.alloc(3_000_000, 7));
    let size = 0;
    daemon.import(async (requests) => {
      for await (const message of requests) {
        const { request } = message as { request: { case: string; value: Uint8Array & { name: string } } };
        if (request.case === 'options') expect(request.value.name).toBe('app:1');
        else size += request.value.length;
      }
      return ['app:1'];
    });
    expect((await cli('import', '--name', 'app:1', `${temp.path}/a.tar`)).stdout).toBe(
      'Loaded image: app:1\n',
    );
    expect(size).toBe(3_000_000);

    daemon.stream('Images', 'export', () => [{ data: Buffer.from('ab') }, { data: Buffer.from('cd') }]);
    expect((await cli('export', '-o', `${temp.path}/b.tar`, 'app:1')).exitCode).toBe(0);
    expect(readFileSync(`${temp.path}/b.tar`, 'utf8')).toBe('abcd');
    expect((await cli('save', '--format', 'docker', 'app:1')).stdout).toBe('abcd');
    expect(daemon.seen.get('Images.export')).toMatchObject([
      { format: 'oci' },
      { format: 'docker', images: ['app:1'] },
    ]);
    temp.remove();
  });

  describe('on a terminal', () => {
    // Bars are drawn ten times a second.
    const drawn = () => sleep(250);
    const onTerminal = (...argv: string[]) => {
      const terminal = makeConsole({ tty: true });
      terminal.stderr.isTTY = true;
      return runCli(daemon.address, argv, terminal);
    };
    let temp: ReturnType<typeof makeTempDir>;
    beforeEach(() => {
      temp = makeTempDir('archive');
      writeFileSync(`${temp.path}/a.tar`, Buffer.alloc(3_000_000, 1));
    });
    afterEach(() => temp.remove());

    it('shows how much of an archive was sent', async () => {
      daemon.import(async (requests) => {
        for await (const request of requests) expect(request).toBeDefined();
        await drawn();
        return ['app:1'];
      });
      expect((await onTerminal('import', `${temp.path}/a.tar`)).stderr).toContain('100% 3MB of 3MB');
      expect((await onTerminal('import', '-q', `${temp.path}/a.tar`)).stderr).toBe('');
    });

    it('shows how much of an archive has come', async () => {
      daemon.stream('Images', 'export', async function* () {
        yield { data: Buffer.alloc(1_500_000) };
        await drawn();
      });
      const output = `${temp.path}/b.tar`;
      expect((await onTerminal('export', '-o', output, 'app:1')).stderr).toContain('Exporting 1.5MB');
      expect((await onTerminal('export', '-q', '-o', output, 'app:1')).stderr).toBe('');
    });
  });

  it('leaves no file when the export fails', async () => {
    const temp = makeTempDir('archive');
    daemon.stream('Images', 'export', async function* () {
      yield { data: Buffer.from('ab') };
      throw new Refuse('not-found', 'no such image');
    });
    expect((await cli('export', '-o', `${temp.path}/b.tar`, 'app:1')).exitCode).toBe(1);
    expect(() => readFileSync(`${temp.path}/b.tar`)).toThrow();
    temp.remove();
  });

  it('says when there is no archive', async () => {
    daemon.import(async () => []);
    expect((await cli('import', '/nowhere.tar')).stderr).toContain('/nowhere.tar');
    const ran = await runCli(daemon.address, ['import'], makeConsole({ tty: true }));
    expect(ran).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('no archive') });
  });
});
