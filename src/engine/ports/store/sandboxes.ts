import type { AnyValue } from '../../../domain/any-value.ts';
import type { Labels, Namespace, Platform, SandboxId, Timestamp } from '../../../domain/identity.ts';
import type {
  SandboxEnding,
  SandboxEndpoint,
  SandboxMetrics,
  SandboxOrder,
  SandboxReport,
} from '../sandbox-shims.ts';
import type { StoreCall } from './call.ts';

export type { SandboxEnding, SandboxEndpoint, SandboxMetrics, SandboxReport } from '../sandbox-shims.ts';

/** The record of a sandbox, as its client gave it. */
export interface SandboxInfo {
  readonly id: SandboxId;
  readonly runtime: { readonly name: string; readonly options?: AnyValue | undefined };
  readonly spec?: AnyValue | undefined;
  readonly labels: Labels;
  readonly extensions: Readonly<Record<string, AnyValue>>;
  readonly sandboxer: string;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}
export type NewSandbox = Omit<SandboxInfo, 'createdAt' | 'updatedAt'>;

/** What is to be different; a field that is absent stays. */
export interface SandboxUpdate {
  readonly runtime?: SandboxInfo['runtime'] | undefined;
  readonly spec?: AnyValue | undefined;
  /** `replace`: these are all; else they are merged in, an empty value (or none) taking one away. */
  readonly labels?: { readonly labels: Labels; readonly replace: boolean } | undefined;
  readonly extensions?:
    | { readonly values: Readonly<Record<string, AnyValue | undefined>>; readonly replace: boolean }
    | undefined;
}

/** Records of sandboxes in a namespace; whether something runs of one is the controller's affair. */
export interface SandboxStore {
  /** @throws Rejection `already-exists`; `invalid-argument` for more than fits in the log */
  create(namespace: Namespace, sandbox: NewSandbox, call: StoreCall): Promise<SandboxInfo>;
  /** @throws Rejection `not-found`; `invalid-argument` for more than fits in the log */
  update(namespace: Namespace, id: SandboxId, change: SandboxUpdate, call: StoreCall): Promise<SandboxInfo>;
  /** @throws Rejection `not-found` */
  delete(namespace: Namespace, id: SandboxId, call: StoreCall): Promise<void>;
  /** By id. @throws Rejection `invalid-argument` for a filter that can't be read */
  list(namespace: Namespace, filters: readonly string[]): readonly SandboxInfo[];
  /** @throws Rejection `not-found` */
  get(namespace: Namespace, id: SandboxId): SandboxInfo;
}

/** How a sandbox is to be made. What is absent is taken from its record, where there is one. */
export interface SandboxLaunch extends Pick<SandboxOrder, 'rootfs' | 'options' | 'netns' | 'annotations'> {
  readonly runtime?: SandboxInfo['runtime'] | undefined;
  readonly spec?: AnyValue | undefined;
}

/** Runs sandboxes, each in a shim of its own. Errors are the shim's, code and words, where it gave one. */
export interface SandboxController {
  /** @throws Rejection `already-exists`; `not-found` for a runtime that is not here; `invalid-argument` where none is named */
  create(namespace: Namespace, id: SandboxId, launch: SandboxLaunch, call: StoreCall): Promise<void>;
  /** A sandbox that does not start is shut down. @throws Rejection `not-found`, `failed-precondition` where it was started before */
  start(
    namespace: Namespace,
    id: SandboxId,
    call: StoreCall,
  ): Promise<SandboxEndpoint & { readonly pid: number; readonly createdAt: Timestamp }>;
  /** @throws Rejection `not-found` */
  platform(namespace: Namespace, id: SandboxId): Promise<Platform>;
  /** Nothing happens where it does not run. @param timeout seconds; 0 for the shim's own */
  stop(namespace: Namespace, id: SandboxId, timeout: number, call: StoreCall): Promise<void>;
  /** Resolves when it has ended. @throws Rejection `not-found`; `unavailable` where its shim is gone */
  wait(namespace: Namespace, id: SandboxId, signal: AbortSignal): Promise<SandboxEnding>;
  /** One that does not run has no state, and has ended by now, as containerd has it. */
  status(namespace: Namespace, id: SandboxId, verbose: boolean): Promise<SandboxReport & SandboxEndpoint>;
  /** @throws Rejection `not-found` */
  shutdown(namespace: Namespace, id: SandboxId, call: StoreCall): Promise<void>;
  /** @throws Rejection `not-found` */
  metrics(namespace: Namespace, id: SandboxId): Promise<SandboxMetrics>;
  /** Shims have no way to be told of a change: checks that it runs. @throws Rejection `not-found` */
  update(namespace: Namespace, id: SandboxId): void;
}

export interface SandboxServices {
  readonly store: SandboxStore;
  /** @throws Rejection `invalid-argument` for an empty name, `not-found` for one that is not here, in containerd's words */
  controller(name: string): SandboxController;
}
