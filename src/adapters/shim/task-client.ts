import type { DescMessage, DescMethodUnary } from '@bufbuild/protobuf';
import { Task as TaskV3 } from '../../gen/containerd/task/v3/shim_pb.ts';
import { connectTtrpc, type TtrpcClient } from '../ttrpc/client.ts';
import { type Endpoint, socketPath } from './endpoint.ts';

/** A connection to a shim, whatever it speaks. Methods are those of the task API version 2. */
export type TaskClient = TtrpcClient;

export interface TaskTarget {
  readonly endpoint: Endpoint;
  /** Sent along with each call. */
  readonly namespace: string;
  /** Names the shim in messages. */
  readonly name: string;
}

/** The same method in version 3, which has the same messages. */
export const ofVersion3 = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
): DescMethodUnary<I, O> => ({ ...method, parent: TaskV3 });

const overVersion3 = (client: TtrpcClient): TaskClient => ({
  ...client,
  call: (method, input, timeoutMs) => client.call(ofVersion3(method), input, timeoutMs),
});

/** A connection on which services are called as they are. @throws Rejection as {@link connectTask} */
export const connectShim = async (
  { endpoint, namespace, name }: TaskTarget,
  timeoutMs: number,
): Promise<TtrpcClient> => {
  const path = socketPath(endpoint.address, endpoint.protocol);
  if (endpoint.protocol === 'grpc') {
    // Few shims speak it: its library is loaded for those that do.
    const { connectGrpc } = await import('./grpc-task-client.ts');
    return connectGrpc({ path, namespace, name }, timeoutMs);
  }
  return connectTtrpc({ path, namespace, name }, timeoutMs);
};

/** @throws Rejection `unavailable` when nobody listens, `deadline-exceeded` after `timeoutMs` */
export const connectTask = async (target: TaskTarget, timeoutMs: number): Promise<TaskClient> => {
  const client = await connectShim(target, timeoutMs);
  return target.endpoint.version === 3 ? overVersion3(client) : client;
};
