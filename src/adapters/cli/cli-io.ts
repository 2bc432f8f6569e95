import type { WriteStream } from 'node:tty';

/** What the command line touches of its process. Tests give their own streams; `src/cli.ts` gives the real ones. */
export interface CliIo {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>>;
  readonly stderr: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Where signals sent to this process arrive: `process`, which also says `exit`. */
  readonly signals: NodeJS.EventEmitter;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** Standard output was closed by its reader, as `| head` does: nothing more is to be said. */
export class OutputClosed extends Error {
  constructor() {
    super('standard output was closed');
    this.name = 'OutputClosed';
  }
}

/**
 * Writes and waits until the reader keeps up.
 *
 * @throws OutputClosed when there is no reader any more
 */
export const write = (stream: NodeJS.WritableStream, data: string | Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    stream.write(data, (error) => {
      if (!error) resolve();
      else reject('code' in error && error.code === 'EPIPE' ? new OutputClosed() : error);
    });
  });
