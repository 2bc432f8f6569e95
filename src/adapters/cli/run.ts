import { resolve } from 'node:path';
import { type Command, CommanderError } from 'commander';
import type { ShiplogClient } from '../../client/connect.ts';
import { ShiplogError } from '../../client/shiplog-error.ts';
import type { Fleet } from '../../engine/ports/fleet.ts';
import type { OpenedPast, PastOrder } from '../../engine/ports/past.ts';
import { type CliIo, OutputClosed, write } from './cli-io.ts';
import { Exit, exitCodeOf, exitCodes, isUsageError, UsageError } from './exit-codes.ts';
import { type GlobalOptions, loadVerbs, makeProgram } from './program.ts';
import type { Task, VerbContext } from './verb.ts';
import { verbs } from './verbs.ts';

const usageExitCodes: Readonly<Record<string, number>> = {
  'commander.helpDisplayed': exitCodes.ok,
  'commander.version': exitCodes.ok,
  'commander.help': exitCodes.failed,
  'commander.unknownCommand': exitCodes.failed,
};

/** Aborted by SIGINT and SIGTERM; the second of them ends the process at once. */
const abortOnSignal = (io: CliIo): { readonly signal: AbortSignal; release(): void } => {
  const controller = new AbortController();
  const abort = () => {
    controller.abort();
    release();
  };
  const release = () => {
    io.signals.off('SIGINT', abort);
    io.signals.off('SIGTERM', abort);
  };
  io.signals.on('SIGINT', abort);
  io.signals.on('SIGTERM', abort);
  return { signal: controller.signal, release };
};

const describe = (error: unknown, verb: string, debug: boolean): string => {
  const message = error instanceof Error ? error.message : String(error);
  const line = error instanceof ShiplogError && error.unreachable ? message : `${verb}: ${message}`;
  const code = error instanceof ShiplogError ? `\ncode: ${error.code}` : '';
  const stack = error instanceof Error ? `\n${error.stack ?? ''}` : '';
  const advice = isUsageError(error) && !message.includes('--help') ? `; see 'shiplog ${verb} --help'` : '';
  return `shiplog: ${line}${advice}${debug ? `${code}${stack}` : ''}\n`;
};

/** What is not the command line's own, and is handed to it where everything is put together. */
export interface Tools {
  readonly openFleet: (connectionString: string) => Promise<Fleet>;
  readonly openPast: (order: PastOrder) => Promise<OpenedPast>;
}

const noTools: Tools = {
  openFleet: () => Promise.reject(new TypeError('this command line was started without a fleet')),
  openPast: () => Promise.reject(new TypeError('this command line was started without logs to open')),
};

/** The log that is to be asked in the place of a daemon. @throws UsageError where two are named */
const pastIn = ({ bundle, logDir, key }: GlobalOptions, cwd: string): PastOrder | undefined => {
  if (bundle !== undefined && logDir !== undefined)
    throw new UsageError('--bundle and --log-dir are two logs; give one');
  const path = bundle ?? logDir;
  if (path === undefined) return undefined;
  return { kind: bundle === undefined ? 'log' : 'slice', path: resolve(cwd, path), keys: key ?? [] };
};

interface Invocation {
  readonly tools: Tools;
  readonly io: CliIo;
  readonly verb: string;
  readonly task: Task;
  readonly options: GlobalOptions;
}

/** Runs one verb with its context, and turns whatever it throws into words and a code. */
const performTask = async ({ io, verb, task, options, tools }: Invocation): Promise<number> => {
  let client: ShiplogClient | undefined;
  let fleet: Fleet | undefined;
  let past: OpenedPast | undefined;
  const { signal, release } = abortOnSignal(io);
  const debug = options.debug ?? false;
  const context: VerbContext = {
    io,
    namespace: options.namespace ?? (io.env.SHIPLOG_NAMESPACE || 'default'),
    signal,
    takeSignals: release,
    complain: async (error) => write(io.stderr, describe(error, verb, debug)),
    fleet: async (connectionString) => {
      fleet ??= await tools.openFleet(connectionString);
      return fleet;
    },
    client: async () => {
      const { connect } = await import('../../client/connect.ts');
      const order = client === undefined ? pastIn(options, io.cwd) : undefined;
      if (order !== undefined) {
        past = await tools.openPast(order);
        for (const note of past.notes) await write(io.stderr, `shiplog: note: ${note}\n`);
      }
      const address = past?.address ?? options.address ?? (io.env.SHIPLOG_ADDRESS || undefined);
      client ??= connect({
        client: 'shiplog',
        ...(address === undefined ? {} : { address }),
        ...(options.reason === undefined ? {} : { reason: options.reason }),
      });
      return client;
    },
  };
  try {
    return await task(context);
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted;
    if (!(error instanceof Exit) && !(error instanceof OutputClosed)) await context.complain(error);
    return exitCodeOf(error, verb);
  } finally {
    release();
    client?.close();
    await fleet?.close();
    await past?.close();
  }
};

/** The words that named a verb, and its flags; those nearer to it win. */
const invoked = (command: Command): { readonly verb: string; readonly options: GlobalOptions } => {
  if (command.parent === null) return { verb: '', options: command.opts<GlobalOptions>() };
  const { verb, options } = invoked(command.parent);
  return {
    verb: verb === '' ? command.name() : `${verb} ${command.name()}`,
    options: { ...options, ...command.opts<GlobalOptions>() },
  };
};

/** Loads all verbs and what most of them ask a daemon with, which `run` loads when they are asked for. */
export const loadAhead = async (): Promise<void> => {
  await Promise.all(Object.values(verbs).map(({ load }) => load()));
  await import('../../client/connect.ts');
  await Promise.all([
    import('../../gen/shiplog/v1/containers_pb.ts'),
    import('../../gen/shiplog/v1/images_pb.ts'),
    import('../../gen/shiplog/v1/system_pb.ts'),
  ]);
};

/**
 * The whole command line, apart from the process around it.
 *
 * @param argv the words after `shiplog`
 * @returns the exit code
 */
export const run = async (
  argv: readonly string[],
  io: CliIo,
  given: Partial<Tools> = {},
): Promise<number> => {
  const tools = { ...noTools, ...given };
  if (argv[0] === '__complete') {
    const { complete } = await import('./complete.ts');
    return complete(argv.slice(1), io);
  }
  // Without these, a closed pipe would be an uncaught error; the write that met it fails by itself.
  for (const stream of [io.stdout, io.stderr]) stream.on('error', () => undefined);
  const loaded = await loadVerbs(argv);
  const printed: Promise<void>[] = [];
  let exitCode: number = exitCodes.ok;
  const perform = async (task: Task, command: Command): Promise<void> => {
    exitCode = await performTask({ io, tools, ...invoked(command), task });
  };
  const program = makeProgram({
    out: (text) => printed.push(write(io.stdout, text)),
    err: (text) => printed.push(write(io.stderr, text)),
    columns: io.stdout.columns ?? 100,
    perform,
    loaded,
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return usageExitCodes[error.code] ?? exitCodes.own;
  } finally {
    await Promise.all(printed).catch((error: unknown) => {
      if (!(error instanceof OutputClosed)) throw error;
    });
  }
};
