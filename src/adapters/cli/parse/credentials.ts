import type { CliIo } from '../cli-io.ts';
import { UsageError } from '../exit-codes.ts';

const MAX_PASSWORD_BYTES = 64 * 1024;

const readSecret = async (stdin: NodeJS.ReadableStream): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_PASSWORD_BYTES)
      throw new UsageError('the password on standard input is longer than 64 KiB');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
};

/**
 * Credentials for one pull or push; undefined leaves it to the daemon, which reads docker's configuration.
 *
 * @throws UsageError when there is no password, or two
 */
export const readCredentials = async (
  creds: string | undefined,
  passwordStdin: boolean | undefined,
  io: CliIo,
): Promise<{ username: string; password: string } | undefined> => {
  if (creds === undefined) {
    if (passwordStdin) throw new UsageError('--password-stdin needs --creds USER');
    return undefined;
  }
  const colon = creds.indexOf(':');
  const username = colon < 0 ? creds : creds.slice(0, colon);
  if (username === '') throw new UsageError('--creds is USER or USER:PASSWORD; the user is empty');
  if (colon >= 0 && passwordStdin)
    throw new UsageError('give the password in --creds or on standard input, not both');
  if (colon >= 0) return { username, password: creds.slice(colon + 1) };
  if (passwordStdin) return { username, password: await readSecret(io.stdin) };
  throw new UsageError('--creds has no password: add :PASSWORD, or better --password-stdin');
};
