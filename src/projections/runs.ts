import type { Fact } from '../domain/event.ts';
import type { Digest, ImageName, Namespace, Timestamp } from '../domain/identity.ts';
import type { DomainEvent } from '../domain/world.ts';
import { fullName, startsDigest } from './images.ts';

/** What a container was made of and when it ran; kept when it is gone. */
export interface Run {
  readonly namespace: Namespace;
  readonly id: string;
  readonly name: string;
  readonly image: { readonly name: ImageName; readonly digest: Digest };
  readonly createdAt: Timestamp;
  /** Absent where it never started. */
  readonly firstStartedAt?: Timestamp;
  /** When its last process ended; absent where it never started, or still runs. */
  readonly lastEndedAt?: Timestamp;
  readonly running: boolean;
  /** Absent while the container is there. */
  readonly removedAt?: Timestamp;
}

/** How the types of events begin that runs are made of. */
export const runTypes = ['container-created', 'container-removed', 'task-'] as const;

/** Containers of an image, by `namespace/id`; of a container that has no image nothing is known. */
export type Runs = Map<string, Run>;

/** Changes `runs` after one more event of a host. @param wanted which containers are to be kept */
export const addToRuns = (runs: Runs, event: Fact<DomainEvent>, wanted: (run: Run) => boolean): void => {
  if (event.type === 'container-created') {
    const run = runOf(event);
    if (run !== undefined && wanted(run)) runs.set(`${run.namespace}/${run.id}`, run);
    return;
  }
  if (!('id' in event.data) || !('namespace' in event.data)) return;
  const key = `${event.data.namespace}/${event.data.id}`;
  const run = runs.get(key);
  if (run !== undefined) runs.set(key, after(run, event));
};

const runOf = ({
  data,
  meta,
}: Fact<Extract<DomainEvent, { type: 'container-created' }>>): Run | undefined => {
  const { namespace, id, name, image } = data;
  if (image === undefined) return undefined;
  return { namespace, id, name, image, createdAt: meta.time.wall, running: false };
};

const after = (run: Run, { type, meta }: Fact<DomainEvent>): Run => {
  const at = meta.time.wall;
  switch (type) {
    case 'task-started': {
      const { lastEndedAt: _, ...rest } = run;
      return { ...rest, firstStartedAt: run.firstStartedAt ?? at, running: true };
    }
    case 'task-exited':
    case 'task-lost':
      return { ...run, running: false, lastEndedAt: at };
    case 'container-removed':
      return { ...run, removedAt: at };
    default:
      return run;
  }
};

/** Whether a container is meant by a digest or its start, an image's name, its own name, or the start of its id. */
export const isRunOf = (thing: string): ((run: Run) => boolean) => {
  const image = fullName(thing);
  const long = thing.length >= 4;
  return ({ image: { name, digest }, id, name: own }) =>
    digest === thing ||
    name === thing ||
    name === image ||
    own === thing ||
    (long && (id.startsWith(thing) || startsDigest(thing, digest)));
};
