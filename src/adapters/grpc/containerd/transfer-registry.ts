import type { MessageShape } from '@bufbuild/protobuf';
import { pack } from '../../../client/containerd/packed.ts';
import { AbsolutePath } from '../../../domain/identity.ts';
import { ImageReference } from '../../../domain/image-reference.ts';
import { Rejection } from '../../../domain/rejection.ts';
import type { RegistryAccess, RegistryAccount } from '../../../engine/ports/registry.ts';
import type { TakenStream } from '../../../engine/ports/store/streaming.ts';
import type { RegistryImage } from '../../../engine/ports/store/transfer.ts';
import {
  AuthRequestSchema,
  type AuthResponse,
  AuthResponseSchema,
  AuthType,
  type OCIRegistrySchema,
} from '../../../gen/containerd/types/transfer/registry_pb.ts';
import { invalid, parse } from '../parse.ts';
import { unpack } from './packed.ts';

/** How long a client may take to give an account (milliseconds). */
const accountMs = 30_000;

/** A registry as the client describes it. @param take finds the client's streams */
export const registryImage = (
  { reference, resolver }: MessageShape<typeof OCIRegistrySchema>,
  take: (id: string) => TakenStream,
): RegistryImage => {
  const { authStream = '', headers = {}, hostDir = '', defaultScheme = '' } = resolver ?? {};
  const access: RegistryAccess = {
    headers,
    ...(authStream === '' ? {} : { account: accounts(take(authStream), reference) }),
    ...(hostDir === '' ? {} : { hostsDirectory: parse(AbsolutePath, hostDir, 'resolver.host_dir') }),
    ...(defaultScheme === '' ? {} : { scheme: schemeOf(defaultScheme) }),
  };
  return { reference: parse(ImageReference, reference, 'reference'), access };
};

const schemeOf = (text: string): 'http' | 'https' => {
  if (text === 'http' || text === 'https') return text;
  throw invalid('resolver.default_scheme', `'${text}' is neither http nor https`);
};

/** Asks the client over its stream, one host after another, and each only once. */
const accounts = (stream: TakenStream, reference: string): NonNullable<RegistryAccess['account']> => {
  const known = new Map<string, Promise<RegistryAccount | undefined>>();
  const answers = stream.incoming[Symbol.asyncIterator]();
  let last: Promise<unknown> = Promise.resolve();
  const ask = async (host: string): Promise<RegistryAccount | undefined> => {
    await stream.send(pack(AuthRequestSchema, { host, reference }));
    const answer = await within(answers.next(), host);
    if (answer.done) throw new Rejection('unauthenticated', `the client gave no account for ${host}`);
    return accountOf(unpack(answer.value, AuthResponseSchema));
  };
  return (host) => {
    const before = known.get(host);
    if (before) return before;
    const asked = last.then(() => ask(host));
    known.set(host, asked);
    // Whoever asked is told of a failure; the next host is asked all the same.
    last = asked.then(
      () => undefined,
      () => undefined,
    );
    return asked;
  };
};

const accountOf = ({ authType, username, secret }: AuthResponse): RegistryAccount | undefined => {
  switch (authType) {
    case AuthType.NONE:
      return undefined;
    case AuthType.CREDENTIALS:
      return { kind: 'password', username, password: secret };
    case AuthType.REFRESH:
      return secret === '' ? undefined : { kind: 'identity-token', token: secret };
    case AuthType.HEADER:
      return fromHeader(secret);
    default:
      throw invalid('authType', `${authType} is no type of account`);
  }
};

/** The value of an Authorization header. The secret itself stays out of every message. */
const fromHeader = (value: string): RegistryAccount => {
  const [scheme = '', rest = ''] = value.split(' ', 2);
  if (/^bearer$/i.test(scheme) && rest !== '') return { kind: 'registry-token', token: rest };
  const pair = /^basic$/i.test(scheme) ? Buffer.from(rest, 'base64').toString() : '';
  const colon = pair.indexOf(':');
  if (colon < 0) throw invalid('secret', 'is no Authorization header with scheme Basic or Bearer');
  return { kind: 'password', username: pair.slice(0, colon), password: pair.slice(colon + 1) };
};

const within = <T>(work: Promise<T>, host: string): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Rejection('deadline-exceeded', `the client gave no account for ${host} in ${accountMs} ms`));
    }, accountMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
