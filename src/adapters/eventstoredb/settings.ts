import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ChannelCredentialOptions, Credentials } from '@eventstore/db-client';
import type {
  DNSClusterOptions,
  GossipClusterOptions,
  SingleNodeOptions,
} from '@eventstore/db-client/dist/Client/index.js';
import {
  type ConnectionOptions,
  parseConnectionString,
} from '@eventstore/db-client/dist/Client/parseConnectionString.js';
import { Rejection } from '../../domain/rejection.ts';

/** What the client is constructed with. */
export interface Settings {
  readonly connection: DNSClusterOptions | GossipClusterOptions | SingleNodeOptions;
  readonly channel: ChannelCredentialOptions;
  readonly credentials: Credentials | undefined;
}

/** Options of a connection string that this client knows, without case, `-` and `_`. */
const KNOWN = new Set([
  'connectionname',
  'defaultdeadline',
  'discoveryinterval',
  'gossiptimeout',
  'keepaliveinterval',
  'keepalivetimeout',
  'maxdiscoverattempts',
  'nodepreference',
  'tls',
  'tlscafile',
  'usercertfile',
  'userkeyfile',
]);

const FORM = 'esdb://[user:password@]host:port[,host:port…][?tls=true|false&tlsCAFile=…]';

/**
 * Reads a connection string: `esdb://`, `esdb+discover://`, and KurrentDB's newer `kurrentdb://` and `kdb://`, which mean
 * the same. No error repeats the string, since it may hold a password; for the same reason options are checked here,
 * before the client would print them to the console.
 * @throws Rejection `invalid-argument`
 */
export const settingsOf = (connectionString: string): Settings => {
  const text = connectionString.trim().replace(/^(?:kurrentdb|kurrent|kdb)(\+discover)?:\/\//, 'esdb$1://');
  for (const pair of text.split('?').slice(1).join('&').split('&')) checkOption(pair);
  const options = parsed(text);
  const channel = channelOf(options);
  return { connection: connectionOf(options), channel, credentials: options.defaultCredentials };
};

/** Where a connection string leads, for people: hosts and ports, never the password. @throws as {@link settingsOf} */
export const placeOf = (connectionString: string): string => {
  const { connection } = settingsOf(connectionString);
  const hosts =
    'endpoints' in connection
      ? connection.endpoints
      : ['discover' in connection ? connection.discover : connection.endpoint];
  return hosts.map((host) => (typeof host === 'string' ? host : `${host.address}:${host.port}`)).join(',');
};

const refusal = (what: string): Rejection =>
  new Rejection(
    'invalid-argument',
    `Reading the connection string of KurrentDB: ${what}. It looks like ${FORM}.`,
  );

const checkOption = (pair: string): void => {
  if (pair === '') return;
  const name = pair.split('=')[0] ?? '';
  const plain = name.toLowerCase().replace(/[-_]/g, '');
  if (plain === 'tlsverifycert') {
    throw refusal('tlsVerifyCert is not supported by the client; name the CA with tlsCAFile instead');
  }
  // A name that is not plain letters may be a piece of a password that was not percent-encoded.
  if (!/^[A-Za-z_-]+$/.test(name)) throw refusal('an option after the "?" is not of the form name=value');
  if (!KNOWN.has(plain)) throw refusal(`the option ${name} is unknown`);
};

const parsed = (text: string): ConnectionOptions => {
  try {
    return parseConnectionString(text);
  } catch {
    // The parser's own error quotes the string.
    throw refusal('it can not be read (percent-encode special characters of the password)');
  }
};

const connectionOf = (options: ConnectionOptions): Settings['connection'] => {
  const { hosts, dnsDiscover } = options;
  const [first, ...others] = hosts;
  if (first === undefined) throw refusal('it names no host');
  const shared = {
    ...(options.connectionName !== undefined && { connectionName: options.connectionName }),
    ...(options.defaultDeadline !== undefined && { defaultDeadline: options.defaultDeadline }),
    ...(options.keepAliveInterval !== undefined && { keepAliveInterval: options.keepAliveInterval }),
    ...(options.keepAliveTimeout !== undefined && { keepAliveTimeout: options.keepAliveTimeout }),
  };
  const discovery = {
    ...shared,
    ...(options.maxDiscoverAttempts !== undefined && { maxDiscoverAttempts: options.maxDiscoverAttempts }),
    ...(options.discoveryInterval !== undefined && { discoveryInterval: options.discoveryInterval }),
    ...(options.gossipTimeout !== undefined && { gossipTimeout: options.gossipTimeout }),
    ...(options.nodePreference !== undefined && { nodePreference: options.nodePreference }),
  };
  if (dnsDiscover && others.length > 0) throw refusal('with +discover it names one host');
  if (dnsDiscover) return { ...discovery, discover: first };
  return others.length > 0 ? { ...discovery, endpoints: hosts } : { ...shared, endpoint: first };
};

const channelOf = (options: ConnectionOptions): ChannelCredentialOptions => {
  if (options.tls === false) return { insecure: true };
  const { tlsCAFile, userCertFile, userKeyFile } = options;
  if ((userCertFile === undefined) !== (userKeyFile === undefined)) {
    throw refusal('userCertFile and userKeyFile come together');
  }
  return {
    insecure: false,
    ...(tlsCAFile !== undefined && { rootCertificate: readPem('tlsCAFile', tlsCAFile) }),
    ...(userCertFile !== undefined && { userCertFile: readPem('userCertFile', userCertFile) }),
    ...(userKeyFile !== undefined && { userKeyFile: readPem('userKeyFile', userKeyFile) }),
  };
};

const readPem = (option: string, path: string): Buffer => {
  try {
    return readFileSync(resolve(path));
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw refusal(`the file named by ${option} can not be read: ${words}`);
  }
};
