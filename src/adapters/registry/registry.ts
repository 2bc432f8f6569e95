import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from '../../engine/ports/registry.ts';
import { createAuthorizer } from './authorizer.ts';
import type { ChunkLimits } from './chunked-upload.ts';
import { createConnections } from './connections.ts';
import { createFindCredentials } from './credentials.ts';
import { createFindEndpoints } from './endpoints.ts';
import { createExchange } from './exchange.ts';
import { createFetch } from './fetch.ts';
import { createPush } from './push.ts';
import { createResolve } from './resolve.ts';
import type { RetryPolicy, Time } from './retry.ts';
import { createTokens } from './token.ts';
import { createTransport } from './transport.ts';

export interface RegistryOptions {
  /** Proxy variables, `HOME`, `DOCKER_CONFIG`, `REGISTRY_AUTH_FILE`, and what credential helpers run with. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Docker's config.json; found by the environment when absent. */
  readonly dockerConfigPath?: string;
  /** Folder with `<host>/hosts.toml`; no mirrors when absent. */
  readonly hostsDirectory?: string;
  /** Told of attempts that failed and are made again. */
  readonly log?: (message: string) => void;
  readonly userAgent?: string;
  readonly time?: Time;
  readonly retry?: Partial<RetryPolicy>;
  readonly limits?: Partial<RegistryLimits>;
  readonly chunks?: Partial<ChunkLimits>;
}

/** Milliseconds. */
export interface RegistryLimits {
  /** Until a connection stands. */
  readonly connectMs: number;
  /** From a request to the head of its answer. */
  readonly headersMs: number;
  /** Between two pieces of a body. */
  readonly stallMs: number;
  /** Of a credential helper. */
  readonly helperMs: number;
}

const defaultLimits: RegistryLimits = {
  connectMs: 10_000,
  headersMs: 30_000,
  stallMs: 30_000,
  helperMs: 10_000,
};

const defaultRetry: RetryPolicy = { tries: 6, baseMs: 250, capMs: 10_000, retryAfterCapMs: 60_000 };

const MIB = 1024 * 1024;
const defaultChunks: ChunkLimits = { above: 256 * MIB, size: 64 * MIB, small: 4 * MIB };

const systemTime: Time = {
  now: Date.now,
  random: Math.random,
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
};

/** The port over HTTP; `close` lets go of all connections, also of those in use. */
export const createRegistry = (options: RegistryOptions): Registry & { close(): Promise<void> } => {
  const { env, dockerConfigPath, hostsDirectory, time = systemTime, log = () => {} } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const connections = createConnections({ env, connectMs: limits.connectMs });
  const exchange = createExchange(connections, limits, options.userAgent ?? 'shiplog');
  const findCredentials = createFindCredentials({ dockerConfigPath, env, time, helperMs: limits.helperMs });
  const transport = createTransport({
    exchange,
    authorizer: createAuthorizer(findCredentials, createTokens(exchange, time)),
    findEndpoints: createFindEndpoints(hostsDirectory),
    time,
    policy: { ...defaultRetry, ...options.retry },
    log,
  });
  return {
    resolve: createResolve(transport),
    fetch: createFetch(transport),
    ...createPush(transport, { ...defaultChunks, ...options.chunks }),
    close: () => connections.close(),
  };
};
