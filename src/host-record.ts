import { join } from 'node:path';
import { openCheckpoints } from './adapters/checkpoints/directory.ts';
import type { Config } from './adapters/config/schema.ts';
import { createTreeHeads } from './adapters/tree-heads/tree-heads.ts';
import type { Actor } from './domain/envelope.ts';
import type { Position } from './domain/identity.ts';
import type { Rejection } from './domain/rejection.ts';
import { Keeping } from './engine/keeping.ts';
import { Ledger } from './engine/ledger.ts';
import { Notary } from './engine/notary.ts';
import type { Clock, Names } from './engine/ports/clock.ts';
import type { Logger } from './engine/ports/logger.ts';
import type { TreeHeads } from './engine/ports/proofs.ts';
import { SavedViews } from './engine/saved-views.ts';
import { Timeline } from './engine/timeline.ts';
import { type LogHome, openLogHome } from './log-home.ts';

export interface HostRecordOptions {
  readonly config: Config;
  /** Of the log's files. */
  readonly directory: string;
  readonly clock: Clock;
  readonly names: Names;
  readonly logger: Logger;
  /** The daemon itself: whoever signs heads. */
  readonly actor: Actor;
  /** Told when another daemon has taken over this host's log: nothing can be recorded any more. */
  readonly onFencedOut: (reason: Rejection) => void;
}

/** The log, with what is folded, saved, signed and kept of it. Nothing here touches a container. */
export interface HostRecord {
  readonly home: LogHome;
  readonly saved: SavedViews;
  readonly ledger: Ledger;
  readonly timeline: Timeline;
  readonly heads: TreeHeads;
  readonly notary: Notary;
  readonly keeping: Keeping;
  /** How many events the log held when it was opened. */
  readonly found: Position;
}

/** Opens the log, folds what no saved state holds yet, and finishes what keeping house left half done. */
export const openHostRecord = async (options: HostRecordOptions): Promise<HostRecord> => {
  const { config, directory, clock, names, logger, actor, onFencedOut } = options;
  const home = await openLogHome({ config, directory, clock, logger, onFencedOut });
  const { log } = home;
  const found = log.durable;
  const checkpoints = await openCheckpoints(join(config.root, 'checkpoints'));
  const saved = new SavedViews(log, checkpoints, clock, logger, {
    every: config.checkpoints.every_events,
    maxBytes: config.checkpoints.max_bytes,
  });
  const ledger = await Ledger.open(log, clock, saved);
  const timeline = new Timeline(log, ledger, saved);
  const heads = createTreeHeads({
    directory,
    keysDirectory: join(config.root, 'keys'),
    leaves: home.leaves,
    horizon: () => log.horizon,
  });
  const notary = new Notary({ log, ledger, heads, clock, names, logger }, { actor, ...config.tree_heads });
  const keeping = new Keeping({
    log,
    ledger,
    keeper: home.keeper,
    views: {
      below: (at) => saved.below(at),
      keep: (views) => saved.keep(views),
      forget: async (above) => {
        timeline.forget(above);
        await saved.forget(above);
      },
    },
    heads: notary,
    ...(home.copy === undefined ? {} : { copy: home.copy }),
  });
  await keeping.finish();
  return { home, saved, ledger, timeline, heads, notary, keeping, found };
};
