import {
  type ContainerCommand,
  type ContainerEvent,
  type Containers,
  containerCommands,
  containerEvents,
  containerSubject,
  decideContainer,
  evolveContainers,
  findContainer,
  noContainers,
} from './containers.ts';
import type { ContentCommand } from './content.ts';
import {
  type Content,
  type ContentEvent,
  contentCommands,
  contentEvents,
  contentSubject,
  decideContent,
  evolveContent,
  noContent,
} from './content.ts';
import { hostSubject, type Subject } from './envelope.ts';
import type { EventDefinition, Fact } from './event.ts';
import {
  decideHost,
  evolveHost,
  type Host,
  type HostCommand,
  type HostEvent,
  hostCommands,
  hostEvents,
  noHost,
} from './host.ts';
import { type Position, position } from './identity.ts';
import {
  decideImage,
  evolveImages,
  type ImageCommand,
  type ImageEvent,
  type Images,
  imageCommands,
  imageEvents,
  imageSubject,
  noImages,
} from './images.ts';
import {
  decideKeeping,
  evolveKeeping,
  type Keeping,
  type KeepingCommand,
  type KeepingEvent,
  keepingCommands,
  keepingEvents,
  nothingKept,
  settleRedactions,
} from './keeping.ts';
import {
  decideLease,
  evolveLeases,
  type LeaseCommand,
  type LeaseEvent,
  type Leases,
  leaseCommands,
  leaseEvents,
  leaseSubject,
  noLeases,
} from './leases.ts';
import {
  decideNamespace,
  evolveNamespaces,
  type NamespaceCommand,
  type NamespaceEvent,
  type Namespaces,
  namespaceCommands,
  namespaceEvents,
  namespaceSubject,
  noNamespaces,
} from './namespaces.ts';
import { PersistentMap } from './persistent-map.ts';
import type { Rejection } from './rejection.ts';
import {
  decideSigning,
  evolveSigning,
  noSigning,
  type Signing,
  type SigningCommand,
  type SigningEvent,
  signingCommands,
  signingEvents,
  signingSubject,
} from './signing.ts';
import {
  decideSnapshot,
  evolveSnapshots,
  noSnapshots,
  type SnapshotCommand,
  type SnapshotEvent,
  type Snapshots,
  snapshotCommands,
  snapshotEvents,
  snapshotSubject,
} from './snapshots.ts';
import { decideTask, type TaskCommand, taskCommands } from './task-decisions.ts';
import { type TaskEvent, taskEvents } from './task-events.ts';
import { evolveTasks, findTask, forgetTask, noTasks, presenceOf, type Tasks } from './tasks.ts';
import {
  decideTransfer,
  evolveTransfers,
  noTransfers,
  type TransferCommand,
  type TransferEvent,
  type Transfers,
  transferCommands,
  transferEvents,
  transferSubject,
} from './transfers.ts';

/** Every kind of event there is, by kind of thing. */
export const eventTables = {
  host: hostEvents,
  namespace: namespaceEvents,
  content: contentEvents,
  image: imageEvents,
  snapshot: snapshotEvents,
  lease: leaseEvents,
  container: containerEvents,
  task: taskEvents,
  transfer: transferEvents,
  keeping: keepingEvents,
  signing: signingEvents,
} as const;

/** Every kind of command there is, by kind of thing. */
export const commandTables = {
  host: hostCommands,
  namespace: namespaceCommands,
  content: contentCommands,
  image: imageCommands,
  snapshot: snapshotCommands,
  lease: leaseCommands,
  container: containerCommands,
  task: taskCommands,
  transfer: transferCommands,
  keeping: keepingCommands,
  signing: signingCommands,
} as const;

export type Kind = keyof typeof eventTables;

/** Events and commands by kind. */
interface Events {
  readonly host: HostEvent;
  readonly namespace: NamespaceEvent;
  readonly content: ContentEvent;
  readonly image: ImageEvent;
  readonly snapshot: SnapshotEvent;
  readonly lease: LeaseEvent;
  readonly container: ContainerEvent;
  readonly task: TaskEvent;
  readonly transfer: TransferEvent;
  readonly keeping: KeepingEvent;
  readonly signing: SigningEvent;
}
interface Commands {
  readonly host: HostCommand;
  readonly namespace: NamespaceCommand;
  readonly content: ContentCommand;
  readonly image: ImageCommand;
  readonly snapshot: SnapshotCommand;
  readonly lease: LeaseCommand;
  readonly container: ContainerCommand;
  readonly task: TaskCommand;
  readonly transfer: TransferCommand;
  readonly keeping: KeepingCommand;
  readonly signing: SigningCommand;
}
export type DomainEvent = Events[Kind];
export type Command = Commands[Kind];

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
  readonly keeping: Keeping;
  readonly signing: Signing;
  /** How many images, containers, snapshots, leases and blobs live in each namespace. */
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
  keeping: nothingKept,
  signing: noSigning,
  population: PersistentMap.empty(),
};

const kinds = Object.keys(eventTables) as Kind[];
const eventKinds = new Map<string, Kind>(
  kinds.flatMap((kind) => Object.keys(eventTables[kind]).map((type) => [type, kind] as const)),
);
const commandKinds = new Map<string, Kind>(
  kinds.flatMap((kind) => Object.keys(commandTables[kind]).map((type) => [type, kind] as const)),
);

/** The definition of an event's type, or undefined for a type that this version does not know. */
export const definitionOf = (type: string): EventDefinition | undefined => {
  const kind = eventKinds.get(type);
  return kind === undefined
    ? undefined
    : (eventTables[kind] as Readonly<Record<string, EventDefinition>>)[type];
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
  keeping: () => hostSubject,
  signing: signingSubject,
};
const subjectIn = <K extends Kind>({ kind, item }: Kinded<Events, K>): Subject => subjects[kind](item);

/** The thing that an event is about. */
export const subjectOf = (event: DomainEvent): Subject => subjectIn(kinded<Events>(eventKinds, event));

/** A world in the making, which nobody else has yet: one copy for each event, since a replay makes millions. */
type Draft = { -readonly [K in keyof World]: World[K] };
type Evolvers = { readonly [K in Kind]: (draft: Draft, event: Facts[K]) => void };
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
  keeping: (draft, event) => {
    draft.keeping = evolveKeeping(draft.keeping, event);
  },
  signing: (draft, event) => {
    draft.signing = evolveSigning(draft.signing, event);
  },
};
const evolveIn = <K extends Kind>(draft: Draft, { kind, item }: Kinded<Facts, K>): void =>
  evolvers[kind](draft, item);

const inhabitants = (world: World): number =>
  world.content.blobs.size +
  world.image.size +
  world.snapshot.size +
  world.lease.size +
  world.container.byId.size;

/** The world after an event; the event's position must be the world's. */
export const evolve = (world: World, event: Fact<DomainEvent>): World => {
  const draft: Draft = { ...world, position: position(event.position + 1n) };
  evolveIn(draft, kinded<Facts>(eventKinds, event));
  const grown = inhabitants(draft) - inhabitants(world);
  if (grown === 0 || !('namespace' in event.data)) return draft;
  const { namespace } = event.data;
  const count = (world.population.get(namespace) ?? 0) + grown;
  draft.population =
    count === 0 ? world.population.delete(namespace) : world.population.set(namespace, count);
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
  keeping: (command, world) => decideKeeping(command, world.keeping, world.position),
  signing: (command, world) => decideSigning(command, world.signing),
};
const decideIn = <K extends Kind>({ kind, item }: Kinded<Commands, K>, world: World): Decision =>
  deciders[kind](item, world);

/** What follows from a command in a world: events, none where nothing is to change, or a refusal. */
export const decide = (command: Command, world: World): Decision =>
  decideIn(kinded<Commands>(commandKinds, command), world);
