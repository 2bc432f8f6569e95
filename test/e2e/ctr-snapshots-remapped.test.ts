import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayout } from '../support/busybox-image.ts';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { DaemonHost, daemonMissing } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { newerProgram } from '../support/newer-debian.ts';
import { pushLayout, type RegistryServer, startRegistry } from '../support/registry-server.ts';

const missing =
  daemonMissing() ??
  missingHere({
    root: true,
    programs: ['ctr', 'containerd', 'docker-registry', 'skopeo', 'containerd-shim-runc-v2'],
  });
/** containerd 2 and its client, where this machine has them. */
const newer = (() => {
  const [client, daemon] = [newerProgram('ctr'), newerProgram('containerd')];
  return client === undefined || daemon === undefined ? undefined : { ctr: client, containerd: daemon };
})();
const programFolder = (path: string): string => dirname(path);
const suffix = missing === undefined ? '' : ` (skipped: ${missing})`;

const ctr = (address: string, ...args: readonly string[]) => ctrOf('ctr', address, ...args);

const ctrOf = (
  program: string,
  address: string,
  ...args: readonly string[]
): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) => {
    execFile(program, ['-a', address, ...args], { timeout: 60_000 }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, out, err });
    });
  });

const maps = ['--uidmap', '0:100000:65536', '--gidmap', '0:100000:65536'];

describe.skipIf(missing !== undefined)(`ctr run with mapped ids${suffix}`, () => {
  const host = new DaemonHost('ctr-remapped');
  let containerd: PrivateContainerd;
  let registry: RegistryServer;
  let image: string;
  beforeAll(async () => {
    const registryDirectory = join(host.directory, 'registry');
    mkdirSync(registryDirectory);
    // its root, which is nobody on the host, enters its root file system by name
    chmodSync(host.directory, 0o711);
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
    await host.close();
  });

  it('changes owners in a layer of its own, as with containerd', async () => {
    const told: unknown[] = [];
    for (const address of [host.address, containerd.address]) {
      const pulled = await ctr(address, 'images', 'pull', '--plain-http', image);
      expect(pulled.code, pulled.err).toBe(0);
      const { code, err } = await ctr(address, 'run', ...maps, image, 'mapped', '/bin/busybox', 'true');
      const { out: listed } = await ctr(address, 'snapshots', 'ls');
      const remapped = listed.split('\n').filter((line) => /-100000-100000 /.test(line)).length;
      told.push({ code, err: err, remapped });
    }
    expect(told[0]).toEqual(told[1]);
    expect(told[0]).toEqual({ code: 0, err: '', remapped: 2 });
  }, 90_000);

  /** What a container of the labels' way sees of its root and writes into it, and what is left of it afterwards. */
  const labelled = async (program: string, address: string, snapshots: string) => {
    const copies = async () => {
      const { out } = await ctrOf(program, address, 'snapshots', 'ls');
      return out.split('\n').filter((line) => /remap|-100000-/.test(line)).length;
    };
    const before = await copies();
    const script =
      'stat -c %u:%g / /bin/busybox; cat /proc/self/uid_map | tr -s " "; echo x > /written; sleep 60';
    const log = join(host.directory, 'labelled.log');
    rmSync(log, { force: true });
    const io = ['--log-uri', `file://${log}`];
    const run = ['run', '-d', ...io, ...maps, '--remap-labels', image, 'labelled', '/bin/sh', '-c', script];
    const { code, err } = await ctrOf(program, address, ...run);
    expect(code, err).toBe(0);
    await expect.poll(() => readFileSync(log, 'utf8').split('\n'), { timeout: 10_000 }).toHaveLength(4);
    const { out: mounts } = await ctrOf(program, address, 'snapshots', 'mounts', '/m', 'labelled');
    const upper = /upperdir=([^,\s]+)/.exec(mounts)?.[1] ?? '';
    const owner = statSync(join(upper, 'written'));
    const made = (await copies()) - before;
    await ctrOf(program, address, 'tasks', 'rm', '-f', 'labelled');
    await ctrOf(program, address, 'containers', 'rm', 'labelled');
    return {
      saw: readFileSync(log, 'utf8'),
      maps: /[ug]idmap=[^,]*/g[Symbol.match](mounts),
      below: upper.startsWith(snapshots),
      written: [owner.uid, owner.gid],
      copies: made,
    };
  };

  it.skipIf(newer === undefined)(
    'shows the layers under other ids where the client asks by labels, without a copy, as containerd 2 does',
    async () => {
      if (newer === undefined) throw new Error('skipped');
      const { ctr: program, containerd: binary } = newer;
      const folder = programFolder(binary);
      const theirs = await startContainerd(join(host.directory, 'containerd-2'), {
        programs: { ctr: program, containerd: binary },
        env: { PATH: `${folder}:${process.env.PATH}` },
      });
      try {
        const told: unknown[] = [];
        for (const [address, root] of [
          [host.address, host.root],
          [theirs.address, theirs.snapshots],
        ] as const) {
          const pulled = await ctrOf(program, address, 'images', 'pull', '--plain-http', image);
          expect(pulled.code, pulled.err).toBe(0);
          told.push(await labelled(program, address, root));
        }
        expect(told[0]).toEqual(told[1]);
        expect(told[0]).toEqual({
          saw: '0:0\n0:0\n 0 100000 65536\n',
          maps: ['uidmap=0:100000:65536', 'gidmap=0:100000:65536'],
          below: true,
          written: [100_000, 100_000],
          copies: 0,
        });
        // ctr 1.6 looks into the root by a mount of its own, which knows no mapped ids
        for (const address of [host.address, theirs.address]) {
          const old = await ctr(address, 'run', '--rm', ...maps, '--remap-labels', image, 'old', '/bin/true');
          expect(old.err).toMatch(/failed to mount .*: invalid argument/);
        }
      } finally {
        await theirs.stop();
      }
    },
    90_000,
  );

  it('leaves nothing mounted', async () => {
    expect(await host.leaks()).toEqual([]);
  });
});
