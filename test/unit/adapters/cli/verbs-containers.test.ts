import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeDaemon, NOON, Refuse, runCli, startFakeDaemon } from '../../../support/fake-daemon.ts';

let daemon: FakeDaemon;
beforeEach(async () => {
  daemon = await startFakeDaemon();
});
afterEach(() => daemon.close());

const cli = (...argv: string[]) => runCli(daemon.address, argv);
const minutesAgo = (minutes: number): bigint => BigInt(NOON - minutes * 60_000) * 1000n;
const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;

describe('ps', () => {
  beforeEach(() => {
    daemon.stream('Containers', 'listStream', () => [
      {
        containers: [
          {
            id: 'a'.repeat(64),
            name: 'old_job',
            image: 'docker.io/library/debian:12',
            args: ['sh', '-c', 'exit 3'],
            createdUs: minutesAgo(180),
            status: 'exited',
            exitCode: 3,
            exitedUs: minutesAgo(120),
          },
          {
            id: 'b'.repeat(64),
            name: 'web',
            image: 'registry.example/web:1',
            args: ['nginx'],
            createdUs: minutesAgo(10),
            startedUs: minutesAgo(9),
            status: 'paused',
          },
          {
            id: 'c'.repeat(64),
            name: 'new',
            image: 'x',
            args: ['y'],
            createdUs: minutesAgo(20),
            status: 'created',
          },
          {
            id: 'd'.repeat(64),
            name: 'gone',
            image: 'x',
            args: ['y'],
            createdUs: minutesAgo(999),
            status: 'lost',
          },
        ],
      },
    ]);
  });

  it('prints a table, newest first', async () => {
    const { stdout, exitCode } = await cli('ps', '-a');
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      `CONTAINER ID   IMAGE                    COMMAND            CREATED          STATUS                   NAMES
bbbbbbbbbbbb   registry.example/web:1   "nginx"            10 minutes ago   Up 9 minutes (Paused)    web
cccccccccccc   x                        "y"                20 minutes ago   Created                  new
aaaaaaaaaaaa   debian:12                "sh -c 'exit 3'"   3 hours ago      Exited (3) 2 hours ago   old_job
dddddddddddd   x                        "y"                16 hours ago     Lost                     gone
`,
    );
    expect(daemon.seen.get('Containers.listStream')).toMatchObject([
      { namespace: 'default', all: true, filters: [] },
    ]);
  });

  it.each([
    [['-aq'], 'bbbbbbbbbbbb\ncccccccccccc\naaaaaaaaaaaa\ndddddddddddd\n'],
    [['-l', '-q'], 'bbbbbbbbbbbb\n'],
    [['-n', '2', '-q'], 'bbbbbbbbbbbb\ncccccccccccc\n'],
    [['-lq', '--no-trunc'], `${'b'.repeat(64)}\n`],
    [['-l', '--format', '{{.Names}}={{.State}}'], 'web=paused\n'],
    [
      ['-n', '2', '--format', 'table {{.Names}}\\t{{.ID}}'],
      'NAMES   ID\nweb     bbbbbbbbbbbb\nnew     cccccccccccc\n',
    ],
  ])('%j', async (flags, expected) => {
    expect((await cli('ps', ...flags)).stdout).toBe(expected);
  });

  it('prints an object a line as JSON', async () => {
    const lines = (await cli('ps', '-a', '--format', 'json')).stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { Names: 'web', Status: 'Up 9 minutes (Paused)', State: 'paused' },
      { Names: 'new' },
      { Names: 'old_job', ExitCode: 3, CreatedAt: '2026-11-21T09:00:00.000000Z' },
      { Names: 'gone' },
    ]);
  });

  it('hands filters and the namespace to the daemon', async () => {
    await runCli(daemon.address, ['-n', 'team', 'ps', '-f', 'status=exited', '--filter', 'label=a=b']);
    expect(daemon.seen.get('Containers.listStream')).toMatchObject([
      { namespace: 'team', all: false, filters: ['status=exited', 'label=a=b'] },
    ]);
  });
});

describe('verbs on several containers', () => {
  it.each([
    ['stop', ['-t', '5', '-s', 'INT'], { timeout: 5, signal: 'INT' }],
    ['kill', ['-s', 'HUP'], { signal: 'HUP' }],
    ['kill', [], { signal: 'SIGKILL' }],
    ['pause', [], {}],
    ['unpause', [], {}],
    ['rm', ['-f'], { force: true }],
  ] as const)('%s %j', async (name, flags, request) => {
    const method = name === 'rm' ? 'remove' : name;
    daemon.unary('Containers', method, ({ container }) => {
      if (container === 'bad') throw new Refuse('failed-precondition', 'it is not running');
      return {};
    });
    expect(await cli(name, ...flags, 'a', 'bad', 'b')).toEqual({
      exitCode: 1,
      stdout: 'a\nb\n',
      stderr: `shiplog: ${name}: it is not running\n`,
    });
    expect(daemon.seen.get(`Containers.${method}`)?.[0]).toMatchObject({ container: 'a', ...request });
  });

  it('wait prints codes and does not exit with them', async () => {
    daemon.unary('Containers', 'wait', ({ container }) => ({ exitCode: container === 'a' ? 0 : 137 }));
    expect(await cli('wait', 'a', 'b')).toMatchObject({ exitCode: 0, stdout: '0\n137\n' });
  });

  it('rmi tells what was untagged and deleted', async () => {
    daemon.unary('Images', 'remove', ({ image }) => ({ untagged: [image], deleted: [digest('1')] }));
    expect((await cli('rmi', 'a')).stdout).toBe(`Untagged: a\nDeleted: ${digest('1')}\n`);
  });
});

describe('logs', () => {
  const entry = (stream: string, text: string) => ({
    timeUs: minutesAgo(0),
    stream,
    data: Buffer.from(text),
  });

  it('keeps the two streams apart, and stamps the beginning of lines', async () => {
    daemon.stream('Containers', 'logs', () => [
      entry('stdout', 'par'),
      entry('stdout', 'tial\n'),
      entry('stderr', 'oops\n'),
      entry('stdout', 'x\n'),
    ]);
    expect(await cli('logs', 'web')).toEqual({ exitCode: 0, stdout: 'partial\nx\n', stderr: 'oops\n' });
    const time = '2026-11-21T12:00:00.000000Z';
    expect((await cli('logs', '-t', 'web')).stdout).toBe(`${time} partial\n${time} x\n`);
  });

  it('asks for a stretch of time and a tail', async () => {
    daemon.stream('Containers', 'logs', () => []);
    await cli('logs', '-f', '--tail', '5', '--since', '10m', '--until', 'now', 'web');
    await cli('logs', '--tail', 'all', 'web');
    const [first, second] = daemon.seen.get('Containers.logs') ?? [];
    expect(first).toMatchObject({ follow: true, tail: 5, sinceUs: minutesAgo(10), untilUs: minutesAgo(0) });
    expect(second).toMatchObject({ follow: false });
    expect(second).not.toHaveProperty('tail');
    expect(await cli('logs', '--since', 'whenever', 'web')).toMatchObject({ exitCode: 125 });
  });
});

describe('inspect and top', () => {
  beforeEach(() => {
    daemon.unary('Containers', 'inspect', ({ container }) => {
      if (container !== 'web') throw new Refuse('not-found', `no container '${container}'`);
      return {
        container: {
          id: 'abc',
          name: 'web',
          status: 'exited',
          exitCode: 3,
          args: ['sh', '-c', 'x'],
          createdUs: minutesAgo(1),
        },
        config: '{"process":{"args":["sh"]}}',
      };
    });
    daemon.unary('Images', 'inspect', ({ image }) => {
      if (image !== 'debian') throw new Refuse('not-found', `no image '${image}'`);
      return {
        image: { id: digest('1'), name: 'debian', unpackedSize: 5n },
        layers: [digest('2')],
        config: '{"os":"linux"}',
      };
    });
  });

  it('prints an array, of containers and images', async () => {
    const { stdout, exitCode } = await cli('inspect', 'web', 'debian');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([
      { Id: 'abc', Path: 'sh', Args: ['-c', 'x'], State: { Status: 'exited', Running: false, ExitCode: 3 } },
      { Id: digest('1'), Size: 5, Layers: [digest('2')], Config: { os: 'linux' } },
    ]);
  });

  it('prints a part', async () => {
    expect(
      (await cli('inspect', '-f', '{{.State.ExitCode}} {{json .Config.process.args}}', 'web')).stdout,
    ).toBe('3 ["sh"]\n');
  });

  it('prints what it found, and fails for the rest', async () => {
    const { stdout, stderr, exitCode } = await cli('inspect', 'web', 'nope');
    expect(JSON.parse(stdout)).toHaveLength(1);
    expect(stderr).toContain("there is no container or image 'nope'");
    expect(exitCode).toBe(1);
    expect((await cli('inspect', '--type', 'image', 'web')).stderr).toContain("no image 'web'");
  });

  it('top lists processes', async () => {
    daemon.unary('Containers', 'top', () => ({
      processes: [
        {
          pid: 10,
          ppid: 1,
          uid: 33,
          cpuUs: 3_723_000_000n,
          rss: 4_200_000n,
          startedUs: minutesAgo(0),
          args: ['nginx', '-g', 'x'],
        },
      ],
    }));
    expect((await cli('top', 'web')).stdout).toBe(
      `UID   PID   PPID   STIME                 TIME       RSS     CMD
33    10    1      2026-11-21T12:00:00   01:02:03   4.2MB   nginx -g x
`,
    );
  });
});
