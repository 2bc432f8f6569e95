import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Rejection } from '../../domain/rejection.ts';
import type { Challenge } from './challenge.ts';
import type { Credentials } from './docker-config.ts';
import type { Endpoint } from './endpoints.ts';
import { isLoopback } from './endpoints.ts';
import type { Exchange } from './exchange.ts';
import { failureOf } from './failure.ts';
import type { Time } from './retry.ts';

/**
 * Tokens of a registry's token service, by the distribution project's token specification: GET with Basic credentials (or
 * none), and the OAuth2 POST where there is an identity token.
 */
export interface Tokens {
  /** A token for the scopes, from memory where one is still good. Concurrent callers share one request. */
  get(wanted: WantedToken): Promise<string>;
  /** Drops a token that the registry refused. */
  forget(token: string): void;
}

export interface WantedToken {
  readonly challenge: Challenge;
  readonly endpoint: Endpoint;
  /** Such as `repository:library/alpine:pull`. */
  readonly scopes: readonly string[];
  readonly credentials: Credentials | undefined;
}

const TokenAnswer = z
  .object({
    token: z.string().optional(),
    access_token: z.string().optional(),
    /** Seconds; 60 when absent, says the specification. */
    expires_in: z.number().nonnegative().optional(),
  })
  .transform(({ token, access_token, expires_in }) => ({
    token: token || access_token || '',
    expires: expires_in ?? 60,
  }));

/** A token is renewed this long before its end, so that it does not end on its way. */
const MARGIN_MS = 10_000;
const TOKENS_KEPT = 512;
/** Time limit of one token request; nobody's own signal, since callers share it. */
const TOKEN_MS = 30_000;
const TOKEN_ANSWER_LIMIT = 256 * 1024;
const CLIENT_ID = 'shiplog';

interface Kept {
  readonly token: Promise<string>;
  until: number;
  value: string | undefined;
}

export const createTokens = (exchange: Exchange, time: Time): Tokens => {
  const kept = new Map<string, Kept>();
  return {
    get(wanted) {
      const key = keyOf(wanted);
      const known = kept.get(key);
      if (known !== undefined && known.until > time.now()) return known.token;
      const oldest = kept.keys().next();
      if (kept.size >= TOKENS_KEPT && !oldest.done) kept.delete(oldest.value);
      const asking = requestToken(exchange, time, wanted);
      const entry: Kept = {
        until: Number.POSITIVE_INFINITY,
        value: undefined,
        token: asking.then(({ token, expires }) => {
          entry.value = token;
          entry.until = time.now() + Math.max(0, expires * 1000 - MARGIN_MS);
          return token;
        }),
      };
      kept.set(key, entry);
      entry.token.catch(() => {
        if (kept.get(key) === entry) kept.delete(key);
      });
      return entry.token;
    },
    forget(token) {
      for (const [key, { value }] of kept) {
        if (value === token) kept.delete(key);
      }
    },
  };
};

const keyOf = ({ challenge, scopes, credentials, endpoint }: WantedToken): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        endpoint.origin,
        challenge.parameters.get('realm'),
        challenge.parameters.get('service'),
        [...scopes].sort(),
        credentials,
      ]),
    )
    .digest('hex');

const requestToken = async (exchange: Exchange, time: Time, wanted: WantedToken) => {
  const { endpoint, scopes, credentials } = wanted;
  const realm = realmOf(wanted);
  const what = `token for ${scopes.join(' ') || 'the registry'} from ${realm.host}`;
  const basic =
    credentials?.kind === 'password'
      ? Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')
      : undefined;
  const asked = {
    host: endpoint.host,
    what,
    secrets: [...secretsOf(credentials), ...(basic ? [basic] : [])],
  };
  const form = parametersOf(wanted);
  const common = { tls: endpoint.tls, asked, signal: AbortSignal.timeout(TOKEN_MS) };
  const { answer } =
    credentials?.kind === 'identity-token'
      ? await exchange({
          ...common,
          method: 'POST',
          url: realm,
          headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
          privateHeaders: {},
          body: () => oauthForm(form, credentials.token).toString(),
        })
      : await exchange({
          ...common,
          method: 'GET',
          url: withParameters(realm, form),
          headers: { accept: 'application/json' },
          privateHeaders: basic === undefined ? {} : { authorization: `Basic ${basic}` },
        });
  if (answer.statusCode !== 200) throw await failureOf(answer, asked, time.now());
  const parsed = TokenAnswer.safeParse(await boundedJson(answer.body));
  if (parsed.success && parsed.data.token !== '') return parsed.data;
  throw new Rejection('unauthenticated', `${endpoint.host}: ${what}: the service answers without a token`);
};

/** Passwords go to a service without TLS only where the registry itself has none, or on this machine. */
const realmOf = ({ challenge, endpoint, credentials }: WantedToken): URL => {
  const text = challenge.parameters.get('realm') ?? '';
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (realm === undefined || !/^https?:$/.test(realm.protocol)) {
    throw new Rejection('unauthenticated', `${endpoint.host} names no token service that can be asked`);
  }
  const downgrade =
    realm.protocol === 'http:' && endpoint.origin.startsWith('https:') && !isLoopback(realm.hostname);
  if (credentials !== undefined && downgrade) {
    throw new Rejection(
      'unauthenticated',
      `${endpoint.host} wants credentials sent to ${realm.host} without TLS; they were not sent`,
    );
  }
  return realm;
};

const secretsOf = (credentials: Credentials | undefined): readonly string[] => {
  if (credentials === undefined) return [];
  return [credentials.kind === 'password' ? credentials.password : credentials.token];
};

const parametersOf = ({ challenge, scopes }: WantedToken): URLSearchParams => {
  const form = new URLSearchParams();
  const service = challenge.parameters.get('service');
  if (service !== undefined) form.set('service', service);
  for (const scope of scopes) form.append('scope', scope);
  return form;
};

/** The OAuth2 form has one scope field, its parts separated by spaces. */
const oauthForm = (parameters: URLSearchParams, refreshToken: string): URLSearchParams => {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: CLIENT_ID,
    refresh_token: refreshToken,
  });
  const service = parameters.get('service');
  if (service !== null) form.set('service', service);
  form.set('scope', parameters.getAll('scope').join(' '));
  return form;
};

const withParameters = (realm: URL, parameters: URLSearchParams): URL => {
  const url = new URL(realm);
  for (const [name, value] of parameters) url.searchParams.append(name, value);
  return url;
};

/** The body as JSON; undefined where it is none or too long, which no schema accepts. */
const boundedJson = async (body: AsyncIterable<unknown>): Promise<unknown> => {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    if (!(piece instanceof Uint8Array)) return undefined;
    size += piece.length;
    if (size > TOKEN_ANSWER_LIMIT) return undefined;
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    // Not quoted: it may hold the token.
    return undefined;
  }
};
