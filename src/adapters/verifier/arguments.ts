import { parseArgs } from 'node:util';

/** What `shiplog-verify` was asked. */
export interface VerifyRequest {
  readonly what: { readonly slice: string } | { readonly log: string };
  readonly keys: readonly string[];
  /** Paths of files with heads. */
  readonly heads: readonly string[];
  readonly json: boolean;
}

export const usage = `Usage: shiplog-verify FILE --key VKEY [--head FILE]
       shiplog-verify --log FOLDER --key VKEY [--head FILE]

Checks a slice of a Shiplog log, or a copied log, with nothing but the public key. Needs no daemon and no network.

  --key VKEY         a public key that may have signed, as 'shiplog log key' prints it (repeat)
  --head FILE        a signed head that was kept elsewhere: the log must lead to it (repeat)
  --log FOLDER       check all of a log: the folder with its segments, as copied from <root>/log
  --format FORMAT    text or json
  --help, --version

Exit codes: 0 sound; 1 not sound, with the first position that is wrong; 2 unreadable, or asked wrongly.
`;

/** Asked wrongly. */
export class UsageError extends Error {}

const options = {
  key: { type: 'string', multiple: true },
  head: { type: 'string', multiple: true },
  log: { type: 'string' },
  format: { type: 'string' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const;

const parsed = (argv: readonly string[]) => {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
};

/** @throws UsageError */
export const parseArguments = (argv: readonly string[]): VerifyRequest | 'help' | 'version' => {
  const { values, positionals } = parsed(argv);
  if (values.help) return 'help';
  if (values.version) return 'version';
  const { key: keys = [], head: heads = [], log, format = 'text' } = values;
  const [slice, ...more] = positionals;
  if (keys.length === 0)
    throw new UsageError('no --key was given: nothing can be proven without the public key');
  if (format !== 'text' && format !== 'json')
    throw new UsageError(`--format is text or json, not '${format}'`);
  const json = format === 'json';
  if (log !== undefined && slice === undefined) return { what: { log }, keys, heads, json };
  if (log === undefined && slice !== undefined && more.length === 0)
    return { what: { slice }, keys, heads, json };
  throw new UsageError('give one file of a slice, or --log with a folder');
};
