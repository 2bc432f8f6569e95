import type { DomainEvent } from '../../../domain/world.ts';

/**
 * What OCSF calls each event. `create`, `update`, `delete` and `other` are activities of its class API Activity (6003);
 * `launch` and `terminate` of Process Activity (1007).
 */
export type Activity = 'create' | 'update' | 'delete' | 'other' | 'launch' | 'terminate';

interface Reading {
  readonly activity: Activity;
  /** It tells of something that was not done. */
  readonly failed?: true;
  /** Above `informational`: worth a look by somebody. */
  readonly severity?: 'low' | 'medium' | 'high';
}

const create: Reading = { activity: 'create' };
const update: Reading = { activity: 'update' };
const remove: Reading = { activity: 'delete' };
const other: Reading = { activity: 'other' };
const failure: Reading = { activity: 'other', failed: true, severity: 'low' };

/** One row for each type of event, so that the compiler finds what a new one forgot. */
export const activities = {
  'daemon-started': other,
  'daemon-stopped': other,
  'divergence-found': { activity: 'other', severity: 'medium' },
  'recovery-finished': other,
  'command-refused': { activity: 'other', failed: true, severity: 'medium' },

  'namespace-created': create,
  'namespace-labelled': update,
  'namespace-removed': remove,

  'ingest-started': create,
  'ingest-aborted': remove,
  'blob-committed': create,
  'blob-labelled': update,
  'blob-removed': remove,
  'blobs-collected': remove,

  'image-created': create,
  'image-updated': update,
  'image-removed': remove,

  'snapshot-prepared': create,
  'snapshot-adopted': create,
  'snapshot-committed': update,
  'snapshot-labelled': update,
  'snapshot-removed': remove,

  'lease-created': create,
  'lease-resource-added': update,
  'lease-resource-removed': update,
  'lease-deleted': remove,

  'container-created': create,
  'container-labelled': update,
  'container-removed': remove,
  'client-container-created': create,
  'client-container-updated': update,

  'task-create-requested': other,
  'task-created': other,
  'task-start-requested': other,
  'task-started': { activity: 'launch' },
  'task-failed': failure,
  'task-pause-requested': other,
  'task-paused': update,
  'task-resume-requested': other,
  'task-resumed': update,
  'task-signal-requested': other,
  'task-signalled': other,
  'task-action-failed': failure,
  'task-checkpoint-requested': other,
  'task-checkpointed': { activity: 'other' },
  'task-update-requested': other,
  'task-updated': update,
  'task-oom': { activity: 'other', severity: 'medium' },
  'task-exited': { activity: 'terminate' },
  'task-lost': { activity: 'other', severity: 'high' },
  'task-deleted': remove,
  'exec-requested': other,
  'client-exec-requested': other,
  'client-exec-created': create,
  'exec-start-requested': other,
  'exec-deleted': remove,
  'exec-started': { activity: 'launch' },
  'exec-failed': failure,
  'exec-exited': { activity: 'terminate' },
  'exec-lost': { activity: 'other', severity: 'high' },

  'transfer-started': other,
  'transfer-finished': other,
  'transfer-failed': failure,

  'sandbox-created': create,
  'sandbox-updated': update,
  'sandbox-removed': remove,
  'sandbox-launch-requested': other,
  'sandbox-launched': { activity: 'launch' },
  'sandbox-launch-failed': failure,
  'sandbox-start-requested': other,
  'sandbox-started': { activity: 'launch' },
  'sandbox-stop-requested': other,
  'sandbox-stopped': update,
  'sandbox-exited': { activity: 'terminate' },
  'sandbox-shutdown-requested': other,
  'sandbox-shut-down': { activity: 'terminate' },
  'sandbox-action-failed': failure,
  'sandbox-lost': { activity: 'other', severity: 'high' },

  'activation-requested': other,
  'activation-made': create,
  'activation-failed': failure,
  'activation-labelled': update,
  'activation-removed': remove,

  'payload-redacted': { activity: 'update', severity: 'medium' },
  'log-archived': other,
  'log-restored': other,
  'log-pruned': { activity: 'delete', severity: 'medium' },

  'signing-key-created': create,
  'signing-key-rotated': update,
  'signing-stopped': { activity: 'other', failed: true, severity: 'high' },
  'signing-key-replaced': { activity: 'update', severity: 'high' },
} as const satisfies Record<DomainEvent['type'], Reading>;

/** How an event reads; one of a later version's types is `other`. */
export const readingOf = (type: string): Reading =>
  Object.hasOwn(activities, type) ? activities[type as keyof typeof activities] : other;
