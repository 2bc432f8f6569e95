import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DaemonHost } from '../support/daemon.ts';
import { type RegistryHost, registryHostMissing, startRegistryHost } from '../support/registry-host.ts';

const missing = registryHostMissing();

describe.skipIf(missing !== undefined)(
  `a look at the past, with the built programs${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let setting: RegistryHost;
    let host: DaemonHost;
    let image: string;
    /** Positions at which the image was there, the container ran, and both were gone. */
    let pulled: string;
    let running: string;
    let gone: string;
    /** A wall-clock time at which the container ran. */
    let ran: string;
    let id: string;

    const head = () => host.ok('info', '--format', '{{.Events}}');
    const bytesOf = async () => JSON.parse(await host.ok('info', '--format', 'json')).Blobs as number;

    beforeAll(async () => {
      setting = await startRegistryHost('past');
      ({ host, image } = setting);
      pulled = await head();
      id = await host.ok('run', '-d', '--name', 'web', '--label', 'team=a', image, 'sleep', '1000');
      running = await head();
      await sleep(20);
      ran = new Date().toISOString();
      await sleep(20);
      await host.ok('rm', '-f', 'web');
      await host.ok('rmi', image);
      await host.ok('gc');
      const deadline = performance.now() + 10_000;
      while ((await bytesOf()) > 0 && performance.now() < deadline) await sleep(50);
      gone = await head();
    }, 90_000);
    afterAll(() => setting.close(), 60_000);

    it('shows a container that was removed, by position and by time', async () => {
      expect(await host.ok('ps', '-aq')).toBe('');
      for (const at of [running, `@${running}`, ran]) {
        const format = '{{.ID}} {{.Names}} {{.State}} {{.Labels}}';
        const { out, err } = await host.shiplog(['ps', '--no-trunc', '--at', at, '--format', format]);
        expect(out).toBe(`${id} web running map[team:a]\n`);
        expect(err).toMatch(/^as of position \d+, \d{4}-.*Z\n$/);
      }
      expect(await host.ok('ps', '-aq', '--at', pulled)).toBe('');
      expect(await host.ok('ps', '-aq', '--at', gone)).toBe('');
    });

    it('shows an image that was removed, and says nothing of what only its bytes told', async () => {
      expect(await host.ok('images', '-q')).toBe('');
      const [repository] = image.split(':latest');
      const format = '{{.Repository}} {{.Tag}} {{.Platform}}';
      expect(await host.ok('images', '--at', running, '--format', format)).toBe(`${repository} latest `);
      const [details] = JSON.parse(await host.ok('inspect', '--type', 'image', '--at', running, image));
      expect(details).toMatchObject({ Config: null, Manifest: null, Layers: [expect.any(String)] });
      expect(details.ContentSize).toBeGreaterThan(0);
    });

    it('inspects what is gone by the name that it had', async () => {
      const [details] = JSON.parse(await host.ok('inspect', '--at', running, 'web'));
      expect(details).toMatchObject({
        ...{ Id: id, State: { Status: 'running' }, Labels: { team: 'a' }, LogPath: '' },
      });
      expect((await host.shiplog(['inspect', '--at', pulled, 'web'])).err).toContain(
        "there was then no container or image 'web'",
      );
    });

    it('lists what they were made of, and how much there was', async () => {
      const keys = (await host.ok('snapshots', '-q', '--at', running)).split('\n');
      expect(keys).toHaveLength(2);
      expect(keys).toContain(id);
      const digests = (await host.ok('content', '-q', '--at', running)).split('\n');
      expect(digests.length).toBeGreaterThanOrEqual(3);
      const line = '{{.Name}} {{.Containers}} {{.Images}} {{.Snapshots}} {{.Blobs}} {{.Leases}}';
      expect(await host.ok('namespaces', '--at', running, '--format', line)).toBe(
        `default 1 1 2 ${digests.length} 0`,
      );
      expect(await host.ok('content', '-q')).toBe('');
      expect(await host.ok('snapshots', '-q')).toBe('');
      expect(await host.ok('leases', '-q', '--at', running)).toBe('');
      const format = '{{.Events}} {{.Containers}} {{.ContainersRunning}}';
      expect(await host.ok('info', '--at', running, '--format', format)).toBe(`${running} 1 1`);
    });

    it('tells what kept a thing then, and what had freed it by now', async () => {
      const [layer] = JSON.parse(await host.ok('inspect', '--at', running, image))[0].Layers;
      expect(await host.ok('why', '--at', pulled, layer)).toMatch(/was kept by\nimage\/default\/.*busybox/);
      expect(await host.ok('why', layer)).toMatch(/is gone:\n.*(image|container)-removed/s);
    });

    it('tells what a collection would have removed, and removes nothing', async () => {
      expect(await host.ok('gc', '-q', '--at', running)).toBe('');
      expect(await host.ok('gc', '--at', running)).toBe('Would remove 0, would free 0B');
      const before = await head();
      expect(await host.ok('gc', '--dry-run')).toBe('Would remove 0, would free 0B');
      // Every position: what was garbage then is gone now.
      const counts = new Set<number>();
      for (let at = BigInt(running); at < BigInt(gone); at++) {
        const moment = { case: 'position' as const, value: at };
        counts.add((await host.client.system.gc({ at: { moment } })).removed.length);
      }
      expect(Math.max(...counts)).toBeGreaterThan(2);
      expect(await head()).toBe(before);
    });

    it('refuses a moment to come, and a text that is none', async () => {
      const next = String(BigInt(await head()) + 1000n);
      expect(await host.shiplog(['ps', '--at', next])).toMatchObject({
        ...{ code: 1, err: expect.stringContaining(`position ${next} is to come: the log ends at position`) },
      });
      expect(await host.shiplog(['ps', '--at', '2200-01-01'])).toMatchObject({
        ...{ code: 1, err: expect.stringContaining('is to come') },
      });
      expect(await host.shiplog(['images', '--at', 'yesteryear'])).toMatchObject({
        ...{ code: 125, err: expect.stringContaining('10 minutes ago') },
      });
    });

    it('is the same after a restart', async () => {
      const before = await host.ok('ps', '-a', '--no-trunc', '--at', running);
      await host.restart('SIGKILL');
      expect(await host.ok('ps', '-a', '--no-trunc', '--at', running)).toBe(before);
    });
  },
);
