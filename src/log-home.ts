import type { Config } from './adapters/config/schema.ts';
import { createNames } from './adapters/linux/names.ts';
import { type OpenFileLog, openFileLog } from './adapters/log-file/file-log.ts';
import { createLogKeeper } from './adapters/log-file/keeper.ts';
import { leavesOf } from './adapters/log-file/leaves.ts';
import { Rejection } from './domain/rejection.ts';
import { factOf } from './engine/ledger.ts';
import { misfitOfReplica } from './engine/meeting.ts';
import type { Clock } from './engine/ports/clock.ts';
import type { LogKeeper } from './engine/ports/keeping.ts';
import type { Log } from './engine/ports/log.ts';
import type { Logger } from './engine/ports/logger.ts';
import type { LeafSource } from './engine/ports/proofs.ts';
import type { LogCopy } from './engine/ports/replica.ts';
import { Replicator } from './engine/replicator.ts';
import { openWriteThroughLog } from './engine/write-through-log.ts';

export interface LogHomeOptions {
  readonly config: Config;
  /** Of the files. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told when the log may not be written any more, since another daemon writes it. */
  readonly onFencedOut: (reason: Rejection) => void;
}

/** The log where the configuration has it, and its second copy. */
export interface LogHome {
  readonly log: Log;
  /** Of the files. */
  readonly keeper: LogKeeper;
  /** Of the files. */
  readonly leaves: LeafSource;
  /** The id that the host takes at its first start. */
  readonly freshHostId: string;
  /** Absent where the log is on this host only. */
  readonly copy?: LogCopy;
  /** Begins to ship, once it is known whose log this is. @throws Rejection `failed-precondition` for another id */
  begin(hostId: string): void;
  /** Ships what is left, within a bound, and closes the log. */
  close(): Promise<void>;
}

/** Opens the log in files, and on KurrentDB where a connection string is given. @throws Rejection of either */
export const openLogHome = async (options: LogHomeOptions): Promise<LogHome> => {
  const { config, directory, logger } = options;
  const { url, mode, host_id } = config.kurrentdb;
  const local = await openFileLog({
    directory,
    segmentBytes: config.event_log.segment_bytes,
    onTornTail: (torn) => logger.warn('an unfinished write at the end of the log was cut off', { ...torn }),
    warn: (message) => logger.warn(message),
  });
  const freshHostId = host_id === '' ? createNames().sortable() : host_id;
  if (url === '') {
    const keeper = createLogKeeper(local.files);
    const leaves = leavesOf(local.files);
    return { log: local, keeper, leaves, freshHostId, begin: () => undefined, close: () => local.close() };
  }
  try {
    return mode === 'primary'
      ? await openPrimary(options, local, freshHostId)
      : await openReplicated(options, local, freshHostId);
  } catch (error) {
    await local.close();
    throw error;
  }
};

const checkHostId = (wanted: string, hostId: string): void => {
  if (wanted === '' || wanted === hostId) return;
  throw new Rejection(
    'failed-precondition',
    `The configuration names this host ${wanted} (kurrentdb.host_id), and its log says ${hostId}. An id is for ever: ` +
      `set kurrentdb.host_id to '${hostId}' or '', or start with an empty log.`,
  );
};

/** Loaded when asked for: most hosts never need it. */
const loadAdapter = async () => {
  const [{ openEventStoreLog }, { placeOf }, { streamOfHost }] = await Promise.all([
    import('./adapters/eventstoredb/event-store-log.ts'),
    import('./adapters/eventstoredb/settings.ts'),
    import('./adapters/eventstoredb/stream-name.ts'),
  ]);
  return { openEventStoreLog, placeOf, streamOfHost };
};

/** Milliseconds that the shipper's connection tries by itself; the shipper has more patience, and longer pauses. */
const shipping = { deadlineMs: 10_000, giveUpAfterMs: 2000 };

const openReplicated = async (
  { config, clock, logger }: LogHomeOptions,
  local: OpenFileLog,
  freshHostId: string,
): Promise<LogHome> => {
  const { url, host_id, stop_timeout } = config.kurrentdb;
  const { openEventStoreLog, placeOf, streamOfHost } = await loadAdapter();
  const servers = placeOf(url);
  let hostId = freshHostId;
  // One line for each outage is the shipper's to write, not one for each try.
  const quiet: Logger = { ...bound(logger), warn: logger.debug.bind(logger) };
  const shipper = new Replicator({
    mode: 'replica',
    source: local,
    open: (signal) =>
      openEventStoreLog({ connectionString: url, hostId, signal, limits: shipping, logger: quiet }),
    place: () => `${streamOfHost(hostId)} on ${servers}`,
    misfit: misfitOfReplica,
    clock,
    logger,
    jitter: Math.random,
  });
  return {
    log: local,
    keeper: createLogKeeper(local.files),
    leaves: leavesOf(local.files),
    freshHostId,
    copy: shipper,
    begin: (id) => {
      checkHostId(host_id, id);
      hostId = id;
      shipper.start();
    },
    close: async () => {
      await shipper.stop(stop_timeout);
      await local.close();
    },
  };
};

const bound = (logger: Logger): Logger => ({
  debug: logger.debug.bind(logger),
  info: logger.info.bind(logger),
  warn: logger.warn.bind(logger),
  error: logger.error.bind(logger),
  child: logger.child.bind(logger),
});

const openPrimary = async (
  { config, clock, logger, onFencedOut }: LogHomeOptions,
  local: OpenFileLog,
  fresh: string,
): Promise<LogHome> => {
  const { url, host_id, give_up } = config.kurrentdb;
  const { openEventStoreLog, placeOf, streamOfHost } = await loadAdapter();
  const hostId = (await hostIdIn(local)) ?? fresh;
  checkHostId(host_id, hostId);
  const limits = { giveUpAfterMs: give_up };
  const remote = await openEventStoreLog({ connectionString: url, hostId, logger, limits });
  try {
    const log = await openWriteThroughLog({
      remote,
      local,
      place: () => `${streamOfHost(hostId)} on ${placeOf(url)}`,
      clock,
      logger,
      jitter: Math.random,
      onFencedOut,
    });
    return {
      log,
      keeper: createLogKeeper(local.files),
      leaves: leavesOf(local.files),
      freshHostId: hostId,
      copy: log,
      begin: (id) => checkHostId(hostId, id),
      close: () => log.close(),
    };
  } catch (error) {
    await remote.close();
    throw error;
  }
};

/** The host's id, which each start of the daemon records; undefined in a log without a start. */
const hostIdIn = async (log: Log): Promise<string | undefined> => {
  for await (const batch of log.read({ where: { types: ['daemon-started'] } })) {
    for (const recorded of batch) {
      const fact = factOf(recorded);
      if (fact.type === 'daemon-started') return fact.data.hostId;
    }
  }
  return undefined;
};
