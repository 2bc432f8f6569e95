import { Rejection } from '../../domain/rejection.ts';
import type { Cause } from '../../engine/ports/cause.ts';
import type { Names } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { causeOf, headerOf } from './caller.ts';
import type { PeerOfCall } from './connections.ts';
import type { IncomingCall, OpenCall, OpenCalls } from './handlers.ts';
import type { SocketOwner } from './listen.ts';
import { failureOf } from './status.ts';

/** Users that may call: root, and whoever the daemon runs as. */
const allowed: ReadonlySet<number> = new Set([0, process.getuid?.() ?? 0]);

/**
 * The socket's mode keeps others out; this holds where it was changed, or a capability went around it. A group that was
 * given the socket is let in by the mode alone: which groups a process has beside its first, nobody tells.
 */
const refusalOf = ({ actor: { uid } }: Cause, owner: SocketOwner): Rejection | undefined =>
  allowed.has(uid) || uid === owner.uid || owner.gid !== 0
    ? undefined
    : new Rejection('permission-denied', `user ${uid} may not use Shiplog: only root may; call as root`);

export interface Calls {
  readonly open: OpenCalls;
  /** Fires the signal of every call under way. */
  abort(reason: unknown): void;
}

/** Keeps the calls under way: who makes each, when it is to stop, and how its failure is told. */
export const trackCalls = ({
  names,
  logger,
  peerOfCall,
  owner = { uid: 0, gid: 0 },
  onRefused,
}: {
  readonly names: Names;
  readonly logger: Logger;
  readonly peerOfCall: PeerOfCall;
  /** Of the socket; root when absent. */
  readonly owner?: SocketOwner | undefined;
  /** Takes note of a call that was refused for want of permission. */
  readonly onRefused: (method: string, rejection: Rejection, cause: Cause) => Promise<void>;
}): Calls => {
  const underWay = new Set<AbortController>();
  const open = (call: IncomingCall): OpenCall | { refused: ReturnType<typeof failureOf> } => {
    const correlation = names.sortable();
    const failure = (error: unknown) => failureOf(error, { logger, correlation, method: call.getPath() });
    try {
      const cause = causeOf(call.metadata, peerOfCall(call.metadata), correlation);
      const refusal = refusalOf(cause, owner);
      if (refusal) {
        onRefused(call.getPath(), refusal, cause).catch((error: unknown) => {
          logger.error('a refused call could not be recorded', {
            method: call.getPath(),
            correlation,
            error,
          });
        });
        return { refused: failure(refusal) };
      }
      const controller = new AbortController();
      underWay.add(controller);
      // grpc-js says `cancelled` of every call in the end, also of those that were answered.
      call.once('cancelled', () => {
        if (underWay.delete(controller)) controller.abort();
      });
      return {
        context: { cause, signal: controller.signal, header: (name) => headerOf(call.metadata, name) },
        failure,
        settle: () => underWay.delete(controller),
      };
    } catch (error) {
      return { refused: failure(error) };
    }
  };
  return {
    open,
    abort: (reason) => {
      for (const controller of underWay) controller.abort(reason);
    },
  };
};
