import type { AnyValue } from '../../../domain/any-value.ts';
import type { Platform } from '../../../domain/identity.ts';

/** A part of the daemon, by the names that containerd has for such parts. */
export interface Plugin {
  readonly type: string;
  readonly id: string;
  /** Types of plugins that it works with. */
  readonly requires: readonly string[];
  readonly platforms: readonly Platform[];
  /** What others may use of it, such as the root directory of a snapshotter. */
  readonly exports: Readonly<Record<string, string>>;
  readonly capabilities: readonly string[];
  /** Why it does not run here; clients take one that says `skip plugin` to be left out on purpose. */
  readonly skipped?: string;
}

export interface ServerFacts {
  /** The same for as long as the log is. */
  readonly uuid: string;
  readonly pid: number;
  /** Inode of the pid namespace that the pid is in. */
  readonly pidNamespace: bigint;
}

/** What the daemon is and consists of. */
export interface Introspection {
  server(): ServerFacts;
  /**
   * @param filters in containerd's language over `type`, `id` and `capabilities.NAME`; any of them is enough
   * @throws Rejection `invalid-argument` for a filter that can't be read
   */
  plugins(filters: readonly string[]): readonly Plugin[];
  /** @throws Rejection `not-found` */
  plugin(type: string, id: string): Plugin;
  /**
   * What the shim of a runtime tells of itself, where the plugin is the one that runs tasks.
   * @param asked runtime by name or path, containerd's own where it is empty; options as a task's
   * @throws Rejection `not-found`; `unimplemented` for other plugins; `unavailable` where the shim can't tell
   */
  runtimeInfo(
    plugin: Pick<Plugin, 'type' | 'id'>,
    asked: { readonly runtime: string; readonly options: AnyValue | undefined },
  ): Promise<AnyValue>;
}
