import type { Descriptor, Digest } from '../../domain/identity.ts';
import type { ImageReference } from '../../domain/image-reference.ts';

/**
 * Registries by the OCI distribution specification 1.1 and Docker's v2 API.
 *
 * An implementation takes credentials from Docker's config.json (and its helpers), mirrors from `hosts.toml`, proxies
 * from the environment. It retries what is worth retrying with backoff (connection errors, 429 with Retry-After, 5xx),
 * bounded in tries and time. Bytes are not verified here: the blob store does that while they stream in.
 *
 * Errors: `not-found` (404), `unauthenticated` (401), `permission-denied` (403), `resource-exhausted` (429 to the end),
 * `unavailable` (cannot connect, 5xx to the end, reset, stall), `deadline-exceeded`, `cancelled`. Messages name the
 * registry host, what was asked and the registry's own words; never a credential.
 */
export interface RegistryPuller {
  /** The descriptor that a name points at now, by HEAD (or GET where the registry has no HEAD). */
  resolve(reference: ImageReference, context: RegistryContext): Promise<Descriptor>;
  /**
   * The bytes of a descriptor from `offset` on. When the connection breaks midway the stream resumes by itself with a
   * Range request. `start` is where the bytes really begin: 0 when the registry ignored Range.
   */
  fetch(
    reference: ImageReference,
    descriptor: Descriptor,
    offset: number,
    context: RegistryContext,
  ): Promise<{ readonly start: number; readonly bytes: AsyncIterable<Uint8Array> }>;
}

export interface RegistryPusher {
  /** Whether the registry has it in this repository. */
  has(reference: ImageReference, descriptor: Descriptor, context: RegistryContext): Promise<boolean>;
  /**
   * Uploads a blob, in one piece or in chunks; tries first to mount it from another repository of the same registry.
   * @returns how it got there
   */
  pushBlob(
    reference: ImageReference,
    descriptor: Descriptor,
    source: PushSource,
    context: RegistryContext,
  ): Promise<'uploaded' | 'mounted' | 'present'>;
  /** Uploads a manifest or index under the reference's tag, or by digest where `byDigest`. */
  pushManifest(
    reference: ImageReference,
    descriptor: Descriptor,
    bytes: Uint8Array,
    byDigest: boolean,
    context: RegistryContext,
  ): Promise<Digest>;
}

export type Registry = RegistryPuller & RegistryPusher;

export interface PushSource {
  /** Opens the bytes from an offset; called again for a retry. */
  open(offset: number): AsyncIterable<Uint8Array>;
  /** Repositories of the same registry that hold the blob already, as far as is known. */
  readonly mountFrom: readonly string[];
}

export interface RegistryContext {
  readonly signal?: AbortSignal;
  /** Given by the client for this call; takes precedence over config.json. Never logged. */
  readonly credentials?: RegistryCredentials;
  /** How a client wants this registry asked. */
  readonly access?: RegistryAccess;
  /** Called with bytes moved since the last call. */
  readonly progress?: (bytes: number) => void;
}

/** How a client wants a registry asked, for one call, over what the daemon is configured with. */
export interface RegistryAccess {
  /** Asks the client for its account at a host; undefined for none. What it gives is never logged. */
  readonly account?: (host: string) => Promise<RegistryAccount | undefined>;
  /** Folder with `<host>/hosts.toml` in place of the daemon's own. */
  readonly hostsDirectory?: string;
  /** Where no hosts.toml says it. */
  readonly scheme?: 'http' | 'https';
  /** Sent with every request to the registry and its mirrors. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** How an account shows itself to a registry or to its token service. */
export type RegistryAccount =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, for the token service only. */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** A bearer token for the registry itself. */
  | { readonly kind: 'registry-token'; readonly token: string };

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}
