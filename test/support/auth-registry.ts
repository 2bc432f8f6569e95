import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { runProgram, startDaemon } from './child.ts';
import { freePort } from './registry-server.ts';

export interface AuthRegistry {
  readonly host: string;
  /** Path of the certificate of the authority that signed the registry's. */
  readonly ca: string;
  readonly username: string;
  readonly password: string;
  stop(): Promise<void>;
}

const username = 'sailor';
const password = 'correct horse';
/** bcrypt of the password, the only kind that docker-registry reads. */
const passwordHash = '$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2';

/** docker-registry on loopback with TLS, from an authority made for this one time, and htpasswd. */
export const startAuthRegistry = async (directory: string): Promise<AuthRegistry> => {
  await mkdir(join(directory, 'storage'), { recursive: true });
  const { ca, certificate, key } = await makeCertificates(directory);
  await writeFile(join(directory, 'htpasswd'), `${username}:${passwordHash}\n`);
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const config = join(directory, 'config.yml');
  await writeFile(
    config,
    [
      'version: 0.1',
      'log: { level: warn }',
      'storage:',
      `  filesystem: { rootdirectory: "${join(directory, 'storage')}" }`,
      'auth:',
      `  htpasswd: { realm: "harbour", path: "${join(directory, 'htpasswd')}" }`,
      'http:',
      `  addr: "${host}"`,
      '  relativeurls: true',
      `  tls: { certificate: "${certificate}", key: "${key}" }`,
      '',
    ].join('\n'),
  );
  const daemon = await startDaemon('docker-registry', ['serve', config], {
    logFile: join(directory, 'registry.log'),
    ready: () => accepts(port),
  });
  return { host, ca, username, password, stop: daemon.stop };
};

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/** An authority and a certificate for 127.0.0.1 and a name, good for a day. */
export const makeCertificates = async (
  directory: string,
  name = 'localhost',
): Promise<{ ca: string; certificate: string; key: string }> => {
  const at = (file: string): string => join(directory, file);
  const openssl = (...args: string[]) => runProgram('openssl', args);
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(
    ...['req', '-x509', ...fresh, '-days', '1', '-subj', '/CN=Shiplog test CA'],
    ...['-keyout', at('ca.key'), '-out', at('ca.pem')],
  );
  await openssl(
    ...['req', ...fresh, '-subj', `/CN=${name}`, '-keyout', at('server.key'), '-out', at('server.csr')],
  );
  await writeFile(at('san'), `subjectAltName=IP:127.0.0.1,DNS:${name}\n`);
  await openssl(
    ...['x509', '-req', '-in', at('server.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key')],
    ...['-CAcreateserial', '-days', '1', '-extfile', at('san'), '-out', at('server.pem')],
  );
  return { ca: at('ca.pem'), certificate: at('server.pem'), key: at('server.key') };
};
