import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';

/**
 * Bundles {@link file://./log-child.ts}, or another program beside it, inside the checkout, so that its packages are found.
 * @returns the file's path
 */
export const bundleLogChild = async (directory: string, name = 'log-child'): Promise<string> => {
  const outfile = join(directory, `${name}.mjs`);
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  return outfile;
};

export interface FinishedChild {
  readonly lines: readonly string[];
  readonly errors: string;
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
}

/** Runs a program, tells of each whole line it prints, and resolves when it has ended. */
export const runLines = (
  command: readonly string[],
  onLine: (line: string, child: ChildProcess) => void = () => {},
): Promise<FinishedChild> =>
  new Promise((resolve, reject) => {
    const [program = '', ...args] = command;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const lines: string[] = [];
    let rest = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        lines.push(line);
        onLine(line, child);
      }
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ lines, errors, code, signal }));
  });

/** The highest position that was acknowledged. */
export const acknowledged = (lines: readonly string[]): number =>
  lines.reduce((most, line) => (line.startsWith('ack ') ? Math.max(most, Number(line.slice(4))) : most), 0);
