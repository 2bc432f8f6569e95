import type { ProcessConfig } from '../../domain/container-config.ts';
import type { ContainerRequest } from '../../domain/container-request.ts';
import type { Descriptor, Digest, Namespace, Platform, Position, Timestamp } from '../../domain/identity.ts';
import type { ImageReference } from '../../domain/image-reference.ts';
import type { Rejection } from '../../domain/rejection.ts';
import type { ContainerView } from '../../projections/containers.ts';
import type { ItemKind, ItemStatus, TransferReport } from '../../workflows/effects.ts';
import type { At } from './at.ts';
import type { Call } from './call.ts';
import type { KeepingApi } from './keeping-api.ts';
import type { ProofsApi, Verdict } from './proofs.ts';
import type { CopyStatus } from './replica.ts';
import type { ResourcesApi } from './resources-api.ts';
import type { TerminalSize } from './runtime.ts';
import type { LogEntry, OutputChunk } from './stdio.ts';
import type { TimeApi } from './time-api.ts';
import type { ToldEvent } from './told-event.ts';

export type { Call } from './call.ts';

/**
 * What Shiplog does for whoever drives it: the gRPC services, later others. One method of a transport is one method here;
 * a transport only translates. Names of containers may be ids, unique prefixes of ids, or names; of images, references
 * or digests. Everything that fails throws a `Rejection`; a process that can't be started throws a `StartFailure`.
 */
export interface Api {
  readonly images: ImagesApi;
  readonly containers: ContainersApi;
  readonly log: LogApi;
  readonly system: SystemApi;
  readonly resources: ResourcesApi;
  readonly proofs: ProofsApi;
  readonly time: TimeApi;
  readonly keeping: KeepingApi;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface ImageView {
  readonly name: string;
  readonly target: Descriptor;
  /** Digest of the configuration; empty where it is not here. */
  readonly id: string;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
  readonly contentSize: number;
  readonly unpackedSize: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly platform?: Platform;
}

export interface ImagesApi {
  pull(
    request: {
      namespace: Namespace;
      reference: ImageReference;
      platform?: Platform;
      credentials?: Credentials;
    },
    call: Call,
  ): Promise<{ name: string; target: Descriptor; upToDate: boolean }>;
  push(
    request: { namespace: Namespace; image: string; reference?: ImageReference; credentials?: Credentials },
    call: Call,
  ): Promise<{ name: string; target: Descriptor }>;
  /** @returns names of the images that the archive brought */
  import(
    request: { namespace: Namespace; name?: string; platform?: Platform; archive: AsyncIterable<Uint8Array> },
    call: Call,
  ): Promise<readonly string[]>;
  export(
    request: { namespace: Namespace; images: readonly string[]; format: 'oci' | 'docker' },
    call: Call,
  ): AsyncIterable<Uint8Array>;
  list(
    namespace: Namespace,
    options?: { reference?: string; at?: At },
    signal?: AbortSignal,
  ): Promise<readonly ImageView[]>;
  /** `config` and `manifest` are JSON texts; empty where, asked about the past, their bytes are no longer here. */
  inspect(
    namespace: Namespace,
    image: string,
    at?: At,
    signal?: AbortSignal,
  ): Promise<{ image: ImageView; config: string; manifest: string; layers: readonly Digest[] }>;
  tag(request: { namespace: Namespace; source: string; target: ImageReference }, call: Call): Promise<void>;
  remove(
    request: { namespace: Namespace; image: string; force: boolean },
    call: Call,
  ): Promise<{ untagged: readonly string[]; deleted: readonly string[] }>;
}

export interface NewContainer {
  readonly namespace: Namespace;
  readonly image: ImageReference;
  readonly name?: string;
  readonly request: ContainerRequest;
  /** Values of `request.secretEnv`. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly runtime?: string;
  readonly removeOnExit: boolean;
  readonly pull: 'missing' | 'always' | 'never';
}

export type { ContainerView, ItemKind, ItemStatus, ToldEvent, TransferReport };

export interface ContainerDetails {
  readonly container: ContainerView;
  /** The recorded configuration, as JSON. */
  readonly config: string;
  readonly snapshotter: string;
  readonly snapshotKey: string;
  /** Where its output is kept; empty where it is gone by now. */
  readonly logPath: string;
  readonly execs: readonly {
    readonly id: string;
    readonly args: readonly string[];
    /** The first two of a client's of containerd's API only. */
    readonly status: 'creating' | 'created' | 'starting' | 'running' | 'ended';
    readonly pid?: number;
    readonly exitCode?: number;
  }[];
}

/** Names a container. */
export interface Named {
  readonly namespace: Namespace;
  readonly container: string;
}

export interface ContainersApi {
  create(input: NewContainer, call: Call): Promise<{ id: string; name: string }>;
  start(target: Named, call: Call): Promise<{ pid: number }>;
  stop(target: Named & { timeout?: number; signal?: string }, call: Call): Promise<{ exitCode: number }>;
  kill(target: Named & { signal: string }, call: Call): Promise<void>;
  pause(target: Named, call: Call): Promise<void>;
  unpause(target: Named, call: Call): Promise<void>;
  /** Resolves when it has ended; at once where it does not run. */
  wait(target: Named, call: Call): Promise<{ exitCode: number; exitedAt: Timestamp }>;
  remove(target: Named & { force: boolean }, call: Call): Promise<void>;
  list(
    namespace: Namespace,
    options: { all: boolean; filters: readonly string[]; at?: At },
    signal?: AbortSignal,
  ): Promise<Iterable<ContainerView>>;
  inspect(target: Named & { at?: At }, signal?: AbortSignal): Promise<ContainerDetails>;
  top(target: Named): Promise<readonly ProcessView[]>;
  logs(
    target: Named,
    options: { follow: boolean; tail?: number; since?: number; until?: number; signal?: AbortSignal },
  ): AsyncIterable<LogEntry>;
  /** Creates and starts; with `detach` the session has no streams. */
  run(input: NewContainer & { detach: boolean }, call: Call): Promise<Session>;
  /** Starts, attached. */
  startAttached(target: Named, call: Call): Promise<Session>;
  attach(target: Named, call: Call): Promise<Session>;
  exec(target: Named & ExecInput, call: Call): Promise<Session>;
}

export interface ExecInput {
  readonly process: Pick<ProcessConfig, 'args' | 'env' | 'user' | 'terminal' | 'stdin' | 'consoleSize'>;
  /** The container's own when absent. */
  readonly cwd?: ProcessConfig['cwd'];
  readonly detach: boolean;
}

export interface ProcessView {
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  /** Microseconds. */
  readonly cpu: number;
  /** Bytes. */
  readonly rss: number;
  readonly startedAt: Timestamp;
  readonly args: readonly string[];
}

/** A terminal's end of a process. */
export interface Session {
  readonly container: { readonly id: string; readonly name: string };
  /** Resolves once it runs; rejects where it can't be started. */
  readonly started: Promise<{ pid: number }>;
  /** Ends with the process's output; empty where detached. Must be read from the start. */
  readonly output: AsyncIterable<OutputChunk>;
  /**
   * Resolves when the process has ended, its output was handed over, and a container to be removed is removed; where
   * detached, with undefined once it runs.
   */
  readonly ended: Promise<{ exitCode: number } | undefined>;
  write(bytes: Uint8Array): Promise<void>;
  closeStdin(): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
  signal(signal: string): Promise<void>;
  /** Lets go of the streams; the process goes on. */
  detach(): Promise<void>;
}

/** Where the log begins. */
export interface Horizon {
  /** 0 where nothing was pruned. */
  readonly position: Position;
  /** Folders that hold what was before. */
  readonly archives: readonly string[];
  /** Whether the thing that was asked about was there already. */
  readonly reachesBelow: boolean;
}

export interface LogApi {
  events(
    query: {
      namespace?: Namespace;
      from?: Position;
      since?: number;
      until?: number;
      follow: boolean;
      filters: readonly string[];
    },
    signal?: AbortSignal,
  ): AsyncIterable<ToldEvent>;
  /** @param query `since` and `until` in microseconds; `filters` as of `events` */
  history(query: {
    namespace: Namespace;
    thing: string;
    since?: number;
    until?: number;
    filters?: readonly string[];
  }): AsyncIterable<ToldEvent>;
  /** Where the log begins, and whether a thing was there already. @throws Rejection `not-found` as `history` */
  horizon(query: { namespace: Namespace; thing: string }): Promise<Horizon>;
  why(
    query: { namespace: Namespace; thing: string; at?: At },
    signal?: AbortSignal,
  ): Promise<{
    subject: string;
    kept: boolean;
    path: readonly { from: string; to: string; kind: string; since: Position }[];
    freed: readonly ToldEvent[];
  }>;
  /**
   * Checks files, signed heads and views.
   * @param given heads kept elsewhere, and the public keys that the caller trusts; those that the log names when empty
   */
  verify(
    given: { readonly vkeys: readonly string[]; readonly notes: readonly string[] },
    progress: (checked: number, total: number) => void,
  ): Promise<Verdict & { readonly headHash: string; readonly checked: number }>;
}

export interface SystemApi {
  version(): Promise<{
    version: string;
    revision: string;
    node: string;
    os: string;
    architecture: string;
    kernel: string;
  }>;
  info(namespace?: Namespace): Promise<HostInfo>;
  /** What the log says of the host at a moment. */
  counts(query: { at: At; namespace?: Namespace }, signal?: AbortSignal): Promise<HostCounts>;
  /** Records that a call was refused before anything was asked of the host. */
  refused(refusal: { method: string; rejection: Rejection }, call: Call): Promise<void>;
  gc(call: Call): Promise<Collected>;
  /** What a collection would remove, now or at a moment; removes nothing. */
  garbage(at?: At, signal?: AbortSignal): Promise<Collected>;
}

export interface Collected {
  /** Subjects, in the order of their removal. */
  readonly removed: readonly string[];
  /** Of bytes that no namespace held any more. */
  readonly freedBytes: number;
}

/** What the log alone tells of a host. */
export interface HostCounts {
  readonly hostId: string;
  readonly logHead: Position;
  readonly containers: number;
  readonly containersRunning: number;
  readonly images: number;
  readonly snapshots: number;
  readonly blobs: number;
  readonly contentBytes: number;
  readonly divergences: number;
  readonly namespaces: readonly string[];
}

export interface HostInfo extends HostCounts {
  /** Absent where the log is on this host only. */
  readonly logCopy?: CopyStatus;
  readonly root: string;
  readonly state: string;
  readonly pid: number;
  readonly startedAt: Timestamp;
  readonly logBytes: number;
  /** The first position that is kept. */
  readonly logHorizon: Position;
  /** Folders with archives of what was before. */
  readonly logArchives: readonly string[];
  readonly runtime: string;
  readonly runtimeVersion: string;
  readonly snapshotter: string;
  readonly cgroup: string;
  readonly rss: number;
}
