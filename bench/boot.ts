import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '../test/support/child.ts';
import { containerdArguments, startContainerd } from '../test/support/containerd.ts';
import { directoryOf, withBoth } from './rig/both-hosts.ts';
import { type Bench, type Figure, interleave, timed } from './rig/figures.ts';
import { byClients, forever, removeOnOurs, startOnOurs } from './rig/our-containers.ts';
import { daemonArguments, programs, startOurs } from './rig/ours.ts';
import { connectPeer, peerSpecification, peerTask } from './rig/peer.ts';
import { prepareHost } from './rig/prepared-host.ts';
import { timeToAnswer } from './rig/processes.ts';
import { makeRecords } from './rig/records.ts';
import { withScratch } from './rig/scratch.ts';

/** Milliseconds after which a daemon has done what it does at its start, so that being told to end finds it idle. */
const settled = 3000;

/** Starts the daemon on what is below a directory, and ends it. @returns milliseconds to the first answered call */
const oursReady = (directory: string): Promise<number> =>
  timeToAnswer(
    programs.shiplogd,
    daemonArguments(directory),
    join(directory, 's.sock'),
    join(directory, 'log.txt'),
  );

const peerReady = async (directory: string): Promise<number> => {
  const { args, address } = await containerdArguments(directory);
  return timeToAnswer('containerd', args, address, join(directory, 'log.txt'));
};

/** Both daemons on empty folders, and what Node takes before it does anything. */
const onNothing = (rounds: number): Promise<readonly Figure[]> =>
  withScratch('ext4', async ({ disk }) => {
    let fresh = 0;
    const directory = (): string => {
      fresh += 1;
      const made = join(disk, `${fresh}`);
      mkdirSync(made);
      return made;
    };
    const ready = await interleave(
      rounds,
      () => oursReady(directory()),
      () => peerReady(directory()),
    );
    const node: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      node.push(await timed(() => runProgram(process.execPath, ['-e', '0'])));
    }
    return [
      { name: 'ready, empty', unit: 'ms', ...ready },
      { name: 'floor: node -e 0', unit: 'ms', ours: node },
    ];
  });

/** Records of containers at the end of a long history. Beside it containerd with as many. */
const onRecords = async (rounds: number, events: number, records: number): Promise<readonly Figure[]> => {
  // Beside the history, whose segments are linked.
  const directory = `/var/tmp/slb-boot-${process.pid}`;
  mkdirSync(join(directory, 'root'), { recursive: true });
  try {
    await prepareHost(directory, events, 200);
    const ours = await startOurs(directory);
    await sleep(settled);
    await makeRecords(ours.address, records);
    await ours.stop();
    const theirs = join(directory, 'peer');
    const peer = await startContainerd(theirs);
    await makeRecords(peer.address, records);
    await peer.stop();
    const ready = await interleave(
      rounds,
      () => oursReady(directory),
      () => peerReady(theirs),
    );
    const detail = `${records.toLocaleString('en')} records, ${events.toLocaleString('en')} events before them`;
    return [{ name: 'ready, 10,000 containers in a long log', detail, unit: 'ms', ...ready }];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

const live = 50;
const clients = 8;

/** Daemons that find containers running, which they started before. */
const onLive = (rounds: number): Promise<readonly Figure[]> =>
  withBoth(async (hosts) => {
    const { ours, containerd, peer, image, onPeer } = hosts;
    const ps = await interleave(
      rounds,
      () => timed(() => ours.shiplog('ps')),
      () => timed(() => containerd.ctr('tasks', 'ls')),
    );
    const template = await peerSpecification(containerd, image, ['--seccomp'], forever);
    const task = peerTask(peer, onPeer, template);
    const [here, there]: [string[], string[]] = [[], []];
    await byClients(clients, live, async () => {
      here.push(await startOnOurs(ours.client, { image, command: forever }));
      there.push(await task.start());
    });
    await ours.stop();
    await containerd.stop();
    const [own, theirs] = [directoryOf(hosts, 'ours'), directoryOf(hosts, 'peer')];
    const ready = await interleave(
      rounds,
      () => oursReady(own),
      () => peerReady(theirs),
    );
    const ending = await startOurs(own);
    const running = (await ending.shiplog('ps', '--quiet')).trim().split('\n').length;
    if (running !== live) throw new Error(`${running} of ${live} containers are known to be running`);
    await byClients(clients, live, (at) => removeOnOurs(ending.client, here[at] ?? ''));
    await ending.stop();
    const peerEnding = await startContainerd(theirs);
    const again = connectPeer(peerEnding.address);
    const tasks = peerTask(again, onPeer, template);
    await byClients(clients, live, (at) => tasks.remove(there[at] ?? ''));
    again.close();
    await peerEnding.stop();
    return [
      { name: 'ready, 50 live containers', unit: 'ms', ...ready },
      { name: 'shiplog ps', detail: 'beside ctr tasks ls, no container', unit: 'ms', ...ps },
    ];
  });

/**
 * How long daemons take from exec to their first answered call, and the command line to say what runs.
 *
 *     npm run bench -- boot [ROUNDS] [EVENTS] [RECORDS]
 *
 * Both daemons in turns: on empty folders, with records of containers (ours behind a history), and with containers that
 * run and are taken up again. A round ends with SIGTERM, which leaves them running.
 */
export const main: Bench = async (args) => {
  const rounds = Number(args[0] ?? 9);
  const events = Number(args[1] ?? 1_000_000);
  const records = Number(args[2] ?? 10_000);
  const figures = [
    ...(await onNothing(rounds)),
    ...(await onRecords(rounds, events, records)),
    ...(await onLive(rounds)),
  ];
  return [{ title: `From exec to the first answered call, ${rounds} rounds in turns`, figures }];
};
