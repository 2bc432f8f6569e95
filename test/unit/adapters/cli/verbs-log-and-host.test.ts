import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeDaemon, makeConsole, NOON, runCli, startFakeDaemon } from '../../../support/fake-daemon.ts';

let daemon: FakeDaemon;
beforeEach(async () => {
  daemon = await startFakeDaemon();
});
afterEach(() => daemon.close());

const cli = (...argv: string[]) => runCli(daemon.address, argv);
const minutesAgo = (minutes: number): bigint => BigInt(NOON - minutes * 60_000) * 1000n;

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
      `2026-11-21T12:00:00.000000Z 41 container/default/web container-removed: removed container web (root(0) via shiplog (/usr/bin/node[77]); why: ticket 42)
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
      `TIME                          POSITION   WHO                                       WHAT                    WHY
2026-11-21T12:00:00.000000Z   41         root(0) via shiplog (/usr/bin/node[77])   removed container web   ticket 42
2026-11-21T12:00:00.000000Z   42         uid 1000 via ctr[78]                      container-removed
`,
    );
    expect((await cli('history', '-q', 'web')).stdout).toBe('41\n42\n');
  });

  it('history asks for a type, an actor, a request and a time', async () => {
    daemon.stream('Log', 'history', (request) => {
      expect(request).toMatchObject({
        thing: 'web',
        filters: ['type=task-exited', 'type=task-started', 'actor=1000', 'correlation=r1'],
        sinceUs: 1_764_000_000_000_000n,
      });
      return [gone];
    });
    const narrowed = ['--type', 'task-exited', '--type', 'task-started', '--actor', '1000'];
    const { stdout } = await cli(
      ...['history', 'web', '-q', '--correlation', 'r1', '--since', '1764000000', ...narrowed],
    );
    expect(stdout).toBe('42\n');
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

  it('history and why say on standard error where the past of a thing is that was pruned', async () => {
    daemon.unary('Log', 'why', () => ({ subject: 'container/default/web', kept: false, freed: [event] }));
    daemon.stream('Log', 'history', () => [event]);
    for (const verb of ['history', 'why']) {
      daemon.unary('Log', 'horizon', () => ({ position: 40n, archives: ['/backup'], reachesBelow: true }));
      expect((await cli(verb, 'web')).stderr).toBe(
        'not whole: the log begins at position 40; what was before is archived in /backup\n',
      );
      daemon.unary('Log', 'horizon', () => ({ position: 40n, archives: ['/backup'], reachesBelow: false }));
      expect((await cli(verb, 'web')).stderr).toBe('');
    }
  });

  it('events and history mark what was redacted', async () => {
    for (const method of ['events', 'history'] as const) {
      daemon.stream('Log', method, () => [{ ...event, redactedBy: 77n }]);
    }
    expect((await cli('events')).stdout).toMatch(/ \[redacted by 77\]\n$/);
    expect((await cli('history', 'web')).stdout).toContain(' [redacted by 77]');
    const row = JSON.parse((await cli('events', '--format', 'json')).stdout);
    expect(row).toMatchObject({ Redacted: true, RedactedBy: 77 });
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
    expect(await cli('log', 'verify')).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'shiplog: the log is NOT sound: event 3 was changed\n',
    });
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
