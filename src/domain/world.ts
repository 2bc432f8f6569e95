import {
  type Activations,
  activationSubject,
  decideActivation,
  evolveActivations,
  noActivations,
} from './activations.ts';
import {
  type Containers,
  containerSubject,
  decideContainer,
  evolveContainers,
  findContainer,
  noContainers,
} from './containers.ts';
import { type Content, contentSubject, decideContent, evolveContent, noContent } from './content.ts';
import { hostSubject, type Subject } from './envelope.ts';
import type { Fact } from './event.ts';
import { decideHost, evolveHost, type Host, noHost } from './host.ts';
import { type Position, position } from './identity.ts';
import { decideImage, evolveImages, type Images, imageSubject, noImages } from './images.ts';
import { decideKeeping, evolveKeeping, type Keeping, nothingKept, settleRedactions } from './keeping.ts';
import {
  type Command,
  type Commands,
  commandKinds,
  type DomainEvent,
  type Events,
  eventKinds,
  type Kind,
} from './kinds.ts';
import { decideLease, evolveLeases, type Leases, leaseSubject, noLeases } from './leases.ts';
import {
  decideNamespace,
  evolveNamespaces,
  type Namespaces,
  namespaceSubject,
  noNamespaces,
} from './namespaces.ts';
import { PersistentMap } from './persistent-map.ts';
import type { Rejection } from './rejection.ts';
import { decideSandbox, evolveSandboxes, noSandboxes, type Sandboxes, sandboxSubject } from './sandboxes.ts';
import { decideSigning, evolveSigning, noSigning, type Signing, signingSubject } from './signing.ts';
import {
  decideSnapshot,
  evolveSnapshots,
  noSnapshots,
  type Snapshots,
  snapshotSubject,
} from './snapshots.ts';
import { decideTask } from './task-decisions.ts';
import { evolveTasks, findTask, forgetTask, noTasks, presenceOf, type Tasks } from './tasks.ts';
import {
  decideTransfer,
  evolveTransfers,
  noTransfers,
  type Transfers,
  transferSubject,
} from './transfers.ts';

export {
  type Command,
  commandTables,
  type DomainEvent,
  definitionOf,
  eventTables,
  type Kind,
} from './kinds.ts';

/** The state that decisions are made on: the fold of the log up to a position. */
export interface World {
  /** Number of events folded: the version of the world. */
  readonly position: Position;
  readonly host: Host;
  readonly namespace: Namespaces;
  readonly content: Content;
  readonly image: Images;
  readonly snapshot: Snapshots;
  readonly lease: Leases;
  readonly container: Containers;
  readonly task: Tasks;
  readonly transfer: Transfers;
  readonly sandbox: Sandboxes;
  readonly activation: Activations;
  readonly keeping: Keeping;
  readonly signing: Signing;
  /** How many images, containers, sandboxes, snapshots, activations, leases and blobs live in each namespace. */
  readonly population: PersistentMap<number>;
}

export const emptyWorld: World = {
  position: position(0n),
  host: noHost,
  namespace: noNamespaces,
  content: noContent,
  image: noImages,
  snapshot: noSnapshots,
  lease: noLeases,
  container: noContainers,
  task: noTasks,
  transfer: noTransfers,
  sandbox: noSandboxes,
  activation: noActivations,
  keeping: nothingKept,
  signing: noSigning,
  population: PersistentMap.empty(),
};

// An event or command beside its kind, so that the compiler sees that table row and argument belong together.
type Kinded<T extends Record<Kind, unknown>, K extends Kind = Kind> = {
  [P in K]: { readonly kind: P; readonly item: T[P] };
}[K];
type Facts = { readonly [K in Kind]: Fact<Events[K]> };

const kinded = <T extends Record<Kind, unknown>>(
  table: Map<string, Kind>,
  item: T[Kind] & { type: string },
) => {
  const kind = table.get(item.type);
  if (kind === undefined) throw new TypeError(`'${item.type}' is no kind of event or command that is known`);
  return { kind, item } as Kinded<T>;
};

type Subjects = { readonly [K in Kind]: (event: Events[K]) => Subject };
const subjects: Subjects = {
  host: () => hostSubject,
  namespace: ({ data }) => namespaceSubject(data.namespace),
  content: contentSubject,
  image: ({ data }) => imageSubject(data.namespace, data.name),
  snapshot: ({ data }) => snapshotSubject(data),
  lease: ({ data }) => leaseSubject(data.namespace, data.id),
  container: ({ data }) => containerSubject(data.namespace, data.id),
  task: ({ data }) => containerSubject(data.namespace, data.id),
  transfer: ({ data }) => transferSubject(data.namespace, data.id),
  sandbox: ({ data }) => sandboxSubject(data.namespace, data.id),
  activation: ({ data }) => activationSubject(data.namespace, data.name),
  keeping: () => hostSubject,
  signing: signingSubject,
};
const subjectIn = <K extends Kind>({ kind, item }: Kinded<Events, K>): Subject => subjects[kind](item);

/** The thing that an event is about. */
export const subjectOf = (event: DomainEvent): Subject => subjectIn(kinded<Events>(eventKinds, event));

/** A world in the making, which nobody else has yet. */
export type WorldDraft = { -readonly [K in keyof World]: World[K] };
type Evolvers = { readonly [K in Kind]: (draft: WorldDraft, event: Facts[K]) => void };
const evolvers: Evolvers = {
  host: (draft, event) => {
    draft.host = evolveHost(draft.host, event);
    if (event.type === 'daemon-started') draft.keeping = settleRedactions(draft.keeping);
  },
  namespace: (draft, event) => {
    draft.namespace = evolveNamespaces(draft.namespace, event);
  },
  content: (draft, event) => {
    draft.content = evolveContent(draft.content, event);
  },
  image: (draft, event) => {
    draft.image = evolveImages(draft.image, event);
  },
  snapshot: (draft, event) => {
    draft.snapshot = evolveSnapshots(draft.snapshot, event);
  },
  lease: (draft, event) => {
    draft.lease = evolveLeases(draft.lease, event);
  },
  container: (draft, event) => {
    draft.container = evolveContainers(draft.container, event);
    if (event.type === 'container-removed') draft.task = forgetTask(draft.task, event.data);
  },
  task: (draft, event) => {
    draft.task = evolveTasks(draft.task, event);
  },
  transfer: (draft, event) => {
    draft.transfer = evolveTransfers(draft.transfer, event);
  },
  sandbox: (draft, event) => {
    draft.sandbox = evolveSandboxes(draft.sandbox, event);
  },
  activation: (draft, event) => {
    draft.activation = evolveActivations(draft.activation, event);
  },
  keeping: (draft, event) => {
    draft.keeping = evolveKeeping(draft.keeping, event);
  },
  signing: (draft, event) => {
    draft.signing = evolveSigning(draft.signing, event);
  },
};
const evolveIn = <K extends Kind>(draft: WorldDraft, { kind, item }: Kinded<Facts, K>): void =>
  evolvers[kind](draft, item);

const inhabitants = (world: World): number =>
  world.content.blobs.size +
  world.image.size +
  world.snapshot.size +
  world.lease.size +
  world.sandbox.records.size +
  world.activation.size +
  world.container.byId.size;

/** Takes an event into a world that its caller alone has; the event's position must be the world's. */
export const evolveDraft = (draft: WorldDraft, event: Fact<DomainEvent>): void => {
  const before = inhabitants(draft);
  evolveIn(draft, kinded<Facts>(eventKinds, event));
  draft.position = position(event.position + 1n);
  const grown = inhabitants(draft) - before;
  if (grown === 0 || !('namespace' in event.data)) return;
  const { namespace } = event.data;
  const { population } = draft;
  const count = (population.get(namespace) ?? 0) + grown;
  draft.population = count === 0 ? population.delete(namespace) : population.set(namespace, count);
};

/** The world after an event; the event's position must be the world's. */
export const evolve = (world: World, event: Fact<DomainEvent>): World => {
  const draft: WorldDraft = { ...world };
  evolveDraft(draft, event);
  return draft;
};

type Decision = readonly DomainEvent[] | Rejection;
type Deciders = { readonly [K in Kind]: (command: Commands[K], world: World) => Decision };
const deciders: Deciders = {
  host: (command, world) => decideHost(command, world.host),
  namespace: (command, world) =>
    decideNamespace(command, world.namespace, world.population.get(command.namespace) ?? 0),
  content: (command, world) => decideContent(command, world.content, world.lease),
  image: (command, world) => decideImage(command, world.image),
  snapshot: (command, world) => decideSnapshot(command, world.snapshot, world.lease),
  lease: (command, world) => decideLease(command, world.lease),
  container: (command, world) =>
    decideContainer(
      command,
      world.container,
      presenceOf(findTask(world.task, command.namespace, command.id)),
    ),
  task: (command, world) =>
    decideTask(
      command,
      world.task,
      findContainer(world.container, command.namespace, command.id) !== undefined,
    ),
  transfer: (command, world) => decideTransfer(command, world.transfer),
  sandbox: (command, world) => decideSandbox(command, world.sandbox),
  activation: (command, world) => decideActivation(command, world.activation, world.lease),
  keeping: (command, world) => decideKeeping(command, world.keeping, world.position),
  signing: (command, world) => decideSigning(command, world.signing),
};
const decideIn = <K extends Kind>({ kind, item }: Kinded<Commands, K>, world: World): Decision =>
  deciders[kind](item, world);

/** What follows from a command in a world: events, none where nothing is to change, or a refusal. */
export const decide = (command: Command, world: World): Decision =>
  decideIn(kinded<Commands>(commandKinds, command), world);
