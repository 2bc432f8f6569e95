import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayout } from '../support/busybox-image.ts';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { DaemonHost, daemonMissing } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { pushLayout, type RegistryServer, startRegistry } from '../support/registry-server.ts';

const missing =
  daemonMissing() ??
  missingHere({
    root: true,
    programs: ['ctr', 'containerd', 'docker-registry', 'skopeo', 'containerd-shim-runc-v2'],
  });
const suffix = missing === undefined ? '' : ` (skipped: ${missing})`;

const ctr = (
  address: string,
  ...args: readonly string[]
): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) => {
    execFile('ctr', ['-a', address, ...args], { timeout: 60_000 }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, out, err });
    });
  });

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
      const maps = ['--uidmap', '0:100000:65536', '--gidmap', '0:100000:65536'];
      const { code, err } = await ctr(address, 'run', ...maps, image, 'mapped', '/bin/busybox', 'true');
      const { out: listed } = await ctr(address, 'snapshots', 'ls');
      const remapped = listed.split('\n').filter((line) => /-100000-100000 /.test(line)).length;
      told.push({ code, err: err, remapped });
    }
    expect(told[0]).toEqual(told[1]);
    expect(told[0]).toEqual({ code: 0, err: '', remapped: 2 });
  }, 90_000);
});
