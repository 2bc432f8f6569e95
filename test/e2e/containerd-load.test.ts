import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectPeer, type PeerClient, runOnPeer, specificationOf } from '../../bench/rig/peer.ts';
import { busyboxLayout } from '../support/busybox-image.ts';
import { runProgram } from '../support/child.ts';
import { type DaemonHost, daemonMissing, startHost } from '../support/daemon.ts';
import { mountsBelow, processesNaming } from '../support/leaks.ts';
import { missingHere } from '../support/machine.ts';

const missing = daemonMissing() ?? missingHere({ programs: ['ctr', 'runc'] });

const containers = Number(process.env.SHIPLOG_LOAD_CONTAINERS ?? 150);
const workers = 8;
const image = 'example.org/load:1';

/** What a daemon has open and holds on the host, each by a number. */
const held = (host: DaemonHost) => {
  const below = (path: string): number => readdirSync(path, { recursive: true }).length;
  return {
    descriptors: readdirSync(`/proc/${host.pid}/fd`).length,
    mounts: mountsBelow(host.directory).length,
    shims: processesNaming(host.directory).filter(({ command }) => command.includes('shim')).length,
    bundles: below(join(host.state, 'io.containerd.runtime.v2.task')),
    runc: below(join(host.state, 'runc')),
    snapshots: readdirSync(join(host.root, 'overlayfs', 'snapshots')).length,
  };
};

const residentMB = (pid: number): number =>
  (Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) / 1e6;

/** Runs `count` containers by several workers. @returns their exit codes */
const load = async (client: PeerClient, chainId: string, spec: object, count: number): Promise<number[]> => {
  const codes: number[] = [];
  let left = count;
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      codes.push(await runOnPeer(client, { name: image, chainId }, specificationOf(spec)));
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return codes;
};

describe.skipIf(missing !== undefined)(`containers from ${workers} workers at once`, () => {
  let host: DaemonHost;
  let client: PeerClient;
  let chainId: string;
  let spec: object;
  beforeAll(async () => {
    host = await startHost('ctr-load');
    const layout = await busyboxLayout(host.directory);
    const archive = join(host.directory, 'image.tar');
    await runProgram('tar', ['-C', layout.directory, '-cf', archive, '.']);
    const ctr = (...args: string[]) => runProgram('ctr', ['-a', host.address, ...args]);
    await ctr('images', 'import', '--base-name', 'example.org/load', archive);
    chainId = layout.layers[0]?.diffId ?? '';
    const root = join(host.directory, 'busybox-root');
    await ctr('containers', 'create', '--rootfs', root, 'template', '/bin/true');
    spec = JSON.parse(await ctr('containers', 'info', '--spec', 'template')) as object;
    await ctr('containers', 'delete', 'template');
    client = connectPeer(host.address);
  }, 60_000);
  afterAll(async () => {
    client?.close();
    await host?.close();
  });

  it(
    'all end well, and leave nothing behind',
    async () => {
      // The first ones make folders that stay.
      expect(await load(client, chainId, spec, workers)).toEqual(Array(workers).fill(0));
      expect(await host.leaks()).toEqual([]);
      // V8's space for young objects and for garbage grows to what this load needs.
      await load(client, chainId, spec, containers);
      const before = held(host);
      const memory = { first: residentMB(host.pid), half: 0, last: 0 };
      const half = Math.ceil(containers / 2);
      const codes = await load(client, chainId, spec, half);
      memory.half = residentMB(host.pid);
      codes.push(...(await load(client, chainId, spec, containers - half)));
      memory.last = residentMB(host.pid);
      expect(codes.filter((code) => code !== 0)).toEqual([]);
      expect(codes).toHaveLength(containers);
      expect(await host.leaks()).toEqual([]);
      // Sockets of shims and idle handles close a moment later.
      const deadline = performance.now() + 5000;
      while (held(host).descriptors > before.descriptors && performance.now() < deadline) await sleep(100);
      const after = held(host);
      process.stdout.write(`${containers} containers: ${JSON.stringify({ before, after, memory })}\n`);
      expect(after).toEqual({ ...before, descriptors: expect.any(Number) });
      expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 2);
      // What a container leaves in memory would show with every one of them.
      expect(memory.last - memory.half).toBeLessThan(Math.max(30, (half * 100) / 1000));
    },
    Math.max(90_000, containers * 1200),
  );
});
