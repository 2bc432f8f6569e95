import type { Event } from '../../../gen/shiplog/v1/types_pb.ts';
import { printable, timestamp } from './units.ts';

/** Who did it: user (uid) by what the program calls itself, and by the executable that the kernel names. */
export const actorText = (event: Event): string => {
  const actor = event.actor;
  if (!actor) return 'unknown';
  const user = actor.uid === 0n ? 'root(0)' : `uid ${actor.uid}`;
  const { client, exe, pid } = actor;
  const via = client && exe ? `${client} (${exe}[${pid}])` : `${client || exe || 'unknown'}[${pid}]`;
  return `${user} via ${via}`;
};

const parsePayload = (event: Event): unknown => {
  try {
    const payload: unknown = JSON.parse(event.data);
    return payload;
  } catch (error) {
    if (error instanceof SyntaxError) return event.data;
    throw error;
  }
};

/** An event with names that templates can use. */
export const eventRow = (event: Event) => ({
  Position: event.position,
  Time: timestamp(event.wallUs),
  Type: event.type,
  Version: event.version,
  Subject: event.subject,
  Summary: event.summary,
  Who: actorText(event),
  Why: event.reason,
  Actor: event.actor
    ? {
        Uid: event.actor.uid,
        Gid: event.actor.gid,
        Pid: event.actor.pid,
        Exe: event.actor.exe,
        Client: event.actor.client,
      }
    : null,
  Correlation: event.correlation,
  Causation: event.causation ?? null,
  Boot: event.boot,
  Data: parsePayload(event),
  /** Whether texts were taken out of it, and by which event. */
  Redacted: event.redactedBy !== undefined,
  RedactedBy: event.redactedBy ?? null,
});

export type EventRow = ReturnType<typeof eventRow>;

/** Says of an event that it is not as it was written. */
export const redactedMark = ({ RedactedBy }: EventRow): string =>
  RedactedBy === null ? '' : ` [redacted by ${RedactedBy}]`;

/** One line: time, position, subject, type, and what it says. */
export const eventLine = (row: EventRow): string =>
  printable(
    `${row.Time} ${row.Position} ${row.Subject} ${row.Type}${row.Summary ? `: ${row.Summary}` : ''}` +
      ` (${row.Who}${row.Why ? `; why: ${row.Why}` : ''})${redactedMark(row)}`,
  );
