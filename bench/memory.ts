import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startContainerd } from '../test/support/containerd.ts';
import { type BothHosts, directoryOf, withBoth } from './rig/both-hosts.ts';
import type { Bench, Figure, Report, Series } from './rig/figures.ts';
import { pushHeavy } from './rig/images.ts';
import { byClients, forever, removeOnOurs, runOnOurs, startOnOurs } from './rig/our-containers.ts';
import { startOurs } from './rig/ours.ts';
import { peerSpecification, peerTask } from './rig/peer.ts';
import { processesOf, proportionalMB, residentMB } from './rig/processes.ts';
import { withScratch } from './rig/scratch.ts';
import { median } from './rig/statistics.ts';

/** Seconds after which a daemon has done what follows from what it was asked. */
const settled = 5;
const clients = 8;

/** Daemons that have nothing to do, on empty folders. */
const idle = (rounds: number): Promise<readonly Figure[]> =>
  withScratch('ext4', async ({ disk }) => {
    const taken = { ours: [] as number[], peer: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      const ours = await startOurs(join(disk, `ours${round}`));
      const peer = await startContainerd(join(disk, `peer${round}`));
      await sleep(settled * 1000);
      taken.ours.push(residentMB(ours.pid));
      taken.peer.push(residentMB(peer.pid));
      await peer.stop();
      await ours.stop();
    }
    return [{ name: 'idle daemon', detail: 'resident', unit: 'MB', ...taken }];
  });

/** Starts that may fail before it is given up; each is counted, and made up for by another. */
const patience = 5;

/** The daemon and whatever it keeps beside it, with so many containers that run. */
const running = async (hosts: BothHosts, count: number): Promise<readonly Figure[]> => {
  const { ours, containerd, peer, image, onPeer } = hosts;
  const template = await peerSpecification(containerd, image, ['--seccomp'], forever);
  const task = peerTask(peer, onPeer, template);
  const [here, there]: [string[], string[]] = [[], []];
  const lost: unknown[] = [];
  await byClients(clients, count, async () => {
    while (lost.length <= patience) {
      try {
        here.push(await startOnOurs(ours.client, { image, command: forever }));
        return;
      } catch (error) {
        lost.push(error);
      }
    }
    throw new AggregateError(lost, 'containers do not start');
  });
  await byClients(clients, count, async () => {
    there.push(await task.start());
  });
  await sleep(settled * 1000);
  const sum = (side: 'ours' | 'peer') =>
    processesOf(directoryOf(hosts, side)).reduce((all, pid) => all + proportionalMB(pid), 0);
  const [own, theirs] = [sum('ours'), sum('peer')];
  const [daemon, containerdItself] = [proportionalMB(ours.pid), proportionalMB(containerd.pid)];
  await byClients(clients, count, (at) => removeOnOurs(ours.client, here[at] ?? ''));
  await byClients(clients, count, (at) => task.remove(there[at] ?? ''));
  const detail = `${count} of them, daemon and all beside it, PSS`;
  const each = { ours: [(own - daemon) / count], peer: [(theirs - containerdItself) / count] };
  return [
    { name: 'containers running at once', detail, unit: 'MB', ours: [own], peer: [theirs] },
    { name: 'of that, the daemon', unit: 'MB', ours: [daemon], peer: [containerdItself] },
    { name: 'of that, for each container', unit: 'MB', ...each },
    { name: 'starts that failed', unit: '', ours: [lost.length] },
  ];
};

/** Looks while containers come and go. */
const looks = 50;

const cycling = async (hosts: BothHosts, count: number): Promise<{ figures: Figure[]; series: Series }> => {
  const { ours, image } = hosts;
  const points: [number, number][] = [];
  const block = Math.max(clients, Math.round(count / looks));
  for (let done = 0; done < count; done += block) {
    await byClients(clients, block, () => runOnOurs(ours.client, { image, command: ['/bin/true'] }));
    points.push([done + block, residentMB(ours.pid)]);
  }
  const megabytes = points.map(([, value]) => value);
  const tenth = Math.ceil(megabytes.length / 10);
  // The first tenth fills caches and has code compiled.
  const [early, late] = [median(megabytes.slice(tenth, 2 * tenth)), median(megabytes.slice(-tenth))];
  const detail = `${count} times, resident in the last tenth by the second`;
  return {
    figures: [
      { name: 'growth over run and rm', detail, unit: '×', ours: [late / early] },
      { name: 'resident after run and rm', unit: 'MB', ours: [late] },
    ],
    series: {
      title: 'Resident memory of the daemon while containers are run and removed',
      x: { name: 'containers so far', log: false },
      y: { name: 'MB', log: false },
      lines: [{ name: 'shiplogd', points }],
    },
  };
};

const pulling = async (hosts: BothHosts, megabytes: number): Promise<readonly Figure[]> => {
  const { ours, registry, directory } = hosts;
  const image = `${registry}/heavy:latest`;
  await pushHeavy(join(directory, 'heavy'), image, megabytes);
  await sleep(settled * 1000);
  const before = residentMB(ours.pid);
  await ours.shiplog('pull', '--quiet', image);
  await sleep(settled * 1000);
  const after = residentMB(ours.pid);
  const detail = `resident ${settled} s after it by before it`;
  return [
    { name: 'growth over a pull of 1 GB', detail, unit: '×', ours: [after / before] },
    { name: 'resident after a pull of 1 GB', unit: 'MB', ours: [after] },
  ];
};

/**
 * Memory: of idle daemons, of everything that keeps running containers, and of the daemon after it has done much.
 *
 *     npm run bench -- memory [CYCLES] [CONTAINERS] [ROUNDS]
 */
export const main: Bench = async (args) => {
  const cycles = Number(args[0] ?? 10_000);
  const count = Number(args[1] ?? 100);
  const rounds = Number(args[2] ?? 3);
  const alone = await idle(rounds);
  const report = await withBoth(async (hosts): Promise<Report> => {
    const held = await running(hosts, count);
    const { figures, series } = await cycling(hosts, cycles);
    const pulled = await pulling(hosts, 1000);
    return { title: 'Memory', figures: [...alone, ...held, ...figures, ...pulled], series: [series] };
  });
  return [report];
};
