import {
  type ActivationCommand,
  type ActivationEvent,
  activationCommands,
  activationEvents,
} from './activations.ts';
import {
  type ContainerCommand,
  type ContainerEvent,
  containerCommands,
  containerEvents,
} from './containers.ts';
import type { ContentCommand } from './content.ts';
import { type ContentEvent, contentCommands, contentEvents } from './content.ts';
import type { EventDefinition } from './event.ts';
import { type HostCommand, type HostEvent, hostCommands, hostEvents } from './host.ts';
import { type ImageCommand, type ImageEvent, imageCommands, imageEvents } from './images.ts';
import { type KeepingCommand, type KeepingEvent, keepingCommands, keepingEvents } from './keeping.ts';
import { type LeaseCommand, type LeaseEvent, leaseCommands, leaseEvents } from './leases.ts';
import {
  type NamespaceCommand,
  type NamespaceEvent,
  namespaceCommands,
  namespaceEvents,
} from './namespaces.ts';
import { type SandboxCommand, type SandboxEvent, sandboxCommands, sandboxEvents } from './sandboxes.ts';
import { type SigningCommand, type SigningEvent, signingCommands, signingEvents } from './signing.ts';
import { type SnapshotCommand, type SnapshotEvent, snapshotCommands, snapshotEvents } from './snapshots.ts';
import { type TaskCommand, taskCommands } from './task-decisions.ts';
import { type TaskEvent, taskEvents } from './task-events.ts';
import { type TransferCommand, type TransferEvent, transferCommands, transferEvents } from './transfers.ts';

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
  sandbox: sandboxEvents,
  activation: activationEvents,
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
  sandbox: sandboxCommands,
  activation: activationCommands,
  keeping: keepingCommands,
  signing: signingCommands,
} as const;

export type Kind = keyof typeof eventTables;

/** Events and commands by kind. */
export interface Events {
  readonly host: HostEvent;
  readonly namespace: NamespaceEvent;
  readonly content: ContentEvent;
  readonly image: ImageEvent;
  readonly snapshot: SnapshotEvent;
  readonly lease: LeaseEvent;
  readonly container: ContainerEvent;
  readonly task: TaskEvent;
  readonly transfer: TransferEvent;
  readonly sandbox: SandboxEvent;
  readonly activation: ActivationEvent;
  readonly keeping: KeepingEvent;
  readonly signing: SigningEvent;
}
export interface Commands {
  readonly host: HostCommand;
  readonly namespace: NamespaceCommand;
  readonly content: ContentCommand;
  readonly image: ImageCommand;
  readonly snapshot: SnapshotCommand;
  readonly lease: LeaseCommand;
  readonly container: ContainerCommand;
  readonly task: TaskCommand;
  readonly transfer: TransferCommand;
  readonly sandbox: SandboxCommand;
  readonly activation: ActivationCommand;
  readonly keeping: KeepingCommand;
  readonly signing: SigningCommand;
}
export type DomainEvent = Events[Kind];
export type Command = Commands[Kind];

const kinds = Object.keys(eventTables) as Kind[];
export const eventKinds = new Map<string, Kind>(
  kinds.flatMap((kind) => Object.keys(eventTables[kind]).map((type) => [type, kind] as const)),
);
export const commandKinds = new Map<string, Kind>(
  kinds.flatMap((kind) => Object.keys(commandTables[kind]).map((type) => [type, kind] as const)),
);

/** The definition of an event's type, or undefined for a type that this version does not know. */
export const definitionOf = (type: string): EventDefinition | undefined => {
  const kind = eventKinds.get(type);
  return kind === undefined
    ? undefined
    : (eventTables[kind] as Readonly<Record<string, EventDefinition>>)[type];
};
