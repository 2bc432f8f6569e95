import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { AnySchema, FieldMaskSchema } from '@bufbuild/protobuf/wkt';
import { Containers } from '../src/gen/containerd/services/containers/v1/containers_pb.ts';
import { Images } from '../src/gen/containerd/services/images/v1/images_pb.ts';
import { Leases } from '../src/gen/containerd/services/leases/v1/leases_pb.ts';
import { Version } from '../src/gen/containerd/services/version/v1/version_pb.ts';
import { runProgram } from '../test/support/child.ts';
import { startContainerd } from '../test/support/containerd.ts';
import { type BareCaller, connectBare } from './rig/bare-caller.ts';
import type { Bench, Figure } from './rig/figures.ts';
import { figuresOfLoads, type Load, loaded } from './rig/loads.ts';
import { longList } from './rig/long-list.ts';
import { startOurs } from './rig/ours.ts';
import { withScratch } from './rig/scratch.ts';

const namespace = 'bench';
const target = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'5d'.repeat(32)}`,
  size: 1024n,
};
/** What reads and updates are of. */
const standing = 'standing';

const containerOf = (id: string, spec: Uint8Array) => ({
  id,
  image: 'bench.test/standing:1',
  runtime: { name: 'io.containerd.runc.v2' },
  spec: create(AnySchema, {
    typeUrl: 'types.containerd.io/opencontainers/runtime-spec/1/Spec',
    value: spec,
  }),
  snapshotter: 'overlayfs',
  snapshotKey: id,
});

/** What a client does over and over; `at` is a number that no other call of the run has. */
type Operation = (caller: BareCaller, at: number) => Promise<unknown>;

const operationsWith = (spec: Uint8Array): Readonly<Record<string, Operation>> => ({
  'leases create': (caller, at) => caller.call(Leases.method.create, { id: `lease-${at}` }),
  'containers create': (caller, at) =>
    caller.call(Containers.method.create, { container: containerOf(`container-${at}`, spec) }),
  'images create': (caller, at) =>
    caller.call(Images.method.create, { image: { name: `bench.test/image:${at}`, target } }),
  'containers update of a label': (caller, at) =>
    caller.call(Containers.method.update, {
      container: { id: standing, labels: { at: String(at) } },
      updateMask: create(FieldMaskSchema, { paths: ['labels.at'] }),
    }),
  // Hardly more than what the library behind the server takes for a call.
  version: (caller) => caller.call(Version.method.version, {}),
  'containers get': (caller) => caller.call(Containers.method.get, { id: standing }),
  'leases list of one': (caller) => caller.call(Leases.method.list, { filters: [`id==lease-${standing}`] }),
});

/**
 * Operations on metadata through the gRPC API, each client on a connection of its own with a call at a time, beside
 * containerd's in turns.
 *
 *     npm run bench -- metadata [ROUNDS] [SECONDS]
 *
 * Each turn of one side is so many seconds of one operation, after one that is not counted, and one of 16
 * clients for each operation before all. The clients live in this process and do as little as can be
 * done (rig/bare-caller.ts), so that the servers are what is measured. Containers have the specification that `ctr` makes.
 */
export const main: Bench = (args) => {
  const rounds = Number(args[0] ?? 5);
  const ms = Number(args[1] ?? 1) * 1000;
  return withScratch('ext4', async ({ disk, later }) => {
    const containerd = await startContainerd(join(disk, 'peer'));
    later(containerd.stop);
    const ours = await startOurs(join(disk, 'ours'));
    later(ours.stop);
    const spec = Buffer.from(JSON.stringify(JSON.parse(await runProgram('ctr', ['oci', 'spec']))));
    const operations = operationsWith(spec);
    const sides = { ours, peer: containerd };
    let at = 0;
    const turn = async (side: keyof typeof sides, once: Operation, clients: number): Promise<Load> => {
      const { address, pid } = sides[side];
      const callers = await Promise.all(
        Array.from({ length: clients }, () => connectBare(address, namespace)),
      );
      try {
        return await loaded(callers, pid, ms, (caller) => {
          at += 1;
          return once(caller, at);
        });
      } finally {
        for (const caller of callers) caller.close();
      }
    };
    for (const { address } of [ours, containerd]) {
      const caller = await connectBare(address, namespace);
      await caller.call(Containers.method.create, { container: containerOf(standing, spec) });
      await caller.call(Leases.method.create, { id: `lease-${standing}` });
      caller.close();
    }
    const figures: Figure[] = [];
    // A lone client is to meet daemons that have served for a while: the first thousands of calls compile ours.
    for (const once of Object.values(operations)) {
      for (const side of ['ours', 'peer'] as const) await turn(side, once, 16);
    }
    for (const clients of [1, 16]) {
      for (const [name, once] of Object.entries(operations)) {
        const taken = { ours: [] as Load[], peer: [] as Load[] };
        for (let round = -1; round < rounds; round += 1) {
          const [a, b] = [await turn('ours', once, clients), await turn('peer', once, clients)];
          if (round < 0) continue;
          taken.ours.push(a);
          taken.peer.push(b);
        }
        const who = clients === 1 ? '1 client' : `${clients} clients`;
        figures.push(...figuresOfLoads(`${name}, ${who}`, taken.ours, taken.peer));
      }
    }
    const lists = [...(await longList(join(disk, 'many'), rounds))];
    return [
      { title: `Metadata through the API, ${rounds} rounds of ${ms} ms in turns`, figures },
      { title: 'A list of very many', figures: lists },
    ];
  });
};
