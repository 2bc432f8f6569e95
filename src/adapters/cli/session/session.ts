import type { MessageInitShape } from '@bufbuild/protobuf';
import { ShiplogError } from '../../../client/shiplog-error.ts';
import type { Duplex } from '../../../client/streams.ts';
import type {
  SessionRequestSchema,
  SessionResponse,
  TerminalSizeSchema,
} from '../../../gen/shiplog/v1/containers_pb.ts';
import { type CliIo, write } from '../cli-io.ts';
import { exitCodes } from '../exit-codes.ts';
import { defaultDetachKeys } from '../parse/detach-keys.ts';
import type { VerbContext } from '../verb.ts';
import { detachFilter } from './detach-filter.ts';
import { enterRawMode } from './raw-terminal.ts';
import { exitCodeOfSignal, listenToSignals, type Signal } from './signals.ts';

type Request = MessageInitShape<typeof SessionRequestSchema>['request'];
type Call = Duplex<MessageInitShape<typeof SessionRequestSchema>, SessionResponse>;

export interface SessionOptions {
  /** What to run, start, attach to or exec. */
  readonly open: NonNullable<Request>;
  /** The process has a terminal of its own. */
  readonly terminal: boolean;
  /** Forward standard input. */
  readonly stdin: boolean;
  /** Return as soon as it has started. */
  readonly detach: boolean;
  /** Ctrl-P Ctrl-Q when undefined. */
  readonly detachKeys: Uint8Array | undefined;
  readonly onCreated?: (id: string) => Promise<void>;
}

/** How the caller left a process that goes on. */
type Left = { readonly exitCode: number; readonly says: string };

export const terminalSize = (io: CliIo): MessageInitShape<typeof TerminalSizeSchema> => ({
  width: io.stdout.columns ?? 0,
  height: io.stdout.rows ?? 0,
});

/** Sends what is typed or piped, chunk by chunk as the daemon takes it, then the end of it. */
const forwardStdin = async (
  call: Call,
  io: CliIo,
  keys: Uint8Array | undefined,
  detached: () => void,
): Promise<void> => {
  const filter = keys && detachFilter(keys);
  for await (const chunk of io.stdin) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    const { data, detach } = filter?.(bytes) ?? { data: bytes, detach: false };
    if (data.length > 0) await call.send({ request: { case: 'stdin', value: data } });
    if (detach) return detached();
  }
  // A message and not the end of the call: ending the call would be to detach.
  await call.send({ request: { case: 'closeStdin', value: {} } });
};

/** Signals that come before the process has started wait for it. */
const signalQueue = (call: Call) => {
  let waiting: Signal[] | undefined = [];
  const send = (signal: Signal): void => {
    if (waiting) waiting.push(signal);
    else void call.send({ request: { case: 'signal', value: signal } });
  };
  const open = (): void => {
    const early = waiting ?? [];
    waiting = undefined;
    for (const signal of early) send(signal);
  };
  return { send, open };
};

/** Copies answers to the streams until the process has exited. @returns its exit code */
const followOutput = async (
  call: Call,
  context: VerbContext,
  options: SessionOptions,
  started: () => void,
): Promise<number> => {
  for await (const { response } of call) {
    switch (response.case) {
      case 'created':
        await options.onCreated?.(response.value.id);
        break;
      case 'started':
        started();
        if (options.detach) return exitCodes.ok;
        break;
      case 'stdout':
        await write(context.io.stdout, response.value);
        break;
      case 'stderr':
        await write(context.io.stderr, response.value);
        break;
      case 'exited':
        return response.value.exitCode;
      case undefined:
        break; // Said by a newer daemon.
    }
  }
  if (options.detach) return exitCodes.ok;
  throw new ShiplogError('unknown', "the session ended before the process did; look with 'shiplog ps -a'");
};

/**
 * Lives one process's life at this terminal: output, input, window size, signals and detaching.
 *
 * @returns the exit code of the process, or of how it was left
 */
export const runSession = async (context: VerbContext, options: SessionOptions): Promise<number> => {
  const { io } = context;
  const client = await context.client();
  const call = client.containers.session();
  const attached = !options.detach;
  const raw = attached && options.terminal && options.stdin && io.stdin.isTTY === true;
  const signals = signalQueue(call);
  let left: Left | undefined;
  let failure: unknown;
  const leave = (how: Left): void => {
    left ??= how;
    call.cancel();
  };
  context.takeSignals();
  const silence = listenToSignals(io, raw, {
    proxy: signals.send,
    leave: (signal) => leave({ exitCode: exitCodeOfSignal(signal), says: '' }),
  });
  const resize = (): void => {
    void call.send({ request: { case: 'resize', value: terminalSize(io) } });
  };
  const restore = raw ? enterRawMode(io) : undefined;
  try {
    await call.send({ request: options.open });
    if (attached && options.terminal && io.stdout.isTTY) {
      if (options.open.case === 'attach' || options.open.case === 'start') resize();
      io.stdout.on('resize', resize);
    }
    if (attached && options.stdin) {
      const detached = (): void => leave({ exitCode: exitCodes.ok, says: 'detached; it goes on running' });
      forwardStdin(call, io, raw ? (options.detachKeys ?? defaultDetachKeys) : undefined, detached).catch(
        (error: unknown) => {
          failure = error;
          call.cancel();
        },
      );
    }
    return await followOutput(call, context, options, signals.open);
  } catch (error) {
    if (failure !== undefined) throw failure;
    if (!left) throw error;
    if (left.says) await write(io.stderr, `\r\nshiplog: ${left.says}\r\n`);
    return left.exitCode;
  } finally {
    silence();
    io.stdout.off('resize', resize);
    restore?.();
    call.cancel();
  }
};
