import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayout } from '../support/busybox-image.ts';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { DaemonHost, daemonMissing, type Finished } from '../support/daemon.ts';
import { Dockerd, plain } from '../support/dockerd.ts';
import { mountsBelow } from '../support/leaks.ts';
import { missingHere } from '../support/machine.ts';
import { newerDockerPlugins, newerProgram } from '../support/newer-debian.ts';
import { pushLayout, type RegistryServer, startRegistry } from '../support/registry-server.ts';

const client = newerProgram('docker');
const daemon = newerProgram('dockerd', 'sbin');
const [ctr, containerd] = [newerProgram('ctr'), newerProgram('containerd')];
const missing =
  daemonMissing() ??
  missingHere({ root: true, programs: ['runc', 'docker-registry', 'skopeo'] }) ??
  ([client, daemon, ctr, containerd].includes(undefined)
    ? 'needs docker and containerd of a newer Debian: npm run setup'
    : undefined);
const suffix = missing === undefined ? '' : ` (skipped: ${missing})`;

const apart = ['--network', 'none'];
const dockerfile = (base: string) => `FROM ${base}
RUN echo built > /built
COPY x /x
RUN cat /x /built > /both && rm /x
CMD ["cat", "/both"]
`;

/** A docker whose images, layers and builds are containerd's: it pulls, unpacks, diffs and exports through its API. */
describe.skipIf(missing !== undefined)(`docker with its images in the store${suffix}`, () => {
  // The shim that comes with the release.
  const env = { PATH: `${dirname(containerd ?? '')}:${process.env.PATH}` };
  const host = new DaemonHost('docker-images', { env });
  const at = (...path: readonly string[]) => join(host.directory, ...path);
  let registry: RegistryServer;
  let peer: PrivateContainerd;
  let ours: Dockerd;
  let theirs: Dockerd;
  let image: string;

  beforeAll(async () => {
    mkdirSync(at('registry'));
    const programs = { containerd: containerd ?? '', ctr: ctr ?? '' };
    [registry, peer] = await Promise.all([
      startRegistry(at('registry')),
      startContainerd(at('containerd'), { programs, env }),
      host.start(),
    ]);
    image = `${registry.host}/box:1`;
    await pushLayout(await busyboxLayout(host.directory), image);
    const options = {
      programs: { client: client ?? '', daemon: daemon ?? '', plugins: newerDockerPlugins },
      configuration: { features: { 'containerd-snapshotter': true } },
    };
    ours = new Dockerd(at('a'), host.address, options);
    theirs = new Dockerd(at('b'), peer.address, options);
    await Promise.all([ours.start(), theirs.start()]);
    mkdirSync(at('context'));
    writeFileSync(at('context', 'Dockerfile'), dockerfile(image));
    writeFileSync(at('context', 'x'), 'hello\n');
  }, 60_000);
  afterAll(async () => {
    await Promise.all([ours?.end(), theirs?.end()]);
    await Promise.all([peer?.stop(), registry?.stop()]);
    await host.close();
  }, 60_000);

  /** What both answer, which must be the same; `known` makes what may differ the same. */
  const same = async (args: readonly string[], known: (text: string) => string = (text) => text) => {
    const answers = await Promise.all([ours, theirs].map((one) => one.docker(...args)));
    const [found, expected] = answers.map(plain).map((one) => ({ ...one, out: known(one.out) }));
    expect(found, args.join(' ')).toEqual(expected);
    return found as Finished;
  };
  const run = (...args: readonly string[]) => same(['run', '--rm', ...apart, ...args]);

  it('keeps images there', async () => {
    expect(await ours.ok('info', '-f', '{{.Driver}} {{.DriverStatus}}')).toBe(
      'overlayfs [[driver-type io.containerd.snapshotter.v1]]',
    );
  });

  it('pulls, runs, looks and commits', async () => {
    await same(['pull', '-q', image]);
    // How far a pull has come is told at moments of its own.
    await same(['pull', image], (out) => out.replace(/^ID: .*\n/gm, ''));
    expect((await run(image, 'sh', '-c', 'echo hi; exit 3')).code).toBe(3);
    const script = 'echo a > /f; mkdir /d; sleep 1000';
    await same(['run', '-d', '--name', 'one', ...apart, image, 'sh', '-c', script]);
    await same(['exec', 'one', 'sh', '-c', 'echo b >> /f; cat /f']);
    const sorted = (out: string) => out.split('\n').sort().join('\n');
    expect((await same(['diff', 'one'], sorted)).out.trim()).toBe('A /d\nA /f');
    await same(['ps', '--size', '--format', '{{.Names}} {{.Size}}']);
    writeFileSync(at('copied'), 'copied\n');
    await same(['cp', '-q', at('copied'), 'one:/d/copied']);
    await same(['exec', 'one', 'cat', '/d/copied']);
    await same(['commit', '-m', 'more', 'one', 'mine:1']);
    await same(['history', '--format', '{{.Comment}} {{.Size}}', 'mine:1']);
    expect((await run('mine:1', 'cat', '/f', '/d/copied')).out).toBe('a\nb\ncopied\n');
    await same(['kill', 'one']);
    await same(['rm', 'one']);
  });

  it('pushes, saves, loads, imports', async () => {
    for (const [name, one] of [['a', ours] as const, ['b', theirs] as const]) {
      await one.ok('tag', 'mine:1', `${registry.host}/${name}:1`);
      await one.ok('push', '-q', `${registry.host}/${name}:1`);
      await one.ok('save', '-o', at(`${name}.tar`), 'mine:1');
      await one.ok('rmi', 'mine:1', `${registry.host}/${name}:1`);
    }
    // Each takes what the other gave.
    await Promise.all([ours.ok('load', '-i', at('b.tar')), theirs.ok('load', '-i', at('a.tar'))]);
    expect((await run('mine:1', 'cat', '/f')).out).toBe('a\nb\n');
    await Promise.all([
      ours.ok('pull', '-q', `${registry.host}/b:1`),
      theirs.ok('pull', '-q', `${registry.host}/a:1`),
    ]);
    expect(await host.ok('-n', 'moby', 'images')).toContain('/b');
  });

  it('builds by buildkit, and builds nothing twice', async () => {
    const build = (one: Dockerd, tag: string) =>
      one.docker('build', '--progress', 'plain', ...apart, '-t', tag, at('context'));
    for (const one of [ours, theirs]) {
      const first = await build(one, 'new:1');
      expect(first.code, first.err).toBe(0);
    }
    expect((await run('new:1')).out).toBe('hello\nbuilt\n');
    const again = await build(ours, 'new:2');
    expect(again.err.match(/CACHED/g)).toHaveLength(3);
    expect(await ours.ok('run', '--rm', ...apart, 'new:2')).toBe('hello\nbuilt');
  });

  it('forgets what it is told to forget, and Shiplog remembers', async () => {
    for (const one of [ours, theirs]) {
      await one.ok('image', 'prune', '-f', '-a');
      await one.ok('builder', 'prune', '-f', '-a');
    }
    await same(['system', 'df', '--format', '{{.Type}} {{.TotalCount}} {{.Size}}']);
    await same(['images', '-a']);
    const past = await host.ok('-n', 'moby', 'history', 'image/moby/docker.io/library/new:1');
    expect(past).toMatch(/dockerd.* created.*dockerd.* removed/s);
    await ours.end();
    await host.ok('-n', 'moby', 'gc');
    expect(await host.ok('-n', 'moby', 'content', '-q')).toBe('');
    expect(mountsBelow(host.state)).toEqual([]);
    expect(await host.leaks()).toEqual([]);
  });
});
