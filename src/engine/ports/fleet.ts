import type { Recorded } from '../../domain/envelope.ts';
import type { Namespace } from '../../domain/identity.ts';
import type { Run } from '../../projections/runs.ts';
import type { ContainerView, ToldEvent } from './api.ts';

/** An event of one of many hosts. */
export interface HostEvent {
  readonly host: string;
  readonly event: Recorded;
}

export interface FleetSelection {
  /** Ids of hosts; all that have a log there when empty. */
  readonly hosts: readonly string[];
  /** How the types of events begin; all types when absent. */
  readonly types?: readonly string[];
}

/** Where the logs of many hosts are together. Driven. */
export interface FleetLogs {
  /** What is there: each host's events in its own order, hosts mixed as they came. @throws Rejection */
  read(selection: FleetSelection): AsyncIterable<HostEvent>;
  /** What is there, then what comes, until the signal. @throws Rejection where trying again makes no sense */
  follow(selection: FleetSelection, signal: AbortSignal): AsyncIterable<HostEvent>;
  close(): Promise<void>;
}

/** A container somewhere. */
export interface FleetContainer {
  readonly host: string;
  readonly view: ContainerView;
}

/** One container that ran an image. */
export interface FleetRun extends Run {
  readonly host: string;
}

export interface FleetToldEvent {
  readonly host: string;
  readonly event: ToldEvent;
}

/** What the logs of all hosts tell together. Driving. Hosts are ids; none means all. */
export interface Fleet {
  /** Containers as the logs have them now. @throws Rejection `invalid-argument` for a filter that makes no sense */
  ps(query: {
    hosts: readonly string[];
    namespace?: Namespace;
    all: boolean;
    filters: readonly string[];
  }): Promise<readonly FleetContainer[]>;
  /**
   * Which hosts ever made a container of this, in any namespace, oldest first.
   * @param query.thing a digest or the start of one, an image's name, a container's name or the start of its id
   */
  history(query: { hosts: readonly string[]; thing: string }): Promise<readonly FleetRun[]>;
  events(
    query: {
      hosts: readonly string[];
      namespace?: Namespace;
      filters: readonly string[];
      since?: number;
      until?: number;
      follow: boolean;
    },
    signal: AbortSignal,
  ): AsyncIterable<FleetToldEvent>;
  close(): Promise<void>;
}
