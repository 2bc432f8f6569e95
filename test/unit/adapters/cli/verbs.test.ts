import { readFileSync, writeFileSync } from 'node:fs';
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

describe('ps', () => {
  beforeEach(() => {
    daemon.unary('Containers', 'list', () => ({
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
    }));
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
    expect(daemon.seen.get('Containers.list')).toMatchObject([
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
    expect(daemon.seen.get('Containers.list')).toMatchObject([
      { namespace: 'team', all: false, filters: ['status=exited', 'label=a=b'] },
    ]);
  });
});

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

const event = {
  position: 41n,
  type: 'container-removed',
  subject: 'container/default/web',
  data: '{"id":"web"}',
  actor: { uid: 0n, gid: 0n, pid: 77n, exe: '/usr/bin/node', client: 'shiplog' },
  wallUs: minutesAgo(0),
  summary: 'removed container web',
  reason: 'ticket 42',
};
const gone = {
  ...event,
  position: 42n,
  actor: { uid: 1000n, gid: 1000n, pid: 78n, exe: '', client: 'ctr' },
  reason: '',
  summary: '',
};

describe('events', () => {
  it('prints a line each', async () => {
    daemon.stream('Log', 'events', () => [event, gone]);
    expect((await cli('events', '--since', '10m', '--filter', 'container=web', '--from', '0')).stdout).toBe(
      `2026-11-21T12:00:00.000000Z 41 container/default/web container-removed: removed container web (root(0) via /usr/bin/node[77]; why: ticket 42)
2026-11-21T12:00:00.000000Z 42 container/default/web container-removed (uid 1000 via ctr[78])
`,
    );
    expect(daemon.seen.get('Log.events')).toMatchObject([
      {
        namespace: 'default',
        filters: ['container=web'],
        sinceUs: minutesAgo(10),
        fromPosition: 0n,
        follow: false,
      },
    ]);
  });

  it('prints JSON with the payload as an object', async () => {
    daemon.stream('Log', 'events', () => [event]);
    const { stdout } = await cli('events', '--format', 'json', '--all-namespaces');
    expect(JSON.parse(stdout)).toMatchObject({
      Position: 41,
      Type: 'container-removed',
      Data: { id: 'web' },
      Why: 'ticket 42',
    });
    expect(daemon.seen.get('Log.events')).toMatchObject([{ namespace: '' }]);
  });

  it('can be read by head', async () => {
    daemon.stream('Log', 'events', async function* () {
      for (;;) yield event;
    });
    const console = makeConsole();
    console.stdout.readerGone = true;
    expect(await runCli(daemon.address, ['events', '-f'], console)).toMatchObject({
      exitCode: 141,
      stderr: '',
    });
  });
});

describe('history, why, verify', () => {
  it('history tells who, what and why', async () => {
    daemon.stream('Log', 'history', () => [event, gone]);
    expect((await cli('history', 'web')).stdout).toBe(
      `TIME                          POSITION   WHO                             WHAT                    WHY
2026-11-21T12:00:00.000000Z   41         root(0) via /usr/bin/node[77]   removed container web   ticket 42
2026-11-21T12:00:00.000000Z   42         uid 1000 via ctr[78]            container-removed
`,
    );
    expect((await cli('history', '-q', 'web')).stdout).toBe('41\n42\n');
  });

  it('why draws the path from a root', async () => {
    daemon.unary('Log', 'why', () => ({
      subject: 'blob/default/x',
      kept: true,
      path: [
        { from: 'image/default/debian', to: 'blob/default/m', kind: 'target', sincePosition: 4n },
        { from: 'blob/default/m', to: 'blob/default/x', kind: 'layer', sincePosition: 5n },
      ],
    }));
    expect((await cli('why', 'x')).stdout).toBe(
      `blob/default/x is kept by
image/default/debian
└─ target → blob/default/m  (since position 4)
   └─ layer → blob/default/x  (since position 5)
`,
    );
  });

  it('why tells the event that freed it', async () => {
    daemon.unary('Log', 'why', () => ({ subject: 'container/default/web', kept: false, freed: [event] }));
    const { stdout } = await cli('why', 'web');
    expect(stdout).toMatch(/^container\/default\/web is gone:\n└─ 2026-.* 41 .*why: ticket 42\)\n$/);
    expect(JSON.parse((await cli('why', '--format', 'json', 'web')).stdout)).toMatchObject({ Kept: false });
  });

  it('verify exits with 0 only if the log is sound', async () => {
    const result = { ok: true, message: '7 events are sound', headHash: 'ff' };
    daemon.stream('Log', 'verify', () => [
      { eventsChecked: 1n, eventsTotal: 7n },
      { eventsChecked: 7n, eventsTotal: 7n, result },
    ]);
    expect(await cli('verify')).toEqual({
      exitCode: 0,
      stdout: '7 events are sound\nHead: ff\n',
      stderr: '',
    });
    const shown = await runCli(daemon.address, ['verify', '-q'], makeConsole({ tty: true }));
    expect(shown.stdout).toBe('ff\n');
    daemon.stream('Log', 'verify', () => [{ result: { ok: false, message: 'event 3 was changed' } }]);
    expect(await cli('verify')).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'shiplog: the log is NOT sound: event 3 was changed\n',
    });
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

describe('gc, info and version', () => {
  it('gc tells what was freed', async () => {
    daemon.unary('System', 'gc', () => ({ removed: ['blob/default/x'], freedBytes: 1500n }));
    expect((await cli('gc')).stdout).toBe('blob/default/x\nRemoved 1, freed 1.5kB\n');
    expect((await cli('gc', '-q')).stdout).toBe('blob/default/x\n');
  });

  it('info prints names and values', async () => {
    daemon.unary('System', 'info', () => ({
      hostId: 'h1',
      logHead: 7n,
      logBytes: 2000n,
      containers: 3,
      containersRunning: 1,
      namespaces: ['a', 'b'],
    }));
    const { stdout } = await cli('info');
    expect(stdout).toContain('Host: h1\n');
    expect(stdout).toContain('Log: 7 events, 2kB\n');
    expect(stdout).toContain('Containers: 3, 1 running\n');
    expect((await cli('info', '-f', '{{.Events}}')).stdout).toBe('7\n');
  });

  it('version asks the daemon, and says when there is none', async () => {
    daemon.unary('System', 'version', () => ({ version: '9.9', kernel: '6.18' }));
    expect((await cli('version')).stdout).toMatch(
      /^Client:\n Version: {2}\d.*Server:\n Version: {2}9\.9\n Kernel: {3}6\.18\n$/s,
    );
    expect((await cli('version', '-f', '{{.Server.Version}}')).stdout).toBe('9.9\n');
    const alone = await runCli('unix:///nowhere.sock', ['version']);
    expect(alone.exitCode).toBe(1);
    expect(alone.stdout).toMatch(/^Client:\n/);
    expect(alone.stderr).toMatch(/^shiplog: cannot reach shiplogd at unix:\/\/\/nowhere.sock/);
    expect(await runCli('unix:///nowhere.sock', ['version', '--client'])).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
  });
});
