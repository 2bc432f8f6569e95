import { execFile } from 'node:child_process';
import { z } from 'zod';
import { Rejection } from '../../domain/rejection.ts';
import type { Credentials } from './docker-config.ts';

const HelperAnswer = z.object({ Username: z.string(), Secret: z.string() });

/** Longest answer of a helper, in bytes. */
const ANSWER_LIMIT = 64 * 1024;

/**
 * Asks `docker-credential-<name> get` for a server, by the protocol of docker-credential-helpers: the server's URL on
 * standard input, JSON on standard output. A user name of `<token>` means that the secret is an identity token.
 * @returns undefined where the helper has nothing for it
 * @throws Rejection `failed-precondition` where the helper is missing, fails or is not done after `limitMs`
 */
export const askHelper = async (
  name: string,
  server: string,
  env: Readonly<Record<string, string | undefined>>,
  limitMs: number,
): Promise<Credentials | undefined> => {
  const program = `docker-credential-${name}`;
  const { error, output } = await run(program, server, env, limitMs);
  if (error !== null) {
    if (/credentials not found/i.test(output)) return undefined;
    throw new Rejection(
      'failed-precondition',
      `${program} gives no credentials for ${server}: ${why(error, limitMs)}`,
      {
        cause: error,
      },
    );
  }
  const parsed = HelperAnswer.safeParse(parseJson(output));
  if (!parsed.success) {
    throw new Rejection(
      'failed-precondition',
      `${program} answers for ${server} with something that is no credential`,
    );
  }
  const { Username: username, Secret: secret } = parsed.data;
  if (secret === '') return undefined;
  return username === '<token>'
    ? { kind: 'identity-token', token: secret }
    : { kind: 'password', username, password: secret };
};

interface Ran {
  readonly error: (Error & { code?: unknown; killed?: boolean }) | null;
  readonly output: string;
}

const run = (
  program: string,
  input: string,
  env: Readonly<Record<string, string | undefined>>,
  limitMs: number,
): Promise<Ran> =>
  new Promise((resolve) => {
    const child = execFile(
      program,
      ['get'],
      { env: { ...env }, timeout: limitMs, killSignal: 'SIGKILL', maxBuffer: ANSWER_LIMIT, encoding: 'utf8' },
      (error, stdout) => resolve({ error, output: stdout }),
    );
    // A helper that ends without reading breaks the pipe; its exit says what is wrong.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });

const why = (error: NonNullable<Ran['error']>, limitMs: number): string => {
  if (error.code === 'ENOENT') return 'it is not in PATH; install it or remove it from config.json';
  if (error.killed) return `it did not answer within ${limitMs} ms`;
  return `it ended with ${typeof error.code === 'number' ? `exit code ${error.code}` : error.message}`;
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // Not quoted: what looks like nonsense may still be a secret.
    return undefined;
  }
};
