import type { EventRow } from '../output/event-rows.ts';

/**
 * An event as CloudEvents 1.0 in its JSON form, one object. `id` is the position, unique for the source, which is the
 * host. Attributes beyond the core are the documented extensions `sequence`, `correlationid` and `causationid`, and our
 * own (names of lower-case letters, values strings, as the specification wants).
 */
export const cloudEvent = (row: EventRow, hostId: string): Readonly<Record<string, unknown>> => ({
  specversion: '1.0',
  id: String(row.Position),
  source: `/shiplog/hosts/${hostId}`,
  type: `io.shiplog.${row.Type}.v${row.Version}`,
  subject: row.Subject,
  time: row.Time,
  datacontenttype: 'application/json',
  sequence: String(row.Position).padStart(20, '0'),
  correlationid: row.Correlation,
  ...(row.Causation === null ? {} : { causationid: String(row.Causation) }),
  ...(row.Actor === null
    ? {}
    : {
        actoruid: String(row.Actor.Uid),
        actorgid: String(row.Actor.Gid),
        actorpid: String(row.Actor.Pid),
        actorexe: row.Actor.Exe,
        actorclient: row.Actor.Client,
      }),
  ...(row.Why === '' ? {} : { reason: row.Why }),
  bootid: row.Boot,
  data: row.Data,
});
