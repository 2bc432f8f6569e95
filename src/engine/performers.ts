import type { Ledger } from './ledger.ts';
import { archivePerformers } from './performers/archives.ts';
import { contentPerformers } from './performers/content.ts';
import { Removals } from './performers/removals.ts';
import { snapshotPerformers } from './performers/snapshots.ts';
import { taskPerformers } from './performers/tasks.ts';
import type { Ports } from './ports/ports.ts';
import type { Performers } from './workflow-runner.ts';

/** Every effect that a workflow can ask for, carried out through the ports. */
export const performersOf = (
  ports: Ports,
  ledger: Ledger,
  removals = new Removals(ports.blobs, ledger),
): Performers => ({
  ...contentPerformers(ports, removals),
  ...archivePerformers(ports, removals),
  ...snapshotPerformers(ports),
  ...taskPerformers(ports, ledger),
  now: async () => ports.clock.now(),
  'host-platform': async () => ports.host.platform,
  'fresh-name': async ({ kind }) => ports.names[kind](),
  sleep: ({ ms }, { signal }) => ports.clock.sleep(ms, signal),
  report: async (report, context) => context.report(report),
});
