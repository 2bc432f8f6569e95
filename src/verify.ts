import { readFile } from 'node:fs/promises';
import manifest from '../package.json' with { type: 'json' };
import { parseArguments, UsageError, usage, type VerifyRequest } from './adapters/verifier/arguments.ts';
import { SliceCheck, type SliceReport } from './slice/check.ts';
import { readHead } from './slice/check-heads.ts';
import { unpackSlice } from './slice/file.ts';
import { TlogError } from './tlog/error.ts';
import { parseVerifier, type Verifier } from './tlog/key.ts';

/** The program `shiplog-verify`: checks what a host's log says, without the host. */

const exitCodes = { sound: 0, unsound: 1, unreadable: 2 } as const;

type Report = Pick<SliceReport, 'verdict' | 'message' | 'position' | 'notes'> & Partial<SliceReport>;

const sliceReport = async (
  path: string,
  verifiers: readonly Verifier[],
  notes: readonly string[],
): Promise<Report> => {
  const check = new SliceCheck({ verifiers, kept: notes.map((note) => readHead(note, verifiers, true)) });
  try {
    for await (const part of unpackSlice(path)) {
      check.take(part);
      if (check.failed) break;
    }
  } catch (error) {
    return check.report(error);
  }
  return check.report();
};

const reportOf = async ({ what, keys, heads }: VerifyRequest): Promise<Report> => {
  const verifiers = keys.map(parseVerifier);
  const notes = await Promise.all(heads.map((path) => readFile(path, 'utf8')));
  if ('slice' in what) return sliceReport(what.slice, verifiers, notes);
  // Binaries of the log's checksums are loaded only where a log is read.
  const { verifyLogCopy } = await import('./verify-log.ts');
  return verifyLogCopy(what.log, verifiers, notes);
};

const textOf = ({ verdict, message, notes }: Report): string =>
  [`${verdict}: ${message}`, ...notes.map((note) => `note: ${note}`), ''].join('\n');

const jsonOf = ({ verdict, message, position, notes, manifest: of, leftOut, redacted }: Report): string => {
  const slice =
    of === undefined
      ? {}
      : { origin: of.origin, from: of.from, to: of.to, treeSize: of.treeSize, leftOut, redacted };
  return `${JSON.stringify({ verdict, message, ...(position === undefined ? {} : { position }), notes, ...slice })}\n`;
};

const say = async (request: VerifyRequest): Promise<number> => {
  const report = await reportOf(request);
  const text = request.json ? jsonOf(report) : textOf(report);
  (report.verdict === 'sound' || request.json ? process.stdout : process.stderr).write(text);
  return exitCodes[report.verdict];
};

const main = async (argv: readonly string[]): Promise<number> => {
  const request = parseArguments(argv);
  if (typeof request === 'object') return say(request);
  process.stdout.write(request === 'help' ? usage : `shiplog-verify ${manifest.version}\n`);
  return 0;
};

main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    const advice = error instanceof UsageError ? "; see 'shiplog-verify --help'" : '';
    process.stderr.write(`shiplog-verify: ${message}${advice}\n`);
    const known =
      error instanceof UsageError ||
      error instanceof TlogError ||
      (error instanceof Error && 'code' in error);
    if (!known && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exitCode = exitCodes.unreadable;
  },
);
