import { startupSnapshot } from 'node:v8';
import manifest from '../package.json' with { type: 'json' };
import { containerdConfigText, containerdDefaultText } from './adapters/config/containerd/default-text.ts';
import { defaultConfigText } from './adapters/config/default-text.ts';
import { configText } from './adapters/config/dump-text.ts';
import { loadConfig, parseConfig } from './adapters/config/load.ts';
import {
  type Invocation,
  type ProgramName,
  parseArguments,
  programName,
} from './adapters/daemon/arguments.ts';
import { compactMemory } from './adapters/daemon/compact-memory.ts';
import { joinControlGroup } from './adapters/daemon/control-group.ts';
import { giveMemoryBack } from './adapters/daemon/give-back.ts';
import { setOomScore } from './adapters/daemon/oom-score.ts';
import { preferEventLoop } from './adapters/daemon/prefer-event-loop.ts';
import { widenPool } from './adapters/daemon/widen-pool.ts';
import { createLogger } from './adapters/logging/logger.ts';
import { createNotifier } from './adapters/systemd/notifier.ts';
import { startDaemon } from './daemon.ts';
import { asRejection } from './domain/rejection.ts';

/** EX_CONFIG of sysexits.h: starting again would not help, and systemd is told not to (packaging/shiplogd.service). */
const FENCED_OUT = 78;

type Dialect = 'containerd' | 'shiplog';

/** What `config` prints, in the words of whoever asks. */
const configurationText = (
  invocation: Exclude<Invocation, { kind: 'serve' | 'oci-hook' }>,
  dialect: Dialect,
): string => {
  if (invocation.kind === 'config-default') {
    return dialect === 'containerd' ? containerdDefaultText() : defaultConfigText();
  }
  const { config, given, warnings } = loadConfig(invocation.configPath, invocation.overrides, dialect);
  for (const warning of warnings) process.stderr.write(`${warning}\n`);
  if (invocation.kind === 'config-migrate') return configText(given, false);
  return dialect === 'containerd' ? containerdConfigText(config) : configText(given, true);
};

/** The program `shiplogd`: the process around the daemon. */
const main = async (name: ProgramName): Promise<void> => {
  // Of no concern to what the daemon starts.
  delete process.env.SHIPLOG_PROGRAM;
  const dialect = name === 'containerd' ? 'containerd' : 'shiplog';
  const revision = process.env.SHIPLOG_REVISION ?? '';
  const program = { name, version: manifest.version, revision };
  const invocation = parseArguments(process.argv.slice(2), program);
  if (invocation.kind === 'oci-hook') {
    const { runOciHook } = await import('./adapters/daemon/oci-hook.ts');
    process.exitCode = runOciHook(invocation.words, process.env);
    return;
  }
  if (invocation.kind !== 'serve') {
    process.stdout.write(configurationText(invocation, dialect));
    return;
  }
  const { config, warnings } = loadConfig(invocation.configPath, invocation.overrides, dialect);
  const logger = createLogger(config.log);
  for (const warning of warnings) logger.warn(warning);
  process.umask(0o022);
  setOomScore(config.oom_score);
  preferEventLoop();
  if (!compactMemory())
    logger.warn('the C library knows no options of malloc; the daemon may hold more memory');
  await widenPool(process.env);
  joinControlGroup(config.cgroup.path, process.pid);
  const notifier = createNotifier(process.env.NOTIFY_SOCKET, logger);
  const daemon = await startDaemon({
    config,
    logger,
    version: manifest.version,
    revision,
    env: process.env,
    onFencedOut: (reason) => {
      logger.error('another daemon writes the log of this host; stopping, containers run on', {
        error: reason,
      });
      // Callers are told first.
      setTimeout(() => process.exit(FENCED_OUT), 250);
    },
  });
  notifier.ready();
  logger.info('ready', { address: config.grpc.address, root: config.root, pid: process.pid });
  giveMemoryBack((error) => {
    logger.warn('memory that is free stays with the daemon', { error });
  });

  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) return;
    stopping = true;
    notifier.stopping();
    logger.info('stopping; containers run on', { signal });
    daemon.stop(signal).then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error('did not stop cleanly; the next start sets things right', { error });
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
};

const start = (): void => {
  const name = programName(process.argv[1], process.env.SHIPLOG_PROGRAM);
  main(name).catch((error: unknown) => {
    const { code, message } = asRejection(error);
    process.stderr.write(`${name}: ${message}\n`);
    if (code === 'internal' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  });
};

if (startupSnapshot.isBuildingSnapshot()) {
  // A snapshot of V8 (ADR 42) holds what is in memory by now: all keys of the configuration, too.
  parseConfig('', 'no file');
  startupSnapshot.setDeserializeMainFunction(start);
} else {
  start();
}
