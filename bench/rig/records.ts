import { create } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { Containers } from '../../src/gen/containerd/services/containers/v1/containers_pb.ts';
import { runProgram } from '../../test/support/child.ts';
import { connectBare } from './bare-caller.ts';

const clients = 16;

/** Makes records of containers through containerd's API on a daemon's socket, each with the specification that `ctr` makes. */
export const makeRecords = async (address: string, count: number): Promise<void> => {
  const value = Buffer.from(JSON.stringify(JSON.parse(await runProgram('ctr', ['oci', 'spec']))));
  const typeUrl = 'types.containerd.io/opencontainers/runtime-spec/1/Spec';
  const spec = create(AnySchema, { typeUrl, value });
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
