import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayout } from '../support/busybox-image.ts';
import { type Daemon, startDaemon } from '../support/child.ts';
import { DaemonHost, daemonMissing, type Finished } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { newerProgram } from '../support/newer-debian.ts';
import { pushLayout, type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const soci = newerProgram('soci-snapshotter-grpc');
const missing =
  daemonMissing() ??
  missingHere({ programs: ['ctr', 'docker-registry', 'skopeo', 'runc'] }) ??
  (soci === undefined ? 'needs soci-snapshotter of a newer Debian: npm run setup' : undefined);
const suffix = missing === undefined ? '' : ` (skipped: ${missing})`;

describe.skipIf(missing !== undefined)(
  `a snapshotter daemon of others, soci, as a proxy plugin${suffix}`,
  () => {
    const own = makeTempDir('soci', '/var/tmp');
    const address = join(own.path, 'soci.sock');
    const toml = `[proxy_plugins.soci]\ntype = "snapshot"\naddress = "${address}"`;
    const host = new DaemonHost('proxy-soci', { toml });
    let registry: RegistryServer;
    let snapshotter: Daemon;
    let image: string;
    const ctr = (...args: readonly string[]): Promise<Finished> =>
      new Promise((resolve) => {
        execFile(
          'ctr',
          ['-a', host.address, '-n', 'soci', ...args],
          { timeout: 60_000 },
          (error, out, err) => {
            const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
            resolve({ code, out, err });
          },
        );
      });
    const startSoci = (): Promise<Daemon> => {
      // The one before leaves it.
      rmSync(address, { force: true });
      return startDaemon(soci ?? '', ['--address', address, '--root', join(own.path, 'root')], {
        logFile: join(own.path, 'soci.log'),
        ready: async () => existsSync(address),
      });
    };
    beforeAll(async () => {
      const store = join(host.directory, 'registry');
      mkdirSync(store);
      [registry] = await Promise.all([startRegistry(store), host.start()]);
      image = `${registry.host}/busybox:1`;
      await pushLayout(await busyboxLayout(host.directory), image);
      snapshotter = await startSoci();
    }, 120_000);
    afterAll(async () => {
      await snapshotter?.stop();
      await registry?.stop();
      await host.close();
      own.remove();
    });

    it('unpacks an image into it, and runs it from there', async () => {
      const pulled = await ctr('images', 'pull', '--plain-http', '--snapshotter', 'soci', image);
      expect(pulled, pulled.err).toMatchObject({ code: 0 });
      expect((await ctr('snapshots', '--snapshotter', 'soci', 'ls')).out).toMatch(
        /sha256:[0-9a-f]{64} .*Committed/,
      );
      expect((await ctr('snapshots', 'ls')).out).not.toContain('sha256:');
      const line = 'echo $FROM_IMAGE; touch /made; exit 5';
      const ran = await ctr('run', '--rm', '--snapshotter', 'soci', image, 'one', '/bin/sh', '-c', line);
      expect(ran).toMatchObject({ code: 5, out: 'yes\n' });
      expect((await ctr('snapshots', '--snapshotter', 'soci', 'ls')).out).not.toContain('Active');
    }, 60_000);

    it('is named where it does not answer, while all else goes on', async () => {
      await snapshotter.stop();
      const asked = await ctr('snapshots', '--snapshotter', 'soci', 'prepare', 'not-there');
      expect(asked.code).not.toBe(0);
      expect(asked.err).toContain("snapshotter 'soci'");
      expect((await ctr('snapshots', 'prepare', 'here')).code).toBe(0);
      await host.restart();
      expect((await ctr('snapshots', 'ls')).out).toContain('here');
      snapshotter = await startSoci();
      // A connection that was lost is tried again twice a second.
      await sleep(1000);
      const ran = await ctr('run', '--rm', '--snapshotter', 'soci', image, 'two', '/bin/true');
      expect(ran).toMatchObject({ code: 0 });
    }, 60_000);

    it('holds nothing any more when the image is gone', async () => {
      await ctr('images', 'rm', '--sync', image);
      expect((await ctr('snapshots', '--snapshotter', 'soci', 'ls')).out).not.toContain('sha256:');
      expect(
        (await host.ok('-n', 'soci', 'events')).match(/snapshot-removed|snapshot-collected/),
      ).not.toBeNull();
    });
  },
);
