import { Rejection } from '../../domain/rejection.ts';
import type { RegistryAccess, RegistryCredentials } from '../../engine/ports/registry.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { FindCredentials } from './credentials.ts';
import type { Credentials } from './docker-config.ts';
import type { Endpoint } from './endpoints.ts';
import type { Tokens } from './token.ts';

/** Who asks for what, as far as authorization cares. */
export interface Subject {
  readonly endpoint: Endpoint;
  readonly repository: string;
  /** Such as `repository:library/alpine:pull`. */
  readonly scopes: readonly string[];
  /** Given by the client for this call; for the registry itself, never for its mirrors. */
  readonly given: RegistryCredentials | undefined;
  /** Asks the client, in place of the daemon's own accounts. */
  readonly account: RegistryAccess['account'] | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface Authorization {
  /** Value of the Authorization header; undefined for none. */
  readonly header: string | undefined;
  /** What must not appear in messages. */
  readonly secrets: readonly string[];
}

/**
 * Remembers how each host wants to be asked, so that only the first request meets a 401.
 */
export interface Authorizer {
  authorize(subject: Subject): Promise<Authorization>;
  /**
   * Takes in a 401.
   * @returns the subject to authorize anew, or undefined where another attempt would end the same
   */
  challenged(
    subject: Subject,
    header: string | string[] | undefined,
    used: Authorization,
  ): Subject | undefined;
}

const NOTHING: Authorization = { header: undefined, secrets: [] };

export const createAuthorizer = (findCredentials: FindCredentials, tokens: Tokens): Authorizer => {
  const challenges = new Map<string, Challenge>();
  const keyOf = ({ origin, path }: Endpoint): string => origin + path;
  return {
    async authorize(subject) {
      const challenge = challenges.get(keyOf(subject.endpoint));
      if (challenge === undefined) return NOTHING;
      const credentials = await credentialsFor(subject, findCredentials);
      return challenge.scheme === 'basic'
        ? basic(subject, credentials)
        : await bearer(subject, challenge, credentials, tokens);
    },
    challenged(subject, header, used) {
      const offered = parseChallenges(header);
      const challenge =
        offered.find(({ scheme }) => scheme === 'bearer') ?? offered.find(({ scheme }) => scheme === 'basic');
      if (challenge === undefined) return undefined;
      challenges.set(keyOf(subject.endpoint), challenge);
      if (used.header?.startsWith('Basic ') && challenge.scheme === 'basic') return undefined;
      if (used.header?.startsWith('Bearer ')) tokens.forget(used.header.slice('Bearer '.length));
      const more = (challenge.parameters.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
      return { ...subject, scopes: [...new Set([...subject.scopes, ...more])] };
    },
  };
};

const credentialsFor = async (
  { endpoint, repository, given, account }: Subject,
  find: FindCredentials,
): Promise<Credentials | undefined> => {
  if (given !== undefined && endpoint.mirrorOf === undefined) return { kind: 'password', ...given };
  return account === undefined ? find(endpoint.credentialHost, repository) : account(endpoint.host);
};

const basic = ({ endpoint }: Subject, credentials: Credentials | undefined): Authorization => {
  if (credentials?.kind !== 'password') {
    throw new Rejection(
      'unauthenticated',
      `${endpoint.host} wants a user name and password, and there are none for it; log in with \`docker login ${endpoint.credentialHost}\``,
    );
  }
  const pair = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64');
  return { header: `Basic ${pair}`, secrets: [credentials.password, pair] };
};

const bearer = async (
  { endpoint, scopes, signal }: Subject,
  challenge: Challenge,
  credentials: Credentials | undefined,
  tokens: Tokens,
): Promise<Authorization> => {
  const own = credentials?.kind === 'registry-token' ? credentials.token : undefined;
  const token =
    own ?? (await unlessCancelled(tokens.get({ challenge, endpoint, scopes, credentials }), signal));
  return { header: `Bearer ${token}`, secrets: [token] };
};

/** The token request is shared, so a caller that leaves must not stop it for the others. */
const unlessCancelled = async <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return work;
  let leave = (): void => {};
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([work, left]);
  } finally {
    signal.removeEventListener('abort', leave);
    // The race above has told the caller; where the work won, nobody waits for this any more.
    left.catch(() => undefined);
  }
};
