import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mapLowerDirectories } from '../../src/adapters/overlay/idmap-lower.ts';
import { oneRange } from '../../src/domain/id-mapping.ts';
import type { DaemonHost } from '../support/daemon.ts';
import { mountsBelow } from '../support/leaks.ts';
import { missingHere } from '../support/machine.ts';
import { type RegistryHost, registryHostMissing, startRegistryHost } from '../support/registry-host.ts';
import { directory, file, tarOf } from '../support/tar.ts';

const missing = registryHostMissing() ?? missingHere({ programs: ['unshare'] });

/** CAP_NET_RAW, permitted and effective, as a file carries it (vfs_cap_data, revision 2). */
const netRaw = Buffer.alloc(20);
netRaw.writeUInt32LE(0x0200_0001, 0);
netRaw.writeUInt32LE(1 << 13, 4);

/** More layers on busybox: files of several owners, and one with a capability. */
const above = () => [
  {
    tar: tarOf([directory('srv/', { uid: 33, gid: 33 }), file('srv/page', 'hello\n', { uid: 33, gid: 34 })]),
  },
  {
    tar: tarOf([
      directory('opt/'),
      file('opt/busybox', readFileSync('/bin/busybox'), {
        mode: 0o755,
        pax: { 'SCHILY.xattr.security.capability': netRaw },
      }),
    ]),
  },
];

const userns = '100000:200000:65536';
const mapped = `--userns=${userns}`;

describe.skipIf(missing !== undefined)(
  `containers in a user namespace${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let setting: RegistryHost;
    let host: DaemonHost;
    let image: string;

    beforeAll(async () => {
      setting = await startRegistryHost('userns', { above: above() });
      ({ host, image } = setting);
      // The container's root is nobody on the host, and must reach its root.
      chmodSync(host.directory, 0o711);
    }, 60_000);
    afterAll(async () => {
      try {
        expect(mountsBelow(host.directory)).toEqual([]);
      } finally {
        await setting.close();
      }
    }, 60_000);

    /** Runs `sh -c text` and gives what it printed; it must go well and say nothing else. */
    const script = async (flags: readonly string[], text: string) => {
      const { code, out, err } = await host.shiplog([
        'run',
        '--rm',
        mapped,
        ...flags,
        image,
        'sh',
        '-c',
        text,
      ]);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      return out.trimEnd();
    };
    const pidOf = (name: string) => host.ok('inspect', '-f', '{{.State.Pid}}', name);
    /** Upper directories of all containers that wrote this file. */
    const writtenAs = (name: string) =>
      readdirSync(join(host.root, 'overlayfs/snapshots')).flatMap((id) => {
        const path = join(host.root, 'overlayfs/snapshots', id, 'fs', name);
        const found = statSync(path, { throwIfNoEntry: false });
        return found ? [`${found.uid}:${found.gid}`] : [];
      });

    it('are root inside, and nobody on the host', async () => {
      await host.ok('run', '-d', '--name', 'inside', mapped, image, 'sleep', '100');
      const status = readFileSync(`/proc/${await pidOf('inside')}/status`, 'utf8');
      expect(status).toMatch(/^Uid:\t100000\t100000\t100000\t100000$/m);
      expect(status).toMatch(/^Gid:\t200000\t200000\t200000\t200000$/m);
      expect(await host.ok('exec', 'inside', 'id')).toBe('uid=0(root) gid=0(root) groups=0(root)');
      expect((await host.ok('exec', 'inside', 'cat', '/proc/self/uid_map')).trim().split(/\s+/)).toEqual([
        '0',
        '100000',
        '65536',
      ]);
      expect((await host.ok('exec', 'inside', 'cat', '/proc/self/gid_map')).trim().split(/\s+/)).toEqual([
        '0',
        '200000',
        '65536',
      ]);
      await host.ok('rm', '-f', 'inside');
    });

    it('own the files of every layer of the image', async () => {
      const paths = ['/', '/bin/busybox', '/etc/passwd', '/srv', '/srv/page', '/opt/busybox'];
      expect((await script([], `stat -c '%u:%g' ${paths.join(' ')}`)).split('\n')).toEqual([
        ...['0:0', '0:0', '0:0'],
        ...['33:33', '33:34', '0:0'],
      ]);
    });

    it('write, and change owners, with ids of the host that are theirs', async () => {
      await host.ok(
        ...['run', '--name', 'writer', mapped, image, 'sh', '-c'],
        'echo x >/mine; echo y >/theirs; busybox chown 1000:50 /theirs; busybox chown 7 /srv/page; echo z >>/etc/motd',
      );
      expect(writtenAs('mine')).toEqual(['100000:200000']);
      expect(writtenAs('theirs')).toEqual(['101000:200050']);
      expect(writtenAs('srv/page').sort()).toEqual(['100007:200034', '33:34']);
      expect(writtenAs('etc/motd').sort()).toEqual(['0:0', '100000:200000']);
      // Started again: what they wrote is there, theirs as before, and so is their output.
      await host.ok('start', 'writer');
      await host.ok('wait', 'writer');
      await host.ok('rm', 'writer');
    });

    it('run again with the files of the run before', async () => {
      const text = 'ls -ln /kept 2>/dev/null; echo once >/kept; busybox chown 5:6 / /kept';
      await host.ok('run', '--name', 'again', mapped, image, 'sh', '-c', text);
      await host.restart('SIGKILL');
      await host.ok('start', 'again');
      await host.ok('wait', 'again');
      expect(await host.ok('logs', 'again')).toMatch(/^-rw-r--r--\s+1 5\s+6\s.*\/kept$/);
      await host.ok('rm', 'again');
    });

    it('have no power over files of the host', async () => {
      const secret = join(host.directory, 'secret');
      writeFileSync(secret, 'of the host\n', { mode: 0o600 });
      const open = join(host.directory, 'open');
      writeFileSync(open, 'for all\n', { mode: 0o644 });
      const text =
        'cat /secret 2>/dev/null || echo closed; cat /open; stat -c %u:%g /open; touch /open 2>/dev/null || echo kept;' +
        'busybox chown 0 /open 2>/dev/null || echo not mine';
      expect(await script(['-v', `${secret}:/secret`, '-v', `${open}:/open`], text)).toBe(
        'closed\nfor all\n65534:65534\nkept\nnot mine',
      );
    });

    it('use volumes with the ids of the host', async () => {
      const shared = join(host.directory, 'shared');
      writeFileSync(shared, '');
      chmodSync(shared, 0o666);
      await script(['-v', `${shared}:/shared`], 'echo written >/shared');
      expect(readFileSync(shared, 'utf8')).toBe('written\n');
    });

    it('write to their own hosts, resolv.conf and hostname files, and to their streams', async () => {
      const text =
        'for f in hosts resolv.conf hostname; do stat -c %u:%g /etc/$f; echo "# x" >>/etc/$f; done;' +
        'echo out >/dev/stdout; test -w /dev/null && test -w /tmp && echo fine';
      expect(await script([], text)).toBe('0:0\n0:0\n0:0\nout\nfine');
    });

    it('run as another user of the image, with its groups', async () => {
      expect(await script(['-u', 'app'], 'id; touch /tmp/x; stat -c %u:%g /tmp/x; echo e >/dev/stdout')).toBe(
        'uid=1000(app) gid=1000(app) groups=50(staff),1000(app)\n1000:1000\ne',
      );
    });

    it('get the capabilities of a file from the image', async () => {
      const effective = await script(['-u', 'app'], '/opt/busybox grep CapEff /proc/self/status');
      expect(effective).toBe('CapEff:\t0000000000002000');
    });

    it('have a terminal, in run and in exec', async () => {
      const shown = await host.onTerminal(
        `shiplog run --rm -t ${mapped} ${image} sh -c 'tty; stat -c %u:%g $(tty); echo hi >/dev/tty'`,
      );
      expect(shown.out.replaceAll('\r', '').trim()).toMatch(/^\/dev\/pts\/0\n0:[05]\nhi$/);
      await host.ok('run', '-d', '--name', 'terminal', mapped, image, 'sleep', '100');
      const executed = await host.onTerminal('shiplog exec -t terminal sh -c "id -u; stat -c %u /dev/pts/0"');
      expect(executed.out.replaceAll('\r', '').trim()).toBe('0\n0');
      await host.ok('rm', '-f', 'terminal');
    });

    it('take standard input, secrets and tmpfs', async () => {
      const piped = await host.shiplog(['run', '--rm', '-i', mapped, image, 'cat'], { input: 'through\n' });
      expect(piped).toEqual({ code: 0, out: 'through\n', err: '' });
      expect(await script(['--secret-env', 'WORD=hidden'], 'echo $WORD')).toBe('hidden');
      expect(await script(['--tmpfs', '/scratch'], 'echo x >/scratch/x; stat -c %u /scratch/x')).toBe('0');
    });

    it('have limits and a read-only root as others', async () => {
      const text =
        'touch /x 2>/dev/null || echo no; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null || true';
      expect(await script(['--read-only', '-m', '64m', '--pids-limit', '20'], text)).toBe('no\n20');
    });

    it('keep apart two mappings of one image, and containers without one', async () => {
      const owners = await Promise.all([
        script([], 'stat -c %u /srv; cat /proc/self/uid_map'),
        host.ok('run', '--rm', '--userns=300000:300000:1000', image, 'cat', '/proc/self/uid_map'),
        host.ok('run', '--rm', image, 'stat', '-c', '%u', '/srv', '/etc/motd'),
      ]);
      expect(owners[0]).toMatch(/^33\n\s+0\s+100000\s+65536$/);
      expect(owners[1]).toMatch(/^\s+0\s+300000\s+1000$/);
      expect(owners[2]).toBe('33\n0');
    });

    it('may be of one user, and share what is not about processes', async () => {
      expect(await host.ok('run', '--rm', '--userns=300000:300000:1', image, 'id', '-u')).toBe('0');
      await host.ok('run', '-d', '--name', 'neighbour', mapped, image, 'sleep', '100');
      const joined = await script(
        ['--network', 'container:neighbour'],
        'cat /proc/net/dev; stat -c %u /etc/motd',
      );
      expect(joined.split('\n').slice(2)).toEqual([expect.stringMatching(/^ *lo:/), '0']);
      const shared = ['--network', 'host', '--uts', 'host'];
      expect(await script(shared, 'cat /proc/sys/kernel/hostname')).toBe(hostname());
      await host.ok('rm', '-f', 'neighbour');
    });

    it('are refused with words where they cannot be', async () => {
      const refused = async (...flags: string[]) => {
        const { code, err } = await host.shiplog(['run', '--rm', mapped, ...flags, image, 'true']);
        expect(code).toBe(125);
        return err;
      };
      expect(await refused('--pid', 'host')).toMatch(/needs a pid namespace of its own; leave out --pid/);
      expect(await refused('-u', '70000')).toMatch(/unmapped user/);
      chmodSync(host.directory, 0o700);
      try {
        expect(await refused()).toContain(
          `user 100000 of the host, may not pass through '${host.directory}'`,
        );
      } finally {
        chmodSync(host.directory, 0o711);
      }
      expect(await host.leaks()).toEqual([]);
    });

    it('run on through a kill -9 of the daemon, and leave no mount when removed', async () => {
      await host.ok('run', '-d', '--name', 'survivor', mapped, image, 'sh', '-c', 'echo up; sleep 1000');
      const pid = await pidOf('survivor');
      await host.restart('SIGKILL');
      expect(await pidOf('survivor')).toBe(pid);
      expect(await host.ok('exec', 'survivor', 'stat', '-c', '%u', '/etc/passwd')).toBe('0');
      await host.ok('rm', '-f', 'survivor');
      expect(mountsBelow(host.directory)).toEqual([]);
    }, 30_000);

    it('leave no mount where one was cut short, after the next start of the daemon', async () => {
      await host.end('SIGKILL');
      const root = join(host.state, 'roots/default', 'ab'.repeat(32));
      const layers = join(host.root, 'overlayfs/snapshots');
      const lower = readdirSync(layers).map((id) => join(layers, id, 'fs'));
      mkdirSync(root, { recursive: true });
      const ids = oneRange({ hostUid: 100_000, hostGid: 200_000, size: 65_536 });
      await mapLowerDirectories([`lowerdir=${lower.join(':')}`], root, ids);
      expect(mountsBelow(root).length).toBe(1 + lower.length);
      await host.start();
      expect(mountsBelow(host.directory)).toEqual([]);
      expect(await host.leaks()).toEqual([]);
    }, 30_000);

    it('leave no mount where the daemon is killed while they start', async () => {
      for (const ms of [20, 45, 70, 95, 120, 160]) {
        const child = host.spawn(['run', '-d', mapped, image, 'sleep', '1000']);
        const running = new Promise((resolve) => child.once('close', resolve));
        await new Promise((resolve) => setTimeout(resolve, ms + 60));
        await host.restart('SIGKILL');
        await running;
      }
      const ids = (await host.ok('ps', '-aq', '--no-trunc')).split('\n').filter((id) => id !== '');
      if (ids.length > 0) await host.ok('rm', '-f', ...ids);
      expect(await host.leaks()).toEqual([]);
      expect(mountsBelow(host.directory)).toEqual([]);
    }, 60_000);
  },
);
