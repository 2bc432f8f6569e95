import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { Containers } from '../src/gen/containerd/services/containers/v1/containers_pb.ts';
import { Snapshots } from '../src/gen/containerd/services/snapshots/v1/snapshots_pb.ts';
import { runProgram } from '../test/support/child.ts';
import { startContainerd } from '../test/support/containerd.ts';
import { pushLayout, startRegistry } from '../test/support/registry-server.ts';
import { type BareCaller, connectBare } from './rig/bare-caller.ts';
import { withBoth } from './rig/both-hosts.ts';
import { type Bench, type Figure, timed } from './rig/figures.ts';
import { byClients } from './rig/our-containers.ts';
import { startOurs } from './rig/ours.ts';
import { connectPeer, type PeerClient, peerSpecification, runOnPeer } from './rig/peer.ts';
import { withScratch } from './rig/scratch.ts';
import { quantile } from './rig/statistics.ts';
import { tenLayers } from './rig/ten-layers.ts';

const namespace = 'default';
const snapshotter = 'overlayfs';
const standing = 'standing';

/** Milliseconds between two calls of one client. */
const pause = 2;

const calls = {
  'containers get': (caller: BareCaller) => caller.call(Containers.method.get, { id: standing }),
  'snapshot prepare': (caller: BareCaller) => {
    const labels = { 'containerd.io/gc.root': 'bench' };
    return caller.call(Snapshots.method.prepare, { snapshotter, key: randomUUID(), labels });
  },
} as const;
type CallName = keyof typeof calls;
const callNames = Object.keys(calls) as CallName[];

/** Milliseconds of each call. */
type Taken = Readonly<Record<CallName, readonly number[]>>;

/** Each kind of call by a client of its own, one after another, as long as `work` lasts. @returns milliseconds of each */
const callsDuring = async (address: string, work: () => Promise<unknown>): Promise<Taken> => {
  let over = false;
  const taken = { 'containers get': [] as number[], 'snapshot prepare': [] as number[] };
  const client = async (name: CallName): Promise<void> => {
    const caller = await connectBare(address, namespace);
    while (!over) {
      taken[name].push(await timed(() => calls[name](caller)));
      await sleep(pause);
    }
    caller.close();
  };
  const clients = callNames.map(client);
  try {
    await work();
  } finally {
    over = true;
    await Promise.all(clients);
  }
  return taken;
};

const prepareSide = async (address: string): Promise<void> => {
  const caller = await connectBare(address, namespace);
  const runtime = { name: 'io.containerd.runc.v2' };
  const value = Buffer.from(JSON.stringify(JSON.parse(await runProgram('ctr', ['oci', 'spec']))));
  const spec = create(AnySchema, {
    typeUrl: 'types.containerd.io/opencontainers/runtime-spec/1/Spec',
    value,
  });
  await caller.call(Containers.method.create, { container: { id: standing, runtime, spec } });
  caller.close();
};

/** Small calls while ten layers are pulled. */
const whilePulling = (rounds: number): Promise<Figure[]> =>
  withScratch('ext4', async ({ directory, disk, later }) => {
    const registry = await startRegistry(join(directory, 'registry'));
    later(registry.stop);
    const image = `${registry.host}/gzip:latest`;
    await pushLayout(await tenLayers('gzip'), image);
    const peer = await startContainerd(join(disk, 'peer'));
    later(peer.stop);
    const ours = await startOurs(join(disk, 'ours'));
    later(ours.stop);
    const turns = { ours: [] as Taken[], peer: [] as Taken[] };
    for (const { address } of [ours, peer]) await prepareSide(address);
    for (let round = 0; round < rounds; round += 1) {
      turns.ours.push(await callsDuring(ours.address, () => ours.shiplog('pull', '--quiet', image)));
      await ours.shiplog('rmi', image);
      await runProgram('sync', []);
      turns.peer.push(
        await callsDuring(peer.address, () => peer.ctr('image', 'pull', '--plain-http', image)),
      );
      await peer.ctr('image', 'rm', '--sync', image);
      await runProgram('sync', []);
    }
    const part = (name: CallName, of: number) => ({
      unit: 'ms' as const,
      ours: turns.ours.map((turn) => quantile(turn[name], of)),
      peer: turns.peer.map((turn) => quantile(turn[name], of)),
    });
    return callNames.flatMap((name): readonly Figure[] => [
      { name: `${name} during a pull`, ...part(name, 0.5) },
      { name: `${name} during a pull: p99`, ...part(name, 0.99) },
      { name: `${name} during a pull: slowest`, ...part(name, 1) },
    ]);
  });

const clients = 16;

/** Containers that exit at once, by containerd's API on both sides. */
const many = (count: number): Promise<Figure[]> =>
  withBoth(async ({ ours, containerd, peer, onPeer, image }) => {
    const template = await peerSpecification(containerd, image, [], ['/bin/true']);
    const onOurs = connectPeer(ours.address);
    let lost = 0;
    const each = async (client: PeerClient): Promise<number> => {
      const once = async () => {
        const code = await runOnPeer(client, onPeer, template).catch((error: unknown) => {
          process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
          return undefined;
        });
        if (code !== 0) lost += 1;
      };
      return (await timed(() => byClients(clients, count, once))) / count;
    };
    const mine = await each(onOurs);
    const lostByUs = lost;
    onOurs.close();
    const theirs = await each(peer);
    const detail = `of ${count}, by ${clients} clients at once`;
    return [
      { name: 'containers lost', detail, unit: '', ours: [lostByUs], peer: [lost - lostByUs] },
      { name: 'a container among many', detail, unit: 'ms', ours: [mine], peer: [theirs] },
    ];
  });

/**
 * How small calls fare while much else is done, through containerd's API on both sides: a container's record and a new
 * snapshot, each asked for over and over by a client of its own in this process while ten layers are pulled; and containers
 * that exit at once by 16 clients, each of which must end with 0.
 *
 *     npm run bench -- load [ROUNDS] [CONTAINERS]
 */
export const main: Bench = async (args) => {
  const rounds = Number(args[0] ?? 5);
  const count = Number(args[1] ?? 500);
  return [
    {
      title: `Small calls while ten layers are pulled, ${rounds} rounds in turns`,
      figures: await whilePulling(rounds),
    },
    { title: 'Many containers at once', figures: await many(count) },
  ];
};
