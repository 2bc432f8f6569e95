import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeDaemon, NOON, Refuse, runCli, startFakeDaemon } from '../../../support/fake-daemon.ts';

let daemon: FakeDaemon;
/** An hour before noon, in microseconds. */
const then = BigInt(NOON - 3_600_000) * 1000n;
beforeEach(async () => {
  daemon = await startFakeDaemon();
  daemon.unary('Resources', 'moment', () => ({ position: 4711n, timeUs: then }));
});
afterEach(() => daemon.close());

const cli = (...argv: string[]) => runCli(daemon.address, argv);
const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const minutesBefore = (minutes: number): bigint => then - BigInt(minutes) * 60_000_000n;
const asked = { at: { moment: { case: 'position', value: 4711n } } };
const said = 'as of position 4711, 2026-11-21T11:00:00.000000Z\n';

describe('--at', () => {
  it('asks once what is meant, reads at that position, and counts times from there', async () => {
    daemon.stream('Containers', 'listStream', () => [
      {
        containers: [
          { id: 'c'.repeat(64), name: 'web', status: 'running', startedUs: minutesBefore(5), image: 'x' },
        ],
      },
    ]);
    const ran = await cli('ps', '--at', '1 hour ago', '--format', '{{.Names}} {{.Status}}');
    expect(ran).toEqual({ exitCode: 0, stdout: 'web Up 5 minutes\n', stderr: said });
    expect(daemon.seen.get('Resources.moment')).toMatchObject([
      { at: { moment: { case: 'timeUs', value: then } } },
    ]);
    expect(daemon.seen.get('Containers.listStream')).toMatchObject([asked]);
  });

  it('is not asked about where it is not given', async () => {
    daemon.stream('Containers', 'listStream', () => [{ containers: [] }]);
    expect((await cli('ps')).stderr).toBe('');
    expect(daemon.seen.has('Resources.moment')).toBe(false);
    expect(daemon.seen.get('Containers.listStream')?.[0]).not.toHaveProperty('at');
  });

  it('shows images and tells why', async () => {
    daemon.unary('Images', 'list', () => ({ images: [{ name: 'docker.io/library/debian:12' }] }));
    expect((await cli('images', '--at', '4711', '--format', '{{.Repository}}')).stdout).toBe('debian\n');
    expect(daemon.seen.get('Images.list')).toMatchObject([asked]);
    daemon.unary('Log', 'why', () => ({ subject: 'container/default/c', kept: true }));
    expect((await cli('why', 'web', '--at', '@4711')).stdout).toBe(
      'container/default/c was kept: it was a root itself\n',
    );
    expect(daemon.seen.get('Log.why')).toMatchObject([asked]);
  });

  it('looks for a container, then for an image, as they were called then', async () => {
    daemon.unary('Containers', 'inspect', () => {
      throw new Refuse('not-found', 'no');
    });
    daemon.unary('Images', 'inspect', () => ({ image: { name: 'x' }, config: '', manifest: '{}' }));
    const { stdout } = await cli('inspect', '-f', '{{.Name}} {{json .Config}}', '--at', '4711', 'x');
    expect(stdout).toBe('x null\n');
    expect(daemon.seen.get('Containers.inspect')).toMatchObject([asked]);
    expect(daemon.seen.get('Images.inspect')).toMatchObject([asked]);
    daemon.unary('Images', 'inspect', () => {
      throw new Refuse('not-found', 'no');
    });
    expect((await cli('inspect', '--at', '4711', 'x')).stderr).toMatch(
      /there was then no container or image 'x'/,
    );
  });

  it('makes gc a question', async () => {
    daemon.unary('System', 'gc', () => ({ removed: ['blob/default/x'], freedBytes: 1500n }));
    expect((await cli('gc', '--at', '4711')).stdout).toBe(
      'blob/default/x\nWould remove 1, would free 1.5kB\n',
    );
    expect((await cli('gc', '--dry-run', '--format', 'json')).stdout).toBe(
      '{"Removed":["blob/default/x"],"FreedBytes":1500,"DryRun":true}\n',
    );
    expect((await cli('gc')).stdout).toBe('blob/default/x\nRemoved 1, freed 1.5kB\n');
    expect(daemon.seen.get('System.gc')).toMatchObject([
      { dryRun: true, ...asked },
      { dryRun: true },
      { dryRun: false },
    ]);
  });

  it('prints what the daemon says of a moment to come, and asks for nothing else', async () => {
    daemon.unary('Resources', 'moment', () => {
      throw new Refuse('invalid-argument', 'position 9 is to come: the log ends at position 3');
    });
    expect(await cli('ps', '--at', '9')).toMatchObject({
      exitCode: 1,
      stderr: 'shiplog: ps: position 9 is to come: the log ends at position 3\n',
    });
    expect(await cli('ps', '--at', 'soon')).toMatchObject({ exitCode: 125 });
    expect(daemon.seen.has('Containers.listStream')).toBe(false);
  });
});

describe('lists of what things are made of', () => {
  const many =
    (...items: object[]) =>
    () =>
      items as never;

  it('snapshots', async () => {
    daemon.stream(
      'Resources',
      'snapshots',
      many(
        { key: 'c0ffee', kind: 'active', parent: digest('a'), snapshotter: 'overlayfs', createdUs: then },
        { key: digest('a'), kind: 'committed', snapshotter: 'overlayfs', size: 1500n, createdUs: then },
      ),
    );
    expect((await cli('snapshots')).stdout).toBe(
      `KEY            KIND        PARENT         SNAPSHOTTER   SIZE      CREATED
c0ffee         active      aaaaaaaaaaaa   overlayfs     unknown   About an hour ago
aaaaaaaaaaaa   committed                  overlayfs     1.5kB     About an hour ago
`,
    );
    expect((await cli('snapshots', '-q')).stdout).toBe(`c0ffee\n${digest('a')}\n`);
    await cli('snapshots', '-f', 'kind=active', '--at', '4711');
    expect(daemon.seen.get('Resources.snapshots')?.at(-1)).toMatchObject({
      ...{ namespace: 'default', filters: ['kind=active'], ...asked },
    });
  });

  it('content', async () => {
    daemon.stream(
      'Resources',
      'content',
      many(
        { digest: digest('a'), size: 10n, createdUs: then, labels: { b: '2', a: '1' } },
        { digest: digest('b'), size: 48_500_000n, createdUs: then },
      ),
    );
    expect((await cli('content')).stdout).toBe(
      `DIGEST         SIZE     CREATED             LABELS
aaaaaaaaaaaa   10B      About an hour ago   a=1,b=2
bbbbbbbbbbbb   48.5MB   About an hour ago   -
`,
    );
    expect((await cli('content', '-q')).stdout).toBe(`${digest('a')}\n${digest('b')}\n`);
    expect((await cli('inspect', '--type', 'content', 'sha256:aa', 'b')).stderr).toContain(
      "'sha256:aa' may be",
    );
  });

  it('leases, with what is left of their time at the moment shown', async () => {
    daemon.stream(
      'Resources',
      'leases',
      many(
        { id: 'pull-1', createdUs: minutesBefore(2), expiresUs: minutesBefore(-180), resources: [{}, {}] },
        { id: 'old', createdUs: minutesBefore(20), expiresUs: minutesBefore(10) },
        { id: 'kept', createdUs: minutesBefore(20) },
      ),
    );
    expect((await cli('leases', '--at', '4711')).stdout).toBe(
      `ID       CREATED          EXPIRES          HOLDS
pull-1   2 minutes ago    in 3 hours       2
old      20 minutes ago   10 minutes ago   0
kept     20 minutes ago   never            0
`,
    );
    const { stdout } = await cli('inspect', '--type', 'lease', '-f', '{{.Id}} {{json .Expires}}', 'kept');
    expect(stdout).toBe('kept null\n');
  });

  it('namespaces', async () => {
    daemon.stream(
      'Resources',
      'namespaces',
      many({ name: 'ci', containers: 1, images: 2, snapshots: 3, blobs: 4, leases: 5, labels: { a: 'b' } }),
    );
    expect((await cli('namespaces')).stdout).toBe(
      `NAME   CONTAINERS   IMAGES   SNAPSHOTS   BLOBS   LEASES   LABELS
ci     1            2        3           4       5        a=b
`,
    );
    expect((await cli('namespaces', '-q')).stdout).toBe('ci\n');
  });

  it('say where there is none', async () => {
    daemon.stream('Resources', 'snapshots', many());
    expect(await cli('inspect', '--type', 'snapshot', 'x')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("snapshot 'x' does not exist; look with 'shiplog snapshots'"),
    });
  });
});
