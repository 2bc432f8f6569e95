import { Subject as Feed } from 'rxjs';
import type { Recorded, Subject } from '../../domain/envelope.ts';
import type { Fact } from '../../domain/event.ts';
import type { Position } from '../../domain/identity.ts';
import { namespaceOf } from '../../domain/log-query.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { DomainEvent } from '../../domain/world.ts';
import { announcementOf } from '../../projections/announcements.ts';
import { type ContainerMemory, noMemory, remember } from '../../projections/container-memory.ts';
import { containerdFilter, type FieldOf, labelField } from '../../projections/containerd-filters.ts';
import { follow } from '../api/follow.ts';
import { factOf } from '../facts.ts';
import type { Log } from '../ports/log.ts';
import type { ContainerdEvent, EventService, PublishedEvent } from '../ports/store/events.ts';
import type { StoreParts } from './parts.ts';

/** Published events that wait for one subscriber. */
const waitingEvents = 10_000;

const topicForm = /^(?:\/[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*)+$/;

export const eventService = ({ ports, interruption, stopping }: StoreParts): EventService => {
  const { clock, log } = ports;
  const published = new Feed<PublishedEvent>();
  // A client that comes back after a restart asks for what happens from now on. What ended meanwhile was found before
  // anybody could ask, and shims would have told containerd's clients of it late rather than never.
  const beginning = (): Position =>
    interruption !== undefined && clock.now().mono < interruption.until ? interruption.from : log.durable;
  return {
    publish: ({ at = clock.now().wall, ...event }) => {
      if (topicForm.test(event.topic)) return published.next({ ...event, at });
      throw new Rejection(
        'invalid-argument',
        `envelope topic ${JSON.stringify(event.topic)}: must begin with '/', and its parts be letters and digits joined by single '.', '_' or '-': invalid argument`,
      );
    },
    subscribe: (filters, from = beginning(), signal) => {
      const matches = containerdFilter(filters);
      if (from > log.durable) {
        throw new Rejection(
          'invalid-argument',
          `position ${from} is not there yet; the log's next one is ${log.durable}`,
        );
      }
      const wanted = (event: ContainerdEvent): boolean => matches(fieldsOf(event));
      return told(log, from, published, wanted, { gone: signal, stopping });
    },
  };
};

/** Events of the log and published ones, each as it comes. */
async function* told(
  log: Log,
  from: Position,
  published: Feed<PublishedEvent>,
  wanted: (event: ContainerdEvent) => boolean,
  { gone, stopping }: { readonly gone: AbortSignal; readonly stopping: AbortSignal | undefined },
): AsyncGenerator<ContainerdEvent> {
  const over = new AbortController();
  const recorded = follow(log, from, AbortSignal.any([gone, over.signal]));
  const memories = new Memories(log);
  const waiting: ContainerdEvent[] = [];
  let batch: IteratorResult<readonly Recorded[]> | undefined;
  let failure: { readonly error: unknown } | undefined;
  let wake = (): void => undefined;
  const fail = (error: unknown): void => {
    failure = { error };
    wake();
  };
  const stop = (): void => fail(stopping?.reason);
  const pull = (): void => {
    recorded.next().then((next) => {
      batch = next;
      wake();
    }, fail);
  };
  const listening = published.subscribe((event) => {
    if (!wanted(event)) return;
    if (waiting.length < waitingEvents) waiting.push(event);
    else fail(tooSlow());
    wake();
  });
  stopping?.addEventListener('abort', stop, { once: true });
  if (stopping?.aborted) stop();
  try {
    for (pull(); ; ) {
      if (failure) throw failure.error;
      const event = waiting.shift();
      if (event !== undefined) yield event;
      else if (batch?.done) return;
      else if (batch !== undefined) {
        const { value } = batch;
        batch = undefined;
        for (const one of value) {
          const announced = await announcedBy(factOf(one), memories);
          if (announced !== undefined && wanted(announced)) yield announced;
        }
        pull();
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    stopping?.removeEventListener('abort', stop);
    listening.unsubscribe();
    over.abort();
  }
}

const tooSlow = (): Rejection =>
  new Rejection(
    'resource-exhausted',
    `${waitingEvents} published events wait for this subscriber; take them faster, or subscribe to fewer topics`,
  );

const announcedBy = async (
  fact: Fact<DomainEvent>,
  memories: Memories,
): Promise<ContainerdEvent | undefined> => {
  const announcement = announcementOf(fact, await memories.upTo(fact));
  const namespace = namespaceOf(fact.subject);
  if (announcement === undefined || namespace === undefined) return undefined;
  return { namespace, at: fact.meta.time.wall, position: fact.position, ...announcement };
};

/** What a subscriber must know of containers and sandboxes; those that were there before it came are looked up when they are told of. */
class Memories {
  readonly #log: Log;
  readonly #known = new Map<Subject, ContainerMemory>();

  constructor(log: Log) {
    this.#log = log;
  }

  async upTo(fact: Fact<DomainEvent>): Promise<ContainerMemory> {
    const { subject, position } = fact;
    if (!/^(?:container|sandbox)\//.test(subject)) return noMemory;
    const memory = remember(this.#known.get(subject) ?? (await this.#before(subject, position)), fact);
    if (lastOnes.has(fact.type)) this.#known.delete(subject);
    else this.#known.set(subject, memory);
    return memory;
  }

  async #before(subject: Subject, to: Position): Promise<ContainerMemory> {
    let memory = noMemory;
    for await (const batch of this.#log.read({ to, where: { subjects: [subject] } })) {
      memory = batch.map(factOf).reduce(remember, memory);
    }
    return memory;
  }
}

/** After these nothing of a subject is to be remembered. */
const lastOnes: ReadonlySet<string> = new Set(['container-removed', 'sandbox-shut-down', 'sandbox-lost']);

const fieldsOf =
  (event: ContainerdEvent): FieldOf =>
  ([field, ...path]) => {
    if (field === 'namespace') return event.namespace;
    if (field === 'topic') return event.topic;
    if (field !== 'event' || !('event' in event)) return undefined;
    if (path[0] === 'labels' && 'labels' in event.event) return labelField(event.event.labels, path);
    return fieldAt(event.event, path);
  };

/** A text in an event, by containerd's names of fields, such as `container_id` or `labels.team`. */
const fieldAt = (value: unknown, [part, ...rest]: readonly string[]): string | undefined => {
  if (part === undefined) return typeof value === 'string' && value !== '' ? value : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  const name = part.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.hasOwn(value, name) ? fieldAt(Reflect.get(value, name), rest) : undefined;
};
