import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayout } from '../support/busybox-image.ts';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { DaemonHost, daemonMissing } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { pushLayout, type RegistryServer, startRegistry } from '../support/registry-server.ts';

const missing =
  daemonMissing() ??
  missingHere({ root: true, programs: ['ctr', 'containerd', 'docker-registry', 'skopeo', 'umount'] });
const suffix = missing === undefined ? '' : ` (skipped: ${missing})`;

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const ctr = (address: string, ...args: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    execFile('ctr', ['-a', address, ...args], { timeout: 30_000 }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, out, err });
    });
  });

/** What differs from run to run and from place to place. */
const settled = (text: string, roots: readonly string[]): string =>
  roots
    .reduce((known, root) => known.replaceAll(root, 'ROOT'), text)
    .replace(/snapshots\/[0-9a-z]+\//g, 'snapshots/ID/')
    .replace(/\d{4}-\d\d-\d\dT[0-9:.]+Z/g, 'TIME');

describe.skipIf(missing !== undefined)(`ctr against Shiplog and containerd${suffix}`, () => {
  // What nothing holds stays while it is tried: no collection in between.
  const host = new DaemonHost('ctr-snapshots', { toml: '[gc]\ndelay = "1m"' });
  let containerd: PrivateContainerd;
  let registry: RegistryServer;
  let image: string;
  let roots: readonly string[];
  beforeAll(async () => {
    const registryDirectory = join(host.directory, 'registry');
    mkdirSync(registryDirectory);
    [containerd, registry] = await Promise.all([
      startContainerd(join(host.directory, 'containerd')),
      startRegistry(registryDirectory),
      host.start(),
    ]);
    roots = [join(host.root, 'overlayfs'), containerd.snapshots.replace(/\/snapshots$/, '')];
    await pushLayout(await busyboxLayout(host.directory), `${registry.host}/busybox:1`);
    image = `${registry.host}/busybox:1`;
  }, 120_000);
  afterAll(async () => {
    await containerd?.stop();
    await registry?.stop();
    await host.close();
  });

  /** Runs a command line against both. @returns what Shiplog said, once it is known to be what containerd said */
  const same = async (...args: readonly string[]): Promise<Ended> => {
    const [ours, theirs] = await Promise.all([ctr(host.address, ...args), ctr(containerd.address, ...args)]);
    const plain = ({ code, out, err }: Ended) => ({
      code,
      out: settled(out, roots),
      err: settled(err, roots),
    });
    expect(plain(ours), `ctr ${args.join(' ')}`).toEqual(plain(theirs));
    return ours;
  };

  it('makes, tells of, commits and removes snapshots as with containerd', async () => {
    await same('snapshots', 'ls');
    await same('snapshots', 'prepare', 'a');
    await same('snapshots', 'prepare', 'a');
    await same('snapshots', 'prepare', 'c', 'nosuch');
    await same('snapshots', 'mounts', '/m', 'a');
    await same('snapshots', 'commit', 'layer', 'a');
    await same('snapshots', 'commit', 'layer', 'a');
    await same('snapshots', 'prepare', 'b', 'layer');
    expect((await same('snapshots', 'mounts', '/m', 'b')).out).toContain('upperdir=');
    await same('snapshots', 'view', 'v', 'layer');
    await same('snapshots', 'mounts', '/m', 'v');
    expect((await same('snapshots', 'ls')).out).toContain('Committed');
    await same('snapshots', 'info', 'layer');
    await same('snapshots', 'info', 'nosuch');
    await same('snapshots', 'tree');
    await same('snapshots', 'usage');
    await same('snapshots', 'usage', '-b', 'b');
    await same('snapshots', 'label', 'v', 'x=y');
    await same('snapshots', 'label', 'v', 'x=');
    await same('snapshots', 'rm', 'layer');
    await same('snapshots', 'rm', 'nosuch');
    await same('snapshots', 'rm', 'b', 'v');
    await same('snapshots', 'rm', 'layer');
    await same('snapshots', '--snapshotter', 'nosuch', 'ls');
    expect((await same('snapshots', 'ls')).out).not.toContain('Committed');
  }, 60_000);

  it('lists plugins, those left out among them', async () => {
    const { code, out } = await ctr(host.address, 'plugins', 'ls');
    expect(code).toBe(0);
    expect(out).toMatch(/^io\.containerd\.snapshotter\.v1 +overlayfs +linux\/\S+ +ok/m);
    expect(out).toMatch(/^io\.containerd\.snapshotter\.v1 +native +linux\/\S+ +ok/m);
    expect(out).not.toMatch(/ error *$/m);
    const { out: version } = await ctr(host.address, 'version');
    expect(version).toMatch(/UUID: \S+/);
  });

  it('tells events while they happen', async () => {
    const listener = spawn('ctr', ['-a', host.address, 'events', 'topic~=/^\\/snapshot/']);
    let said = '';
    listener.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString();
    });
    const ended = new Promise((resolve) => listener.once('close', resolve));
    try {
      // It does not say when it listens.
      for (let tries = 0; !said.includes('{"key":"heard-') && tries < 100; tries += 1) {
        await ctr(host.address, '-n', 'heard', 'snapshots', 'prepare', `heard-${tries}`);
        await sleep(50);
      }
      expect(said).toMatch(/ heard \/snapshot\/prepare \{"key":"heard-\d+"\}/);
    } finally {
      listener.kill('SIGTERM');
      await ended;
    }
  }, 30_000);

  it('pulls an image, as to containerd, and mounts it', async () => {
    for (const address of [host.address, containerd.address]) {
      const pulled = await ctr(address, 'images', 'pull', '--plain-http', image);
      expect(pulled.code, pulled.err).toBe(0);
    }
    await same('images', 'ls', '-q');
    const chains = await same('snapshots', 'ls');
    expect(chains.out).toMatch(/^sha256:[0-9a-f]{64} .*Committed/m);
    await same('snapshots', 'tree');
    await same('content', 'ls', '-q');
    const looks: string[][] = [];
    for (const [at, address] of [host.address, containerd.address].entries()) {
      const target = join(host.directory, `look-${at}`);
      mkdirSync(target);
      const mounted = await ctr(address, 'images', 'mount', image, target);
      expect(mounted.code, mounted.err).toBe(0);
      looks.push(readdirSync(target, { recursive: true, encoding: 'utf8' }).sort());
      const unmounted = await ctr(address, 'images', 'unmount', '--rm', target);
      expect(unmounted.code, unmounted.err).toBe(0);
    }
    expect(looks[0]).toEqual(looks[1]);
    expect(looks[0]?.length).toBeGreaterThan(3);
    expect(existsSync(join(host.directory, 'look-0/bin'))).toBe(false);
  }, 90_000);
});
