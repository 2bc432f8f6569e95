import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayout } from '../support/busybox-image.ts';
import { runProgram } from '../support/child.ts';
import { type DaemonHost, daemonMissing, startHost } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { newerProgram } from '../support/newer-debian.ts';
import { pushLayout, type RegistryServer, startRegistry } from '../support/registry-server.ts';

/** `ctr` of containerd 2 leaves pulls, pushes, archives and tags to the daemon's transfer service. */
const ctr = newerProgram('ctr');
const missing =
  daemonMissing() ??
  missingHere({ root: true, programs: ['docker-registry', 'skopeo'] }) ??
  (ctr === undefined ? 'ctr of containerd 2' : undefined);

describe.skipIf(missing !== undefined)(`ctr of containerd 2 ${missing ?? ''}`, () => {
  let host: DaemonHost;
  let registry: RegistryServer;
  let image: string;
  let other: string;
  const run = (...args: string[]) => runProgram(ctr ?? 'ctr', ['--address', host.address, ...args]);
  const images = async () => (await run('images', 'ls', '-q')).trim().split('\n').sort();

  beforeAll(async () => {
    host = await startHost('ctr-transfer');
    registry = await startRegistry(join(host.directory, 'registry'));
    image = `${registry.host}/example:1`;
    other = `${registry.host}/other:2`;
    await pushLayout(await busyboxLayout(host.directory), image);
  }, 120_000);
  afterAll(async () => {
    await registry?.stop();
    await host?.close();
  });

  it('pulls, shows what becomes of each piece, and runs what it pulled', async () => {
    const said = await run('images', 'pull', '--plain-http', image);
    expect(said).toContain(`Pulling from OCI Registry (${image})`);
    for (const line of [
      /manifest \(\w{12}\)\s+complete/,
      /config \(\w{12}\)\s+complete/,
      /layer \(\w{12}\)\s+extracted/,
      /example:1\s+saved/,
    ]) {
      expect(said).toMatch(line);
    }
    expect(await run('run', '--rm', image, 'one', 'echo', 'hello')).toBe('hello\n');
  }, 60_000);

  it('tags, and pushes to another repository', async () => {
    await run('images', 'tag', image, other);
    expect(await images()).toEqual([image, other]);
    expect(await run('images', 'push', '--plain-http', other)).toMatch(/other:2\s+pushed content/);
    await run('images', 'rm', '--sync', image, other);
    await run('images', 'pull', '--plain-http', other);
    expect(await images()).toEqual([other]);
  }, 60_000);

  it('exports, and imports once all is gone', async () => {
    const archive = join(host.directory, 'other.tar');
    await run('images', 'export', archive, other);
    await run('images', 'rm', '--sync', other);
    expect(await run('content', 'ls', '-q')).toBe('');
    expect(await run('images', 'import', archive)).toMatch(/other:2\s+saved/);
    expect(await run('run', '--rm', other, 'two', 'echo', 'again')).toBe('again\n');
  }, 60_000);

  it('unpacks to the snapshotter that is asked for, and runs from it', async () => {
    await run('images', 'pull', '--plain-http', '--snapshotter', 'native', image);
    expect(await run('snapshots', '--snapshotter', 'native', 'ls')).toMatch(/^sha256:.* Committed/m);
    expect(await run('run', '--rm', '--snapshotter', 'native', image, 'native', 'echo', 'copied')).toBe(
      'copied\n',
    );
  }, 60_000);

  it('exports what tools that know docker’s archives alone read', async () => {
    const archive = join(host.directory, 'docker.tar');
    await run('images', 'export', archive, image);
    const told = JSON.parse(await runProgram('skopeo', ['inspect', `docker-archive:${archive}`]));
    expect(told).toMatchObject({ Os: 'linux', Layers: [expect.stringMatching(/^sha256:/)] });
  }, 60_000);

  it('is told why there is no such image', async () => {
    await expect(run('images', 'pull', '--plain-http', `${registry.host}/none:1`)).rejects.toThrow(
      /failed to resolve image: .*\/none:1: not found/,
    );
  }, 60_000);

  it('lists sandboxes and removes them; it names no controller, which containerd 2.1 refuses too', async () => {
    const config = join(host.directory, 'pod.json');
    writeFileSync(config, JSON.stringify({ metadata: { name: 'pod' } }));
    const pod = run('sandboxes', 'run', '--runtime', 'io.containerd.kata.v2', config, 'pod');
    await expect(pod).rejects.toThrow(/sandbox controller name can not be empty/);
    expect(await run('sandboxes', 'ls')).toMatch(/^pod\s.*io\.containerd\.kata\.v2/m);
    await run('sandboxes', 'rm', '--force', 'pod');
    expect(await run('sandboxes', 'ls')).not.toContain('pod');
  }, 60_000);
});
