import type { Digest, Platform } from '../../domain/identity.ts';
import type { Archives } from './archive.ts';
import type { BlobStore } from './blobs.ts';
import type { Clock, Names } from './clock.ts';
import type { ContainerFiles } from './container-files.ts';
import type { LayerDiffer } from './differ.ts';
import type { Expressions } from './expressions.ts';
import type { HostInspector, LogInspector } from './inspection.ts';
import type { Log } from './log.ts';
import type { Logger } from './logger.ts';
import type { Mounter } from './mounts.ts';
import type { ProcessTable } from './processes.ts';
import type { ProxyFacts } from './proxy-facts.ts';
import type { Registry } from './registry.ts';
import type { RemoteDiffer } from './remote-differ.ts';
import type { Runtime } from './runtime.ts';
import type { LayerApplier, RootStore } from './snapshots.ts';
import type { Snapshotters } from './snapshotters.ts';
import type { ContainerLogs, Stdio } from './stdio.ts';
import type { TaskKey } from './task-key.ts';

/** Everything that the engine reaches the world through. */
export interface Ports {
  readonly log: Log;
  readonly clock: Clock;
  readonly names: Names;
  readonly blobs: BlobStore;
  /** Of the containers that Shiplog makes itself: the snapshotter `overlayfs`. */
  readonly snapshots: RootStore;
  readonly snapshotters: Snapshotters;
  readonly layers: LayerApplier;
  readonly differ: LayerDiffer;
  /** Of other daemons, by name. */
  readonly differs: ReadonlyMap<string, RemoteDiffer>;
  /** Content stores of other daemons, by name: listed, and used by none of ours. */
  readonly contents: ReadonlyMap<string, ProxyFacts>;
  readonly mounter: Mounter;
  readonly registry: Registry;
  readonly archives: Archives;
  readonly runtime: Runtime;
  readonly stdio: Stdio;
  readonly containerLogs: ContainerLogs;
  readonly containerFiles: ContainerFiles;
  readonly processes: ProcessTable;
  readonly logInspector: LogInspector;
  readonly hostInspector: HostInspector;
  readonly expressions: Expressions;
  readonly logger: Logger;
  readonly host: HostFacts;
}

/** What does not change while the daemon runs. */
export interface HostFacts {
  readonly platform: Platform;
  /** The kernel's boot id. */
  readonly boot: string;
  readonly sha256: (text: string) => Digest;
  /** Folder under which roots of tasks are mounted. */
  readonly rootsDirectory: string;
  readonly rootOf: (task: TaskKey) => string;
  readonly logOf: (task: TaskKey) => {
    readonly path: string;
    readonly maxBytes: number;
    readonly maxFiles: number;
  };
}
