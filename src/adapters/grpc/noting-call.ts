import { type Metadata, ServerInterceptingCall } from '@grpc/grpc-js';
import { leastAheadBytes } from './limits.ts';
import type { Peer } from './peer.ts';

export type NextCall = ConstructorParameters<typeof ServerInterceptingCall>[0];
type Listener = Parameters<NextCall['start']>[0];

/**
 * One call on its way between grpc-js's transport and its handlers. It is noted by the headers that came in, says who calls
 * and when nobody waits any more, and lets answers be sent ahead. All else goes straight through: what the library builds for
 * interceptors takes its time with each message.
 *
 * Left alone, grpc-js hands the next answer of a stream over when the kernel has taken the last: a turn of the event loop
 * and a write to the socket for each. Here an answer counts as sent while few bytes are before it, so that HTTP/2 gathers
 * them into one write. One that is larger than all that may be ahead is told of when it has gone, as the library would.
 */
export class NotingCall extends ServerInterceptingCall {
  readonly peer: Peer;
  /** Is told once, when the call is over: the client has gone, or has all of the answer. */
  waiting: { over(): void } | undefined;
  readonly #next: NextCall;
  readonly #note: (metadata: Metadata, call: NotingCall) => void;
  readonly #most: number;
  /** Of answers that count as sent and have not gone, in bytes. */
  #ahead = 0;
  /** Of the answer that waits for room. */
  #held: (() => void) | undefined;

  /** @param most bytes that may be ahead; no more than the library sends in one message, which it refuses otherwise */
  constructor(
    next: NextCall,
    peer: Peer,
    note: (metadata: Metadata, call: NotingCall) => void,
    most: number,
  ) {
    super(next);
    this.peer = peer;
    this.#next = next;
    this.#note = note;
    this.#most = most;
  }

  override start(listener: Listener): void {
    this.#next.start({
      onReceiveMetadata: (metadata) => {
        this.#note(metadata, this);
        listener.onReceiveMetadata(metadata);
      },
      onReceiveMessage: (message) => listener.onReceiveMessage(message),
      onReceiveHalfClose: () => listener.onReceiveHalfClose(),
      onCancel: () => {
        this.waiting?.over();
        listener.onCancel();
      },
    });
  }

  override sendMetadata(metadata: Metadata): void {
    this.#next.sendMetadata(metadata);
  }

  /** @param message its bytes: the methods are registered with serializers that leave it as it is */
  override sendMessage(message: Buffer, sent: () => void): void {
    const bytes = Math.max(message.length, leastAheadBytes);
    if (bytes > this.#most) {
      this.#next.sendMessage(message, sent);
      return;
    }
    this.#ahead += bytes;
    this.#next.sendMessage(message, () => this.#gone(bytes));
    if (this.#ahead <= this.#most) sent();
    else this.#held = sent;
  }

  #gone(bytes: number): void {
    this.#ahead -= bytes;
    if (this.#ahead > this.#most) return;
    const sent = this.#held;
    this.#held = undefined;
    sent?.();
  }

  override sendStatus(status: Parameters<NextCall['sendStatus']>[0]): void {
    this.#next.sendStatus(status);
  }
}
