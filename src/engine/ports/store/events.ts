import type { Namespace, Position, Timestamp } from '../../../domain/identity.ts';
import type { Announcement } from '../../../projections/announcements.ts';

export type { Announced, Announcement } from '../../../projections/announcements.ts';

/** A value of protobuf's Any, untouched. */
export interface PackedEvent {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** What a client published: only clients know what it means. */
export interface PublishedEvent {
  readonly namespace: Namespace;
  readonly topic: string;
  /** When it happened, as whoever forwards it says. */
  readonly at: Timestamp;
  readonly packed: PackedEvent;
}

export type ContainerdEvent =
  | PublishedEvent
  | ({
      readonly namespace: Namespace;
      readonly at: Timestamp;
      /** In the log. */
      readonly position: Position;
    } & Announcement);

/**
 * containerd's events. Those of our own are told from the log, each once it is durable, in order, without gap; those that
 * clients publish are passed on to whoever listens at that moment, and kept nowhere.
 */
export interface EventService {
  /**
   * Passes an event on.
   * @param at now, where absent
   * @throws Rejection `invalid-argument` for a topic that is none
   */
  publish(event: Omit<PublishedEvent, 'at'> & { readonly at?: Timestamp }): void;
  /**
   * Events of all namespaces, from now on, until the signal. In the first seconds after a restart of the daemon, from that
   * restart on: whoever listened before comes back then.
   * @param filters in containerd's language over `namespace`, `topic` and `event.FIELD`; any of them is enough
   * @param from tell those of the log from this position on first, as they were; each of them once
   * @throws Rejection `invalid-argument` for a filter that can't be read or a position that is not there yet,
   *   `failed-precondition` for one that was pruned, `resource-exhausted` where published events pile up faster than they
   *   are taken
   */
  subscribe(
    filters: readonly string[],
    from: Position | undefined,
    signal: AbortSignal,
  ): AsyncIterable<ContainerdEvent>;
}
