import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import type { Dispatcher } from 'undici';
import { Rejection } from '../../domain/rejection.ts';
import { isLoopback } from './endpoints.ts';
import type { TlsFiles } from './hosts-file.ts';

/** Connections to hosts, kept open and shared by all who have the same TLS settings. */
export interface Connections {
  /** @throws Rejection `failed-precondition` where a certificate file or a proxy's URL is of no use */
  to(url: URL, tls: TlsFiles): Promise<Dispatcher>;
  close(): Promise<void>;
}

export interface ConnectionOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds until a connection must stand. */
  readonly connectMs: number;
}

/** Connections to one host at once; more requests wait. */
const CONNECTIONS_PER_HOST = 32;

interface TlsBytes {
  readonly ca?: readonly string[];
  readonly cert?: readonly string[];
  readonly key?: readonly string[];
  readonly rejectUnauthorized: boolean;
}

type Route = 'direct' | 'proxy';

export const createConnections = (options: ConnectionOptions): Connections => {
  const open = new Map<string, Dispatcher>();
  const route = createRoutes(options.env);
  return {
    async to(url, files) {
      const tls = await readTls(files);
      const way = route(url);
      const key = createHash('sha256')
        .update(JSON.stringify([way, tls]))
        .digest('hex');
      // A large library, which a daemon that never pulls need not hold.
      const undici = await import('undici');
      const known = open.get(key);
      if (known !== undefined) return known;
      const made = dispatcher(undici, way, tls, options);
      open.set(key, made);
      return made;
    },
    close: async () => {
      await Promise.all([...open.values()].map((each) => each.destroy()));
      open.clear();
    },
  };
};

/** Lower-case names win, as in curl; the loopback never goes through a proxy, as in Go's programs. */
const proxiesOf = (env: ConnectionOptions['env']) => ({
  http: env.http_proxy ?? env.HTTP_PROXY ?? '',
  https: env.https_proxy ?? env.HTTPS_PROXY ?? '',
  none: env.no_proxy ?? env.NO_PROXY ?? '',
});

const createRoutes =
  (env: ConnectionOptions['env']) =>
  (url: URL): Route => {
    if (isLoopback(url.hostname)) return 'direct';
    const proxies = proxiesOf(env);
    return (url.protocol === 'https:' ? proxies.https : proxies.http) === '' ? 'direct' : 'proxy';
  };

const dispatcher = (
  { Agent, EnvHttpProxyAgent }: typeof import('undici'),
  way: Route,
  tls: TlsBytes,
  { env, connectMs }: ConnectionOptions,
): Dispatcher => {
  const connect = {
    timeout: connectMs,
    rejectUnauthorized: tls.rejectUnauthorized,
    ...(tls.ca === undefined ? {} : { ca: [...tls.ca] }),
    ...(tls.cert === undefined ? {} : { cert: [...tls.cert] }),
    ...(tls.key === undefined ? {} : { key: [...tls.key] }),
  };
  const shared = { connections: CONNECTIONS_PER_HOST, connect };
  if (way === 'direct') return new Agent(shared);
  const proxies = proxiesOf(env);
  try {
    return new EnvHttpProxyAgent({
      ...shared,
      requestTls: connect,
      // Plain http goes to the proxy as a request, not through a tunnel, which proxies grant to port 443 only.
      proxyTunnel: false,
      httpProxy: proxies.http,
      httpsProxy: proxies.https,
      noProxy: proxies.none,
    });
  } catch (error) {
    // Without the value: it may hold a password.
    throw new Rejection(
      'failed-precondition',
      'HTTP_PROXY or HTTPS_PROXY is not a URL; correct it in the environment of the daemon',
      {
        cause: error,
      },
    );
  }
};

const readTls = async ({ ca, client, skipVerify }: TlsFiles): Promise<TlsBytes> => ({
  rejectUnauthorized: !skipVerify,
  ...(ca.length === 0 ? {} : { ca: [...rootCertificates, ...(await Promise.all(ca.map(readPem)))] }),
  ...(client.length === 0
    ? {}
    : {
        cert: await Promise.all(client.map(({ certificate }) => readPem(certificate))),
        key: await Promise.all(client.map(({ key }) => readPem(key))),
      }),
});

const readPem = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Rejection(
      'failed-precondition',
      `cannot read the certificate file ${path} that hosts.toml names: ${String(error)}`,
      {
        cause: error,
      },
    );
  }
};
