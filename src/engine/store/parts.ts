import type { Position } from '../../domain/identity.ts';
import type { Collector } from '../collector.ts';
import type { Ledger } from '../ledger.ts';
import type { MountKeeper } from '../mount-keeper.ts';
import type { Removals } from '../performers/removals.ts';
import type { Ports } from '../ports/ports.ts';
import type { ProcessImages } from '../ports/process-images.ts';
import type { SandboxKeeper } from '../sandbox-keeper.ts';
import type { WorkflowRunner } from '../workflow-runner.ts';
import type { DaemonFacts } from './plugins.ts';

/** A restart of the daemon while its host went on: clients and containers outlived it. */
export interface Interruption {
  /** The first position that this daemon wrote. */
  readonly from: Position;
  /** Until when clients are taken to come back, in microseconds of the monotonic clock. */
  readonly until: number;
}

/** What the methods of the store work with. */
export interface StoreParts {
  readonly ledger: Ledger;
  readonly ports: Pick<
    Ports,
    | 'archives'
    | 'blobs'
    | 'clock'
    | 'contents'
    | 'differ'
    | 'differs'
    | 'layers'
    | 'log'
    | 'logger'
    | 'names'
    | 'runtime'
    | 'snapshots'
    | 'snapshotters'
  >;
  readonly runner: Pick<WorkflowRunner, 'run'>;
  readonly collector: Pick<Collector, 'collect'>;
  /** The one that the performers have too: it knows which bytes are being brought and which are going. */
  readonly removals: Removals;
  readonly sandboxes: SandboxKeeper;
  readonly mounts: MountKeeper;
  readonly processImages: ProcessImages;
  readonly about: DaemonFacts;
  /** Fires with the reason when the daemon is to stop: calls that only wait are ended at once. */
  readonly stopping?: AbortSignal;
  /** Absent where no client can have known a daemon before this one. */
  readonly interruption?: Interruption;
}
