import type { Platform } from '../../domain/identity.ts';

/** What the configuration says of a part in another daemon. Clients are told it as it stands there: nobody is asked. */
export interface ProxyFacts {
  /** Path of its unix socket. */
  readonly address: string;
  /** What it can do beside what every one of its kind can, in containerd's words: `rebase`, `remap-ids`. */
  readonly capabilities: readonly string[];
  /** What it tells its clients beside its address. */
  readonly exports: Readonly<Record<string, string>>;
  /** That of the host where the configuration names none. */
  readonly platform?: Platform;
}
