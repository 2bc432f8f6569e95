import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayout } from '../support/busybox-image.ts';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { type ServedStore, servedStore } from '../support/containerd-client.ts';
import { DaemonHost, daemonMissing } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { pushLayout, type RegistryServer, startRegistry } from '../support/registry-server.ts';

const missing =
  daemonMissing() ??
  missingHere({
    root: true,
    programs: [
      'ctr',
      'containerd',
      'docker-registry',
      'skopeo',
      'runc',
      'containerd-shim-runc-v2',
      'mount',
      'umount',
    ],
  });
const suffix = missing === undefined ? '' : ` (skipped: ${missing})`;

interface Ended {
  readonly code: number;
  readonly out: Buffer;
  readonly err: string;
}

const ctr = (address: string, ...args: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const options = { timeout: 60_000, encoding: 'buffer', maxBuffer: 64 * 1024 * 1024 } as const;
    execFile('ctr', ['-a', address, ...args], options, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, out, err: err.toString() });
    });
  });

/** What differs from run to run and from place to place. */
const settled = (text: string): string =>
  text.replace(/\/\S*\/snapshots\/[0-9a-z]+/g, 'SNAPSHOT').replace(/\d{4}-\d\d-\d\dT[0-9:.]+Z/g, 'TIME');

describe.skipIf(missing !== undefined)(`ctr with other snapshotters, and layers made by it${suffix}`, () => {
  /** Another daemon's snapshotter, on a socket of its own. */
  let far: ServedStore;
  let host: DaemonHost;
  let containerd: PrivateContainerd;
  let registry: RegistryServer;
  let image: string;
  beforeAll(async () => {
    far = await servedStore({ snapshotter: 'far' });
    host = new DaemonHost('ctr-others', {
      toml: [
        `[proxy_plugins.far]\ntype = "snapshot"\naddress = "${far.address}"`,
        '[proxy_plugins.down]\ntype = "snapshot"\naddress = "/run/shiplog-nobody-there.sock"',
      ].join('\n'),
    });
    const registryDirectory = join(host.directory, 'registry');
    mkdirSync(registryDirectory, { recursive: true });
    [containerd, registry] = await Promise.all([
      startContainerd(join(host.directory, 'containerd')),
      startRegistry(registryDirectory),
      host.start(),
    ]);
    await pushLayout(await busyboxLayout(host.directory), `${registry.host}/busybox:1`);
    image = `${registry.host}/busybox:1`;
  }, 120_000);
  afterAll(async () => {
    await containerd?.stop();
    await registry?.stop();
    await host?.close();
    await far?.[Symbol.asyncDispose]();
  });

  /** Runs a command line against both. @returns what Shiplog said, once it is known to be what containerd said */
  const same = async (...args: readonly string[]): Promise<string> => {
    const [ours, theirs] = await Promise.all([ctr(host.address, ...args), ctr(containerd.address, ...args)]);
    const plain = ({ code, out, err }: Ended) => ({ code, out: settled(out.toString()), err: settled(err) });
    expect(plain(ours), `ctr ${args.join(' ')}`).toEqual(plain(theirs));
    return ours.out.toString();
  };
  const well = async (address: string, ...args: readonly string[]): Promise<Buffer> => {
    const { code, out, err } = await ctr(address, ...args);
    expect(code, `ctr ${args.join(' ')}: ${err}`).toBe(0);
    return out;
  };

  it('tells of native snapshots what containerd tells', async () => {
    const native = ['snapshots', '--snapshotter', 'native'];
    await same(...native, 'prepare', 'a');
    expect(await same(...native, 'mounts', '/m', 'a')).toMatch(/^mount -t bind .* \/m -o rbind,rw$/m);
    await same(...native, 'commit', 'layer', 'a');
    await same(...native, 'prepare', 'b', 'layer');
    await same(...native, 'mounts', '/m', 'b');
    await same(...native, 'view', 'v', 'layer');
    await same(...native, 'mounts', '/m', 'v');
    await same(...native, 'ls');
    await same(...native, 'tree');
    await same(...native, 'info', 'b');
    await same(...native, 'rm', 'layer');
    await same(...native, 'rm', 'b', 'v');
    await same(...native, 'rm', 'layer');
  }, 60_000);

  it('lists what there is and what is left out', async () => {
    const out = (await well(host.address, 'plugins', 'ls')).toString();
    for (const id of ['overlayfs', 'native', 'far', 'down']) {
      expect(out).toMatch(new RegExp(`^io\\.containerd\\.snapshotter\\.v1 +${id} +linux/\\S+ +ok`, 'm'));
    }
    expect(out).toMatch(/^io\.containerd\.snapshotter\.v1 +btrfs +linux\/\S+ +skip/m);
  });

  it('says by its name that a plugin is down, and serves all the same', async () => {
    const { code, err } = await ctr(host.address, 'snapshots', '--snapshotter', 'down', 'prepare', 'x');
    expect(code).toBe(1);
    expect(err).toMatch(
      /snapshotter 'down' \(proxy plugin at \/run\/shiplog-nobody-there\.sock\) can not be reached/,
    );
  });

  it.each(['native', 'far'])(
    'pulls into %s and runs from it',
    async (snapshotter) => {
      await well(host.address, 'images', 'pull', '--plain-http', '--snapshotter', snapshotter, image);
      const run = ['run', '--rm', '--snapshotter', snapshotter, image, `on-${snapshotter}`];
      const out = await well(host.address, ...run, '/bin/busybox', 'echo', 'here');
      expect(out.toString()).toBe('here\n');
      const tree = await well(host.address, 'snapshots', '--snapshotter', snapshotter, 'tree');
      expect(tree.toString()).toMatch(/sha256:[0-9a-f]{64}/);
    },
    90_000,
  );

  it('makes a layer of what changed, with the same entries as containerd', async () => {
    const listings: string[] = [];
    for (const address of [host.address, containerd.address]) {
      const snapshots = (...args: string[]) => well(address, 'snapshots', ...args);
      const change = async (key: string, script: string) => {
        const command = (await snapshots('mounts', '/mnt', key)).toString().trim();
        // in a mount namespace of its own, gone with the shell
        const shell = ['-m', 'sh', '-ec', `${command}; cd /mnt; ${script}`];
        execFileSync('unshare', shell);
      };
      await snapshots('prepare', 'one');
      await change(
        'one',
        'mkdir -p etc/app; echo a > etc/app/a; echo b > etc/app/b; ln etc/app/b link; mkdir gone; echo x > gone/x',
      );
      await snapshots('commit', 'base', 'one');
      await snapshots('prepare', 'two', 'base');
      await change(
        'two',
        'rm -r gone; rm etc/app/a; echo new > etc/app/new; chmod 700 etc; ln -s new etc/link; rm link',
      );
      const tar = await well(
        address,
        'snapshots',
        'diff',
        '--media-type',
        'application/vnd.oci.image.layer.v1.tar',
        'two',
      );
      const file = join(host.directory, 'diff.tar');
      writeFileSync(file, tar);
      const listed = execFileSync('tar', ['-tvf', file, '--numeric-owner'], { encoding: 'utf8' });
      listings.push(listed.replace(/\d{4}-\d\d-\d\d \d\d:\d\d/g, 'TIME'));
      await snapshots('rm', 'two');
      await snapshots('rm', 'base');
    }
    const names = (listing = '') => listing.split('\n').map((line) => line.replace(/.*TIME /, ''));
    expect(names(listings[0])).toEqual(names(listings[1]));
    // a whiteout has no mode in either
    expect(listings[0]).toBe(listings[1]);
    expect(listings[0]).toMatch(/\.wh\.gone$/m);
  }, 60_000);
});
