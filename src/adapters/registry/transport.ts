import type { Readable } from 'node:stream';
import type { ImageReference } from '../../domain/image-reference.ts';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { RegistryContext } from '../../engine/ports/registry.ts';
import type { Authorizer, Subject } from './authorizer.ts';
import { cancellation } from './cancellation.ts';
import type { Endpoint, FindEndpoints } from './endpoints.ts';
import type { Exchange, Request, Response } from './exchange.ts';
import { failureOf, networkFailure } from './failure.ts';
import type { Capability } from './hosts-file.ts';
import { type RetryPolicy, retrying, type Time } from './retry.ts';

/** Requests to registries: authorized, tried again, mirror after mirror. */
export interface Transport {
  readonly time: Time;
  readonly policy: RetryPolicy;
  readonly log: (message: string) => void;
  /** Asks an endpoint; tries again what is worth it. @throws Rejection for every status that is not expected */
  ask(endpoint: Endpoint, ask: Ask, tries?: number): Promise<Response>;
  /** The host that pushes go to: the first that takes them. */
  pushEndpoint(registry: string, context: RegistryContext): Promise<Endpoint>;
  /** Runs `attempt` on one host of the registry after another until one gives an answer. */
  first<T>(
    registry: string,
    capability: Capability,
    context: RegistryContext,
    attempt: (endpoint: Endpoint) => Promise<T>,
  ): Promise<T>;
}

export interface Ask {
  readonly method: Request['method'];
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Opens the body, once for each attempt. */
  readonly body?: () => Uint8Array | Readable;
  readonly repository: string;
  readonly scopes: readonly string[];
  /** For messages, such as `manifest of library/alpine:latest`. */
  readonly what: string;
  /** Send nothing that says who asks, nor what hosts.toml adds. */
  readonly anonymous?: boolean;
  /** Milliseconds until the head of the answer must be there, where the usual limit is too short. */
  readonly headersMs?: number;
  /** Statuses that are answers. */
  readonly expect: readonly number[];
  readonly context: RegistryContext;
}

export interface TransportOptions {
  readonly exchange: Exchange;
  readonly authorizer: Authorizer;
  readonly findEndpoints: FindEndpoints;
  readonly time: Time;
  readonly policy: RetryPolicy;
  readonly log: (message: string) => void;
}

/** Attempts at a host that others stand behind: going on to them is better than waiting. */
const MIRROR_TRIES = 2;

/** Address below a repository, such as `manifests/latest`; mirrors are told for whom they stand. */
export const addressOf = (endpoint: Endpoint, repository: string, rest: string): URL => {
  const url = new URL(`${endpoint.origin}${endpoint.path}/${repository}/${rest}`);
  if (endpoint.mirrorOf !== undefined) url.searchParams.set('ns', endpoint.mirrorOf);
  return url;
};

export const pullScope = (repository: string): string => `repository:${repository}:pull`;
export const pushScope = (repository: string): string => `repository:${repository}:pull,push`;

/** `repository:tag@digest`, for messages that name the host already. */
export const nameOf = ({ repository, tag, digest }: ImageReference): string =>
  `${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;

export const createTransport = (options: TransportOptions): Transport => {
  const { time, policy, log, findEndpoints } = options;
  return {
    time,
    policy,
    log,
    ask: (endpoint, ask, tries = policy.tries) =>
      guarded(endpoint, ask, () =>
        retrying(
          {
            policy: { ...policy, tries: endpoint.more ? Math.min(tries, MIRROR_TRIES) : tries },
            time,
            signal: ask.context.signal,
            log,
          },
          () => once(options, endpoint, ask),
        ),
      ),
    async pushEndpoint(registry, { access }) {
      const [endpoint] = await findEndpoints(registry, 'push', access);
      if (endpoint === undefined) throw nobody(registry);
      return endpoint;
    },
    async first(registry, capability, context, attempt) {
      const endpoints = await findEndpoints(registry, capability, context.access);
      const before: string[] = [];
      for (const [index, endpoint] of endpoints.entries()) {
        try {
          return await attempt(endpoint);
        } catch (error) {
          if (context.signal?.aborted) throw cancellation(context.signal, registry);
          if (!isRejection(error)) throw error;
          if (index === endpoints.length - 1) throw withHistory(error, before);
          log(`${error.message}; asking the next host for ${registry}`);
          before.push(error.message);
        }
      }
      throw nobody(registry);
    },
  };
};

const nobody = (registry: string): Rejection =>
  new Rejection('failed-precondition', `there is no host to ask for ${registry}; see its hosts.toml`);

const withHistory = (error: Rejection, before: readonly string[]): Rejection =>
  before.length === 0
    ? error
    : new Rejection(error.code, `${error.message} (before it: ${before.join('; ')})`, { cause: error });

/** Whatever is thrown leaves as a rejection of the port. */
const guarded = async <T>(endpoint: Endpoint, ask: Ask, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    throw networkFailure(error, { host: endpoint.host, what: ask.what, secrets: [] }, ask.context.signal);
  }
};

/** One attempt: with what is known of the host's wishes, and once more when it says that they are others. */
const once = async ({ exchange, authorizer, time }: TransportOptions, endpoint: Endpoint, ask: Ask) => {
  const home = ask.anonymous !== true && ask.url.origin === endpoint.origin;
  let subject: Subject = {
    endpoint,
    repository: ask.repository,
    scopes: ask.scopes,
    given: ask.context.credentials,
    account: ask.context.access?.account,
    signal: ask.context.signal,
  };
  for (let round = 1; ; round += 1) {
    const authorization = home ? await authorizer.authorize(subject) : { header: undefined, secrets: [] };
    const asked = { host: endpoint.host, what: ask.what, secrets: authorization.secrets };
    const response = await exchange({
      method: ask.method,
      url: ask.url,
      headers: ask.headers ?? {},
      privateHeaders: home
        ? {
            ...endpoint.headers,
            ...ask.context.access?.headers,
            ...(authorization.header === undefined ? {} : { authorization: authorization.header }),
          }
        : {},
      body: ask.body,
      tls: endpoint.tls,
      headersMs: ask.headersMs,
      asked,
      signal: ask.context.signal,
    });
    const { answer } = response;
    if (ask.expect.includes(answer.statusCode)) return response;
    // Only the registry itself may say where credentials go, never a host that it redirects to.
    const own = home && response.url.origin === endpoint.origin;
    if (answer.statusCode === 401 && own && round === 1) {
      const next = authorizer.challenged(subject, answer.headers['www-authenticate'], authorization);
      if (next !== undefined) {
        await answer.body.dump();
        subject = next;
        continue;
      }
    }
    throw await failureOf(answer, asked, time.now());
  }
};
