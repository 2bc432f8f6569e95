import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { Containers } from '../src/gen/containerd/services/containers/v1/containers_pb.ts';
import { runProgram } from '../test/support/child.ts';
import { connectBare } from './rig/bare-caller.ts';
import { printFigures } from './rig/figures.ts';
import { daemonArguments, programs, startOurs } from './rig/ours.ts';
import { residentMB, timeToAnswer } from './rig/processes.ts';
import { withScratch } from './rig/scratch.ts';

const clients = 16;

/** Makes records of containers through containerd's API, each with the specification that `ctr` makes. */
const fill = async (address: string, count: number): Promise<void> => {
  const value = Buffer.from(JSON.stringify(JSON.parse(await runProgram('ctr', ['oci', 'spec']))));
  const spec = create(AnySchema, {
    typeUrl: 'types.containerd.io/opencontainers/runtime-spec/1/Spec',
    value,
  });
  let left = count;
  const work = async (): Promise<void> => {
    const caller = await connectBare(address, 'bench');
    while (left > 0) {
      left -= 1;
      const id = `container-${left}`;
      const container = { id, image: 'bench.test/image:1', runtime: { name: 'io.containerd.runc.v2' }, spec };
      await caller.call(Containers.method.create, { container });
    }
    caller.close();
  };
  await Promise.all(Array.from({ length: clients }, work));
};

/**
 * How long the daemon takes from exec to its first answered call with many containers in its log, and how much memory it
 * holds with them.
 *
 *     npm run bench -- load [ROUNDS] [CONTAINERS]
 *
 * What containers leave behind that were really run is held by test/e2e/containerd-load.test.ts.
 */
export const main = async (args: readonly string[]): Promise<void> => {
  const rounds = Number(args[0] ?? 9);
  const count = Number(args[1] ?? 10_000);
  await withScratch('ext4', async ({ disk }) => {
    const directory = join(disk, 'ours');
    mkdirSync(directory);
    const ours = await startOurs(directory);
    const empty = residentMB(ours.pid);
    await fill(ours.address, count);
    const full = residentMB(ours.pid);
    await ours.stop();
    const started: number[] = [];
    for (let round = -1; round < rounds; round += 1) {
      const log = join(directory, 'log.txt');
      const took = await timeToAnswer(
        programs.shiplogd,
        daemonArguments(directory),
        join(directory, 's.sock'),
        log,
      );
      if (round >= 0) started.push(took);
    }
    printFigures(`${count} containers in the log, ${rounds} starts`, [
      { name: 'daemon ready', unit: 'ms', ours: started, bar: { of: 'ours', most: 300 } },
      { name: 'resident before the first container', unit: 'MB', ours: [empty] },
      { name: 'resident after the last', unit: 'MB', ours: [full] },
    ]);
  });
};
