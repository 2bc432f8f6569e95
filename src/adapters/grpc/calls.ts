import type { Names } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { causeOf } from './caller.ts';
import type { PeerOfCall } from './connections.ts';
import type { IncomingCall, OpenCall, OpenCalls } from './handlers.ts';
import { failureOf } from './status.ts';

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
}: {
  readonly names: Names;
  readonly logger: Logger;
  readonly peerOfCall: PeerOfCall;
}): Calls => {
  const underWay = new Set<AbortController>();
  const open = (call: IncomingCall): OpenCall | { refused: ReturnType<typeof failureOf> } => {
    const correlation = names.sortable();
    const failure = (error: unknown) => failureOf(error, { logger, correlation, method: call.getPath() });
    try {
      const cause = causeOf(call.metadata, peerOfCall(call.metadata), correlation);
      const controller = new AbortController();
      underWay.add(controller);
      // grpc-js says `cancelled` of every call in the end, also of those that were answered.
      call.once('cancelled', () => {
        if (underWay.delete(controller)) controller.abort();
      });
      return {
        context: { cause, signal: controller.signal },
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
