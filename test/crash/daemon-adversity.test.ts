import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayout } from '../support/busybox-image.ts';
import { runProgram } from '../support/child.ts';
import { DaemonHost, daemonMissing, type HostOptions } from '../support/daemon.ts';
import { processesNaming } from '../support/leaks.ts';
import { missingHere } from '../support/machine.ts';
import type { Layout } from '../support/oci-layout.ts';
import { pushLayout, type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { file, tarOf } from '../support/tar.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const missing =
  daemonMissing() ??
  missingHere({ programs: ['docker-registry', 'skopeo', 'runc', 'containerd-shim-runc-v2', 'mount'] });

describe.skipIf(missing !== undefined)(
  `the daemon in adversity${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    const temp = makeTempDir('adversity', '/var/tmp');
    let registry: RegistryServer;
    let layout: Layout;
    let image: string;
    let large: string;
    let host: DaemonHost;

    beforeAll(async () => {
      registry = await startRegistry(join(temp.path, 'registry'));
      layout = await busyboxLayout(join(temp.path, 'small'));
      image = `${registry.host}/busybox:latest`;
      await pushLayout(layout, image);
      large = `${registry.host}/large:latest`;
      const big = randomBytes(40 * 1024 * 1024);
      await pushLayout(
        await busyboxLayout(join(temp.path, 'big'), {
          above: [{ tar: tarOf([file('big', big)]), compression: 'none' }],
        }),
        large,
      );
    }, 60_000);
    afterEach(async () => {
      await host.close();
    }, 60_000);
    afterAll(async () => {
      await registry.stop();
      temp.remove();
    });

    const serve = async (options: HostOptions = {}) => {
      host = new DaemonHost('adverse', options);
      await host.start();
      await host.ok('pull', '-q', image);
    };
    const state = async (name: string) => {
      const [status = '', pid = ''] = (
        await host.ok('inspect', '-f', '{{.State.Status}} {{.State.Pid}}', name)
      ).split(' ');
      return { status, pid: Number(pid) };
    };
    const keepers = ['conmon', 'io.containerd.runc.v2'] as const;
    /** The process that keeps a container: its shim, or its conmon. */
    const keeperOf = (id: string) => {
      const [keeper] = processesNaming(id).filter(({ command }) =>
        /^\S*(containerd-shim|conmon)/.test(command),
      );
      if (keeper === undefined) throw new Error(`no shim or conmon of ${id}`);
      return keeper.pid;
    };

    it('leaves containers running on SIGTERM, and records what ended meanwhile', async () => {
      await serve();
      await host.ok('run', '-d', '--name', 'stays', image, 'sleep', '1000');
      await host.ok('run', '-d', '--name', 'leaves', image, 'sh', '-c', 'sleep 1; echo last words; exit 42');
      const before = await state('stays');
      expect(await host.end('SIGTERM')).toBe(0);
      await sleep(1200);
      await host.start();
      expect(await state('stays')).toEqual(before);
      expect(await host.ok('wait', 'leaves')).toBe('42');
      expect(await host.ok('logs', 'leaves')).toBe('last words');
      expect((await host.shiplog(['exec', 'stays', 'echo', 'still here'])).out).toBe('still here\n');
      await host.ok('rm', '-f', 'stays', 'leaves');
      expect(await host.leaks()).toEqual([]);
      expect((await host.shiplog(['verify'])).code).toBe(0);
    }, 60_000);

    it.each(keepers)(
      'ends a container whose keeper (%s) was killed, also while no daemon was there',
      async (runtime) => {
        await serve();
        for (const down of [false, true]) {
          const id = await host.ok(
            'run',
            '-d',
            '--runtime',
            runtime,
            '--name',
            'orphan',
            image,
            'sleep',
            '1000',
          );
          const { pid } = await state('orphan');
          const shim = keeperOf(id);
          if (down) await host.end('SIGKILL');
          process.kill(shim, 'SIGKILL');
          if (down) await host.start();
          await expect
            .poll(async () => (await state('orphan')).status, { timeout: 10_000 })
            .toMatch(/exited|lost|dead/);
          await expect.poll(() => processesNaming('sleep 1000').some((one) => one.pid === pid)).toBe(false);
          await host.ok('rm', 'orphan');
          expect(await host.leaks()).toEqual([]);
        }
      },
      60_000,
    );

    it.each(keepers)(
      'is not held up at boot by a keeper (%s) that hangs, and takes it up when it answers',
      async (runtime) => {
        await serve({ toml: '[timeouts]\nprobe = "500ms"' });
        const id = await host.ok('run', '-d', '--runtime', runtime, '--name', 'hung', image, 'sleep', '1000');
        await host.ok('run', '-d', '--runtime', runtime, '--name', 'well', image, 'sleep', '1000');
        const shim = keeperOf(id);
        const { pid } = await state('hung');
        await host.end('SIGKILL');
        process.kill(shim, 'SIGSTOP');
        try {
          const began = performance.now();
          await host.start();
          expect(performance.now() - began).toBeLessThan(4000);
          expect((await host.shiplog(['exec', 'well', 'echo', 'yes'])).out).toBe('yes\n');
          expect(await host.ok('events', '--all-namespaces', '--format', '{{.Type}} {{json .Data}}')).toMatch(
            /divergence.*task-unknown/,
          );
        } finally {
          process.kill(shim, 'SIGCONT');
        }
        await expect
          .poll(async () => (await host.shiplog(['exec', 'hung', 'echo', 'back'])).out, { timeout: 20_000 })
          .toBe('back\n');
        expect((await state('hung')).pid).toBe(pid);
        await host.ok('stop', '-t', '0', 'hung', 'well');
        await host.ok('rm', 'hung', 'well');
        expect(await host.leaks()).toEqual([]);
      },
      90_000,
    );

    describe('a full disk', () => {
      const disk = join(temp.path, 'disk');
      const withDisk = async (size: string, body: () => Promise<void>) => {
        mkdirSync(disk, { recursive: true });
        await runProgram('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk]);
        try {
          await body();
        } finally {
          await host.close();
          await runProgram('umount', ['-l', disk]);
        }
      };

      it(
        'fails a pull clearly, and the next one works when there is space',
        () =>
          withDisk('60m', async () => {
            await serve({ root: join(disk, 'root') });
            await host.ok(
              'run',
              '-d',
              '--name',
              'stays',
              image,
              'sh',
              '-c',
              'while :; do echo x; sleep 0.2; done',
            );
            const { pid } = await state('stays');
            const failed = await host.shiplog(['pull', large]);
            expect(failed).toMatchObject({
              code: 1,
              err: expect.stringMatching(/no space|disk is full|full/i),
            });
            expect(await state('stays')).toEqual({ status: 'running', pid });
            await runProgram('mount', ['-o', 'remount,size=300m', disk]);
            await host.ok('pull', '-q', large);
            await host.ok('rmi', large);
            await host.ok('rm', '-f', 'stays');
            expect(await host.leaks()).toEqual([]);
            expect((await host.shiplog(['verify'])).code).toBe(0);
          }),
        60_000,
      );

      it(
        'refuses commands that can not be logged, and takes them again when there is space',
        () =>
          withDisk('30m', async () => {
            await serve({ root: join(disk, 'root'), toml: '[event_log]\nsegment_bytes = 1048576' });
            await host.ok('run', '-d', '--name', 'stays', image, 'sleep', '1000');
            const before = await state('stays');
            writeFull(join(disk, 'filler'));
            let refused: string | undefined;
            const label = 'x'.repeat(4000);
            for (let count = 0; count < 1000 && refused === undefined; count += 1) {
              try {
                await host.client.containers.create({
                  namespace: 'default',
                  options: { image, labels: { label, count: String(count) } },
                });
              } catch (error) {
                refused =
                  error instanceof Error && 'code' in error
                    ? `${error.code} ${error.message}`
                    : String(error);
              }
            }
            expect(refused).toMatch(/resource-exhausted/);
            expect(await state('stays')).toEqual(before);
            rmSync(join(disk, 'filler'));
            await expect
              .poll(async () => (await host.shiplog(['run', '--rm', image, 'echo', 'again'])).out, {
                timeout: 10_000,
              })
              .toBe('again\n');
            expect((await host.shiplog(['verify'])).code).toBe(0);
            await host.restart();
            expect(await state('stays')).toEqual(before);
          }),
        90_000,
      );
    });

    it('cuts a torn tail, and refuses a damaged log by file and byte', async () => {
      await serve();
      await host.ok('create', '--name', 'kept', image, 'true');
      await host.end('SIGKILL');
      const folder = join(host.root, 'log');
      const segment = join(
        folder,
        readdirSync(folder)
          .filter((name) => statSync(join(folder, name)).size > 1000)
          .sort()[0] ?? '',
      );
      const bytes = readFileSync(segment);
      const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
      // Half of a group that was being written.
      const torn = openSync(segment, 'r+');
      writeSync(torn, bytes.subarray(200, 260), 0, 60, end + 3);
      closeSync(torn);
      await host.start();
      expect(await host.ok('ps', '-a', '--format', '{{.Names}}')).toBe('kept');
      expect((await host.shiplog(['verify'])).code).toBe(0);
      await host.end('SIGTERM');
      const damaged = readFileSync(segment);
      damaged[600] = (damaged[600] ?? 0) ^ 0xff;
      writeFileSync(segment, damaged);
      const { code, err } = await host.refusal();
      expect(code).toBe(1);
      expect(err).toContain(segment);
      expect(err).toMatch(/\b(byte|offset)\b/);
      damaged[600] = (damaged[600] ?? 0) ^ 0xff;
      writeFileSync(segment, damaged);
      await host.start();
    }, 60_000);

    it('refuses a second daemon on the same root, and a root it can not write', async () => {
      await serve();
      const second = await host.refusal();
      expect(second).toMatchObject({ code: 1, err: expect.stringMatching(/another|in use|held|locked/i) });
      expect((await host.shiplog(['ps'])).code).toBe(0);
      await host.end('SIGTERM');
      await runProgram('mount', ['--bind', host.root, host.root]);
      await runProgram('mount', ['-o', 'remount,bind,ro', host.root]);
      try {
        expect(await host.refusal()).toMatchObject({ code: 1, err: expect.stringMatching(/read-only/i) });
      } finally {
        await runProgram('umount', [host.root]);
      }
      await host.start();
    }, 60_000);
  },
);

/** Takes all the space there is. */
const writeFull = (path: string): void => {
  const bytes = Buffer.alloc(64 * 1024, 1);
  writeFileSync(path, '');
  try {
    for (;;) appendFileSync(path, bytes);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
  truncateSync(path, statSync(path).size - 1);
};
