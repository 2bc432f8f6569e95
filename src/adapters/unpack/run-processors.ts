import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { Rejection } from '../../domain/rejection.ts';
import { growPipe, pipe } from '../syscalls/pipe.ts';
import type { StreamProcessor } from './stream-processors.ts';

/** What is kept of a program's words: the end of them, where it says why it gave up. */
const WORDS = 4096;
/** A pipe holds so many bytes without a reader, and more only where the kernel lets it. */
const PIPE_BYTES = 64 * 1024;
const PAYLOAD_BYTES = 1024 * 1024;

export interface ProcessedStream {
  /** Where the outcome is read; closed by `close`. */
  readonly fd: number;
  /** What went wrong on the way, first program first; undefined where nothing did. Resolves after the end of all. */
  fault(): Promise<Rejection | undefined>;
  /** Makes the stream end now. */
  interrupt(): void;
  close(): Promise<void>;
}

export interface ProcessorInput {
  /** Open, and read from where it stands. */
  readonly fd: number;
  readonly mediaType: string;
}

/** A pipe that holds all of the payload already. */
const payloadPipe = ({ id }: StreamProcessor, payload: Uint8Array): number => {
  const { readEnd, writeEnd } = pipe();
  try {
    const fits =
      payload.length <= PIPE_BYTES || (payload.length <= PAYLOAD_BYTES && growPipe(writeEnd, PAYLOAD_BYTES));
    if (!fits) {
      throw new Rejection(
        'resource-exhausted',
        `the payload for stream processor '${id}' has ${payload.length} bytes; at most ${PAYLOAD_BYTES} can be handed on`,
      );
    }
    writeSync(writeEnd, payload);
    return readEnd;
  } catch (error) {
    closeSync(readEnd);
    throw error;
  } finally {
    closeSync(writeEnd);
  }
};

const endOf = (child: ChildProcess, { id, path }: StreamProcessor): Promise<Rejection | undefined> => {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-WORDS);
  });
  return new Promise((resolve) => {
    child.once('error', (error) =>
      resolve(
        new Rejection(
          'failed-precondition',
          `stream processor '${id}' (${path}) could not be started: ${error.message}`,
        ),
      ),
    );
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(undefined);
      const how = signal ?? `code ${code}`;
      resolve(
        new Rejection(
          'failed-precondition',
          `stream processor '${id}' (${path}) ended with ${how}: ${said.trim()}`,
        ),
      );
    });
  });
};

/** Starts one program. @returns its end, and where its output is read */
const start = (step: StreamProcessor, input: ProcessorInput, payload: Uint8Array | undefined) => {
  const payloadEnd = payload === undefined ? undefined : payloadPipe(step, payload);
  const { readEnd, writeEnd } = pipe();
  growPipe(readEnd, PAYLOAD_BYTES);
  try {
    const own = Object.fromEntries(
      step.env.map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]),
    );
    const child = spawn(step.path, step.args, {
      // containerd's agreement: the payload is descriptor 3, the type of the input in the environment
      stdio: [input.fd, writeEnd, 'pipe', ...(payloadEnd === undefined ? [] : [payloadEnd])],
      env: { ...process.env, ...own, STREAM_PROCESSOR_MEDIATYPE: input.mediaType },
    });
    return { child, fd: readEnd, ended: endOf(child, step) };
  } catch (error) {
    closeSync(readEnd);
    throw error;
  } finally {
    // the child has its own; ours would keep the reader from ever seeing the end
    closeSync(writeEnd);
    if (payloadEnd !== undefined) closeSync(payloadEnd);
  }
};

/** Lets the stream run through all the programs at once, each reading what the one before writes. */
export const runProcessors = (
  input: ProcessorInput,
  steps: readonly [StreamProcessor, ...StreamProcessor[]],
  payloads: Readonly<Record<string, Uint8Array>>,
): ProcessedStream => {
  const running: ReturnType<typeof start>[] = [];
  const interrupt = () => {
    for (const { child } of running) child.kill('SIGKILL');
  };
  let from = input;
  try {
    for (const step of steps) {
      const started = start(step, from, payloads[step.id]);
      // between two programs; the last one is the caller's to read
      if (running.length > 0) closeSync(from.fd);
      running.push(started);
      from = { fd: started.fd, mediaType: step.returns };
    }
  } catch (error) {
    interrupt();
    if (running.length > 0) closeSync(from.fd);
    throw error;
  }
  const ended = Promise.all(running.map((each) => each.ended));
  const { fd } = from;
  return {
    fd,
    fault: async () => (await ended).find((one) => one !== undefined),
    interrupt,
    close: async () => {
      interrupt();
      await ended;
      closeSync(fd);
    },
  };
};
