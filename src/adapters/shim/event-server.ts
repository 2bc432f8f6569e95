import { fromBinary } from '@bufbuild/protobuf';
import { type Observable, Subject } from 'rxjs';
import { ContainerId, Namespace } from '../../domain/identity.ts';
import type { TaskKey } from '../../engine/ports/runtime.ts';
import { TaskOOMSchema } from '../../gen/containerd/events/task_pb.ts';
import { type Envelope, Events } from '../../gen/containerd/services/events/ttrpc/v1/events_pb.ts';
import { served, serveTtrpc } from '../ttrpc/server.ts';

/**
 * Takes the events that shims forward. Only out-of-memory kills are used: a shim gives an event up after some seconds
 * without a daemon, so exits are asked for (Wait, State) and never believed from here.
 */
export interface ShimEvents {
  readonly oom: Observable<TaskKey>;
  close(): Promise<void>;
}

const oomOf = (envelope: Envelope): TaskKey | undefined => {
  const event = envelope.event;
  if (event === undefined || !event.typeUrl.endsWith(TaskOOMSchema.typeName)) return undefined;
  return {
    namespace: Namespace.parse(envelope.namespace),
    id: ContainerId.parse(fromBinary(TaskOOMSchema, event.value).containerId),
  };
};

export const serveShimEvents = async (path: string): Promise<ShimEvents> => {
  const oom = new Subject<TaskKey>();
  const server = await serveTtrpc(path, [
    served(Events.method.forward, async (request) => {
      const killed = request.envelope && oomOf(request.envelope);
      if (killed) oom.next(killed);
      return {};
    }),
  ]);
  return {
    oom: oom.asObservable(),
    close: async () => {
      await server.close();
      oom.complete();
    },
  };
};
