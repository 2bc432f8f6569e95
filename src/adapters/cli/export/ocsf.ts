import type { EventRow } from '../output/event-rows.ts';
import { type Activity, readingOf } from './activities.ts';

/**
 * Events for a SIEM in the Open Cybersecurity Schema Framework. A process of a container that begins or ends is a Process
 * Activity, everything else an API Activity; both with the profile `host`. What OCSF has no field for is in `unmapped`.
 */

/** The version of the schema that the fields are of. */
const OCSF_VERSION = '1.3.0';

const activityIds = {
  create: 1,
  update: 3,
  delete: 4,
  other: 99,
  launch: 1,
  terminate: 2,
} as const satisfies Record<Activity, number>;
const severityIds = { low: 2, medium: 3, high: 4 } as const;
const classes = {
  api: { category_uid: 6, class_uid: 6003 },
  process: { category_uid: 1, class_uid: 1007 },
} as const;

/** A field of an event's data, where it is of this type: the daemon's schemas have checked it, a later version may differ. */
const fieldOf = (data: unknown, name: string, type: 'number' | 'string'): unknown => {
  const value: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, name) : undefined;
  return typeof value === type ? value : undefined;
};

const actorOf = ({ Actor }: EventRow) =>
  Actor === null
    ? { app_name: 'unknown' }
    : {
        app_name: Actor.Client,
        user: { uid: String(Actor.Uid), type_id: Actor.Uid === 0n ? 2 : 1 },
        process: {
          pid: Number(Actor.Pid),
          ...(Actor.Exe === ''
            ? {}
            : {
                file: { path: Actor.Exe, name: Actor.Exe.slice(Actor.Exe.lastIndexOf('/') + 1), type_id: 1 },
              }),
        },
      };

const apiFields = (row: EventRow, hostId: string) => {
  const [kind, namespace, ...rest] = row.Subject.split('/');
  const uid = rest.length === 0 ? hostId : rest.join('/');
  return {
    api: { operation: row.Type, version: String(row.Version), service: { name: 'shiplogd' } },
    src_endpoint: { uid: hostId, svc_name: 'shiplogd' },
    resources: [{ uid, type: kind, ...(namespace === undefined ? {} : { namespace }) }],
  };
};

const processFields = (row: EventRow) => {
  const pid = fieldOf(row.Data, 'pid', 'number');
  const exitCode = fieldOf(row.Data, 'exitCode', 'number');
  const execId = fieldOf(row.Data, 'execId', 'string');
  const id = row.Subject.split('/').slice(2).join('/');
  return {
    process: {
      uid: execId === undefined ? row.Subject : `${row.Subject}/${String(execId)}`,
      ...(pid === undefined ? {} : { pid }),
      container: { uid: id },
    },
    ...(exitCode === undefined ? {} : { exit_code: exitCode }),
  };
};

/** One event as one OCSF object. */
export const ocsfEvent = (row: EventRow, hostId: string): Readonly<Record<string, unknown>> => {
  const { activity, failed, severity } = readingOf(row.Type);
  const isProcess = activity === 'launch' || activity === 'terminate';
  const { category_uid, class_uid } = isProcess ? classes.process : classes.api;
  const activity_id = activityIds[activity];
  return {
    activity_id,
    ...(activity === 'other' ? { activity_name: row.Type } : {}),
    category_uid,
    class_uid,
    type_uid: class_uid * 100 + activity_id,
    severity_id: severity === undefined ? 1 : severityIds[severity],
    status_id: failed === true ? 2 : 1,
    time: Date.parse(row.Time),
    message: row.Summary,
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'Shiplog', vendor_name: 'Shiplog' },
      profiles: isProcess ? ['host', 'container'] : ['host'],
      uid: `${hostId}/${row.Position}`,
      event_code: row.Type,
      sequence: Number(row.Position),
      correlation_uid: row.Correlation,
      log_name: 'shiplog',
      original_time: row.Time,
    },
    device: { type_id: 1, uid: hostId },
    actor: actorOf(row),
    ...(isProcess ? processFields(row) : apiFields(row, hostId)),
    unmapped: {
      subject: row.Subject,
      version: row.Version,
      boot: row.Boot,
      ...(row.Causation === null ? {} : { causation: Number(row.Causation) }),
      ...(row.Why === '' ? {} : { reason: row.Why }),
      data: row.Data,
    },
  };
};
