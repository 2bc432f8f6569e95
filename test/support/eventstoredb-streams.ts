/** An event as the server holds it. */
export interface HeldEvent {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
  /** 100 ns since the Unix epoch. */
  readonly created: bigint;
}

/** An event with its place. */
export interface Placed {
  readonly stream: string;
  readonly revision: number;
  readonly held: HeldEvent;
}

/** What an append must find: a last revision, or no stream. */
export type Expected = bigint | 'no-stream' | 'any' | 'exists';

export type AppendAnswer =
  | { readonly kind: 'stored'; readonly last: bigint }
  | { readonly kind: 'conflict'; readonly last: bigint | undefined };

/**
 * Streams in memory, shared by the nodes of one cluster. They answer as EventStoreDB does: a repeated append whose ids
 * stand where it expects them is told that it is stored, any other with a wrong revision that it is wrong.
 */
export class HeldStreams {
  readonly #streams = new Map<string, HeldEvent[]>();
  readonly #all: Placed[] = [];
  readonly #watchers = new Set<(stream: string) => void>();
  /** Appends that added events. */
  stored = 0;
  /** Answers a repeated append with a conflict, as a server may that has forgotten the ids. */
  forgetful = false;

  events(stream: string): readonly HeldEvent[] {
    return this.#streams.get(stream) ?? [];
  }

  /** Everything, in the order in which it was stored: `$all`. */
  get all(): readonly Placed[] {
    return this.#all;
  }

  append(stream: string, expected: Expected, events: readonly HeldEvent[]): AppendAnswer {
    const held = this.#streams.get(stream) ?? [];
    const last = held.length === 0 ? undefined : BigInt(held.length - 1);
    const anywhere = expected === 'any' || (expected === 'exists' && last !== undefined);
    const there = expected === 'no-stream' ? last === undefined : expected === last;
    if (!anywhere && !there) {
      const begin = typeof expected === 'bigint' ? Number(expected) + 1 : 0;
      const known = !this.forgetful && events.every(({ id }, index) => held[begin + index]?.id === id);
      return known ? { kind: 'stored', last: BigInt(begin + events.length - 1) } : { kind: 'conflict', last };
    }
    this.#streams.set(stream, held);
    for (const event of events) {
      this.#all.push({ stream, revision: held.length, held: event });
      held.push(event);
    }
    this.stored += 1;
    for (const watcher of this.#watchers) watcher(stream);
    return { kind: 'stored', last: BigInt(held.length - 1) };
  }

  /** As if the database had been restored from an old copy. */
  truncate(stream: string, length: number): void {
    this.#streams.get(stream)?.splice(length);
    const gone = this.#all.filter((one) => one.stream === stream && one.revision >= length);
    for (const one of gone) this.#all.splice(this.#all.indexOf(one), 1);
  }

  /** @returns what ends it */
  watch(watcher: (stream: string) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}
