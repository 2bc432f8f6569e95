import { Rejection } from '../../domain/rejection.ts';
import type { Cause } from '../../engine/ports/cause.ts';
import type { Names } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { causeOf, headerOf, saysMuch } from './caller.ts';
import type { Arrival, ArrivalOf } from './connections.ts';
import type { CallContext, IncomingCall, OpenCall, OpenCalls } from './handlers.ts';
import type { SocketOwner } from './listen.ts';
import type { Peer } from './peer.ts';
import { failureOf } from './status.ts';

/** Users that may call: root, and whoever the daemon runs as. */
const isAllowed = (uid: number): boolean => uid === 0 || uid === process.getuid?.();

/**
 * The socket's mode keeps others out; this holds where it was changed, or a capability went around it. A group that was
 * given the socket is let in by the mode alone: which groups a process has beside its first, nobody tells.
 */
const refusalOf = ({ uid }: Peer, owner: SocketOwner): Rejection | undefined =>
  isAllowed(uid) || uid === owner.uid || owner.gid !== 0
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
  arrivalOf,
  owner = { uid: 0, gid: 0 },
  onRefused,
}: {
  readonly names: Names;
  readonly logger: Logger;
  readonly arrivalOf: ArrivalOf;
  /** Of the socket; root when absent. */
  readonly owner?: SocketOwner | undefined;
  /** Takes note of a call that was refused for want of permission. */
  readonly onRefused: (method: string, rejection: Rejection, cause: Cause) => Promise<void>;
}): Calls => {
  const around: Around = { names, logger, signalled: new Set(), aborted: undefined };
  const open: OpenCalls = (call) => {
    const arrival = arrivalOf(call.metadata);
    const peer = arrival?.peer;
    const opened = new CallUnderWay(call, arrival, around);
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
      around.aborted = { reason };
      for (const call of around.signalled) call.abort(reason);
    },
  };
};

interface Around {
  readonly names: Names;
  readonly logger: Logger;
  /** Calls under way whose methods have asked whether to stop. */
  readonly signalled: Set<CallUnderWay>;
  /** Why all are to stop, if they are. */
  aborted: { readonly reason: unknown } | undefined;
}

/**
 * One call. What only some methods ask for (who calls, whether to stop) is made when they do: reads are many, and small, and
 * what is held of each while it is under way is copied by the collector of garbage.
 */
class CallUnderWay implements OpenCall {
  readonly context: CallContext;
  readonly #call: IncomingCall;
  readonly #peer: Peer | undefined;
  readonly #around: Around;
  #correlation: string | undefined;
  #cause: Cause | undefined;
  #controller: AbortController | undefined;
  /** Why it is to stop, if it is. */
  #stopped: { readonly reason?: unknown } | undefined;
  #settled = false;

  constructor(call: IncomingCall, arrival: Arrival | undefined, around: Around) {
    this.#call = call;
    this.#peer = arrival?.peer;
    this.#around = around;
    if (arrival !== undefined) arrival.waiting = this;
    this.context = contextOf(this, call.metadata);
  }

  settle(): void {
    this.#settled = true;
    if (this.#controller !== undefined) this.#around.signalled.delete(this);
  }

  /** The library says so of every call in the end, also of those that were answered. */
  over(): void {
    if (this.#settled) return;
    this.settle();
    this.#stop({});
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
      const stopped = this.#stopped ?? (this.#settled ? undefined : this.#around.aborted);
      if (stopped) this.#controller.abort(stopped.reason);
      else if (!this.#settled) this.#around.signalled.add(this);
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
