import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { HostCounts } from '../../engine/ports/api.ts';
import type { Log } from '../../engine/ports/log.ts';
import type { CopyState, CopyStatus } from '../../engine/ports/replica.ts';

/** What is read at each scrape. */
export interface Reading {
  readonly counts: HostCounts;
  readonly log: Pick<Log, 'head' | 'durable' | 'horizon'> & { readonly bytes: number };
  /** Absent where the log is on this host only. */
  readonly copy?: CopyStatus;
}

type Value = (reading: Reading) => number | bigint | undefined;
interface Row {
  readonly name: string;
  readonly help: string;
  readonly value: Value;
}

const copyStates = ['connecting', 'shipping', 'waiting', 'stopped'] as const satisfies readonly CopyState[];

/** Names end in their unit, as Prometheus wants; a value that is not known gives no line. */
const rows: readonly Row[] = [
  {
    name: 'shiplog_log_head_events',
    help: 'Events handed to the log.',
    value: ({ log }) => log.head,
  },
  {
    name: 'shiplog_log_durable_events',
    help: 'Events on stable storage.',
    value: ({ log }) => log.durable,
  },
  {
    name: 'shiplog_log_horizon_events',
    help: 'Events pruned from the beginning of the log.',
    value: ({ log }) => log.horizon,
  },
  { name: 'shiplog_log_bytes', help: "Bytes of the log's files.", value: ({ log }) => log.bytes },
  { name: 'shiplog_containers', help: 'Containers.', value: ({ counts }) => counts.containers },
  {
    name: 'shiplog_containers_running',
    help: 'Containers whose task runs.',
    value: ({ counts }) => counts.containersRunning,
  },
  { name: 'shiplog_images', help: 'Images.', value: ({ counts }) => counts.images },
  { name: 'shiplog_snapshots', help: 'Snapshots.', value: ({ counts }) => counts.snapshots },
  { name: 'shiplog_blobs', help: 'Blobs, counted in each namespace.', value: ({ counts }) => counts.blobs },
  {
    name: 'shiplog_content_bytes',
    help: 'Bytes of all blobs, counted in each namespace.',
    value: ({ counts }) => counts.contentBytes,
  },
  {
    name: 'shiplog_divergences',
    help: 'Differences between log and host that the last start found.',
    value: ({ counts }) => counts.divergences,
  },
  {
    name: 'shiplog_log_copy_position_events',
    help: 'Events that the second copy of the log is known to have.',
    value: ({ copy }) => copy?.position,
  },
  {
    name: 'shiplog_log_copy_lag_events',
    help: 'Durable events that the second copy is not known to have.',
    value: ({ copy }) => copy?.lagEvents,
  },
  {
    name: 'shiplog_log_copy_lag_seconds',
    help: 'Age of the oldest of them.',
    value: ({ copy }) => (copy === undefined ? undefined : copy.lagTime / 1e6),
  },
  {
    name: 'shiplog_log_copy_last_error_timestamp_seconds',
    help: 'When writing the second copy last failed, also where that has passed.',
    value: ({ copy }) => (copy?.lastError === undefined ? undefined : copy.lastError.at / 1e6),
  },
];

/** All metrics: the rows above at each scrape, and those of the process (memory, processor, lag of the event loop). */
export const gaugesOf = (
  read: () => Promise<Reading>,
): { text(): Promise<string>; readonly type: string } => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauges = rows.map((row) => ({ row, gauge: new Gauge({ ...row, registers: [registry] }) }));
  const states = new Gauge({
    name: 'shiplog_log_copy_state',
    help: 'State of the second copy of the log: 1 for the one it is in.',
    labelNames: ['mode', 'state'],
    registers: [registry],
  });
  return {
    type: registry.contentType,
    text: async () => {
      const reading = await read();
      for (const { row, gauge } of gauges) {
        gauge.reset();
        const value = row.value(reading);
        if (value === undefined) gauge.remove();
        else gauge.set(Number(value));
      }
      states.reset();
      const { copy } = reading;
      if (copy) {
        for (const state of copyStates) states.set({ mode: copy.mode, state }, copy.state === state ? 1 : 0);
      }
      return registry.metrics();
    },
  };
};
