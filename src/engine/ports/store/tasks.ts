import type { AnyValue } from '../../../domain/any-value.ts';
import type { ClientOrder, ExecOrder } from '../../../domain/client-order.ts';
import type {
  ContainerId,
  Descriptor,
  ExecId,
  LeaseId,
  Namespace,
  Timestamp,
} from '../../../domain/identity.ts';
import type { TerminalSize } from '../runtime.ts';
import type { StoreCall } from './call.ts';

/** Names a task, or an extra process of it. */
export interface ProcessName {
  readonly namespace: Namespace;
  readonly id: ContainerId;
  /** The task's own process when absent. */
  readonly execId?: ExecId;
}

export interface ProcessExit {
  /** 255 where it can't be known any more. */
  readonly status: number;
  readonly at: Timestamp;
}

/** A process as its client sees it. */
export interface ProcessState extends ProcessName {
  /** 0 where it was never made. */
  readonly pid: number;
  readonly status: 'created' | 'running' | 'paused' | 'stopped';
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
  readonly exit?: ProcessExit;
}

export interface TaskMetric {
  readonly id: ContainerId;
  readonly at: Timestamp;
  /** In the shim's own form. */
  readonly data: AnyValue;
}

/**
 * Tasks, step by step: made, started, ended, freed. What ended stays until it is deleted. Every method but the lists
 * throws a Rejection `not-found` for a task or process that is not there.
 */
export interface TaskStore {
  /**
   * Makes the process of a container; it waits to be started.
   * @throws Rejection `already-exists`; `failed-precondition` for a container that Shiplog made; StartFailure
   */
  create(
    namespace: Namespace,
    id: ContainerId,
    order: ClientOrder,
    call: StoreCall,
  ): Promise<{ readonly pid: number }>;
  /** @throws Rejection `failed-precondition` where it was started already; StartFailure */
  start(process: ProcessName, call: StoreCall): Promise<{ readonly pid: number }>;
  /** Frees what has ended, or was never started. @throws Rejection `failed-precondition` while it runs */
  delete(process: ProcessName, call: StoreCall): Promise<ProcessExit & { readonly pid: number }>;
  get(process: ProcessName): ProcessState;
  /** By id; without extra processes. */
  list(namespace: Namespace): readonly ProcessState[];
  kill(process: ProcessName, signal: number, all: boolean, call: StoreCall): Promise<void>;
  /** Makes an extra process known; it waits to be started. @throws Rejection `already-exists`, `failed-precondition` */
  exec(process: ProcessName & { readonly execId: ExecId }, order: ExecOrder, call: StoreCall): Promise<void>;
  resize(process: ProcessName, size: TerminalSize): Promise<void>;
  closeStdin(process: ProcessName): Promise<void>;
  pause(process: ProcessName, call: StoreCall): Promise<void>;
  resume(process: ProcessName, call: StoreCall): Promise<void>;
  pids(process: ProcessName): Promise<readonly { readonly pid: number; readonly info?: AnyValue }[]>;
  update(
    process: ProcessName,
    resources: AnyValue,
    annotations: Readonly<Record<string, string>>,
    call: StoreCall,
  ): Promise<void>;
  /**
   * Writes images of the processes, and whatever else it takes to go on from them.
   * @param path folder of the caller's; without one they go into the content store
   * @param lease holds what goes there
   * @returns what went there: images and specification
   * @throws Rejection `failed-precondition` where it does not run; `unknown` with the words of the OCI runtime
   */
  checkpoint(
    process: ProcessName,
    request: {
      readonly path: string;
      readonly options: AnyValue | undefined;
      readonly lease: LeaseId | undefined;
    },
    call: StoreCall,
  ): Promise<readonly Descriptor[]>;
  /** Of tasks whose shim gives some. @throws Rejection `invalid-argument` for a filter that can't be read */
  metrics(namespace: Namespace, filters: readonly string[]): Promise<readonly TaskMetric[]>;
  /** Resolves when the process has ended. @throws Rejection `cancelled` where the caller goes away */
  wait(process: ProcessName, call: StoreCall): Promise<ProcessExit>;
}
