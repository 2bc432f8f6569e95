import { Rejection } from '../../domain/rejection.ts';
import type { Cause } from '../../engine/ports/cause.ts';
import type { Names } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { causeOf, headerOf, saysMuch } from './caller.ts';
import type { PeerOfCall } from './connections.ts';
import type { CallContext, IncomingCall, OpenCall, OpenCalls } from './handlers.ts';
import type { SocketOwner } from './listen.ts';
import type { Peer } from './peer.ts';
import { failureOf } from './status.ts';

/** Users that may call: root, and whoever the daemon runs as. */
const allowed: ReadonlySet<number> = new Set([0, process.getuid?.() ?? 0]);

/**
 * The socket's mode keeps others out; this holds where it was changed, or a capability went around it. A group that was
 * given the socket is let in by the mode alone: which groups a process has beside its first, nobody tells.
 */
const refusalOf = ({ uid }: Peer, owner: SocketOwner): Rejection | undefined =>
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
  const underWay = new Set<CallUnderWay>();
  const open: OpenCalls = (call) => {
    const peer = peerOfCall(call.metadata);
    const opened = new CallUnderWay(call, peer, { names, logger, underWay });
    try {
      // What a caller says of itself is checked before anything is done.
      if (peer === undefined || saysMuch(call.metadata)) void opened.cause;
      const refusal = peer && refusalOf(peer, owner);
      if (refusal === undefined) return opened;
      const { cause, correlation } = opened;
      onRefused(call.getPath(), refusal, cause).catch((error: unknown) => {
        logger.error('a refused call could not be recorded', { method: call.getPath(), correlation, error });
      });
      throw refusal;
    } catch (error) {
      opened.settle();
      return { refused: opened.failure(error) };
    }
  };
  return {
    open,
    abort: (reason) => {
      for (const call of underWay) call.abort(reason);
    },
  };
};

interface Around {
  readonly names: Names;
  readonly logger: Logger;
  readonly underWay: Set<CallUnderWay>;
}

/** One call. What only some methods ask for (who calls, whether to stop) is made when they do: reads are many, and small. */
class CallUnderWay implements OpenCall {
  readonly context: CallContext;
  readonly settle: () => void;
  readonly #call: IncomingCall;
  readonly #peer: Peer | undefined;
  readonly #around: Around;
  #correlation: string | undefined;
  #cause: Cause | undefined;
  #controller: AbortController | undefined;
  /** Why it is to stop, if it is. */
  #stopped: { readonly reason?: unknown } | undefined;

  constructor(call: IncomingCall, peer: Peer | undefined, around: Around) {
    this.#call = call;
    this.#peer = peer;
    this.#around = around;
    this.settle = () => around.underWay.delete(this);
    around.underWay.add(this);
    // grpc-js says `cancelled` of every call in the end, also of those that were answered.
    call.once('cancelled', () => {
      if (around.underWay.delete(this)) this.#stop({});
    });
    this.context = contextOf(this, call.metadata);
  }

  get correlation(): string {
    this.#correlation ??= this.#around.names.sortable();
    return this.#correlation;
  }

  /** @throws Rejection `invalid-argument` where a header says too much, `unauthenticated` where the peer is not known */
  get cause(): Cause {
    this.#cause ??= causeOf(this.#call.metadata, this.#peer, this.correlation);
    return this.#cause;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#stopped) this.#controller.abort(this.#stopped.reason);
    }
    return this.#controller.signal;
  }

  failure(error: unknown): ReturnType<typeof failureOf> {
    const { correlation } = this;
    return failureOf(error, { logger: this.#around.logger, correlation, method: this.#call.getPath() });
  }

  abort(reason: unknown): void {
    this.#stop({ reason });
  }

  #stop(why: { readonly reason?: unknown }): void {
    this.#stopped ??= why;
    this.#controller?.abort(why.reason);
  }
}

/** With properties of its own, so that a copy has them too. */
const contextOf = (call: CallUnderWay, metadata: IncomingCall['metadata']): CallContext => ({
  get cause() {
    return call.cause;
  },
  get signal() {
    return call.signal;
  },
  header: (name) => headerOf(metadata, name),
});
