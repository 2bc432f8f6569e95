import type { Fact } from '../domain/event.ts';
import { familiarName } from '../domain/image-reference.ts';
import type { RemovalCause } from '../domain/removal.ts';
import { signalName } from '../domain/signals.ts';
import type { DomainEvent } from '../domain/world.ts';

type DataOf = { readonly [E in DomainEvent as E['type']]: E['data'] };
type Sentences = { readonly [T in keyof DataOf]: (data: DataOf[T]) => string };
// A type beside its data, so that the compiler sees that sentence and data belong together.
type Typed<T extends keyof DataOf> = {
  [P in T]: { readonly type: P; readonly data: DataOf[P] };
}[T];

const labelled = ({ labels }: { readonly labels: Readonly<Record<string, string>> }): string => {
  const names = Object.keys(labels);
  return names.length === 0 ? 'labels cleared' : `labels set: ${names.sort().join(', ')}`;
};
const because = (cause: RemovalCause): string => {
  switch (cause.by) {
    case 'request':
      return '';
    case 'gc':
      return cause.freedBy === undefined ? ' (nothing kept it)' : ` (freed by event ${cause.freedBy})`;
    case 'recovery':
      return ` (recovery: ${cause.because})`;
    default:
      return cause satisfies never;
  }
};
const bytes = (size: number): string => `${size} bytes`;

const sentences: Sentences = {
  'daemon-started': ({ version, pid }) => `shiplogd ${version} started as pid ${pid}`,
  'daemon-stopped': ({ because }) => `shiplogd stopped: ${because}`,
  'divergence-found': ({ what, subject, detail, repair }) =>
    `${what}${subject === undefined ? '' : ` ${subject}`}: ${detail}; ${repair === '' ? 'can not be repaired' : `repair: ${repair}`}`,
  'recovery-finished': ({ adopted, ended, lost, divergences }) =>
    `recovered: ${adopted} tasks run on, ${ended} ended meanwhile, ${lost} lost, ${divergences} divergences`,
  'command-refused': ({ command, subject, code, message }) =>
    `refused ${command} on ${subject} (${code}): ${message}`,

  'namespace-created': ({ namespace }) => `namespace ${namespace} created`,
  'namespace-labelled': labelled,
  'namespace-removed': ({ namespace }) => `namespace ${namespace} removed`,

  'ingest-started': ({ ref }) => `write of content began under '${ref}'`,
  'ingest-aborted': ({ ref, cause }) => `write of content under '${ref}' given up${because(cause)}`,
  'blob-committed': ({ size }) => `content stored, ${bytes(size)}`,
  'blob-labelled': labelled,
  'blob-removed': ({ size, lastHolder, cause }) =>
    `content removed${because(cause)}${lastHolder ? `, ${bytes(size)} freed` : ', bytes still held by another namespace'}`,

  'blobs-collected': ({ blobs }) => {
    const freed = blobs.reduce((sum, { size, lastHolder }) => sum + (lastHolder ? size : 0), 0);
    return `${blobs.length} blob${blobs.length === 1 ? '' : 's'} removed, which nothing kept${freedTogether(blobs)}, ${bytes(freed)} freed`;
  },

  'image-created': ({ name, target }) => `image ${name} created, points at ${target.digest}`,
  'image-updated': ({ name, target }) => `image ${name} updated, points at ${target.digest}`,
  'image-removed': ({ name, target }) => `image ${name} removed, pointed at ${target.digest}`,

  'snapshot-prepared': ({ kind, parent }) =>
    `${kind} snapshot prepared${parent === undefined ? '' : ` on ${parent}`}`,
  'snapshot-adopted': ({ handle, usage }) =>
    `snapshot taken in that another daemon has as ${handle}, ${bytes(usage.bytes)}`,
  'snapshot-committed': ({ name, usage }) => `snapshot committed as ${name}, ${bytes(usage.bytes)}`,
  'snapshot-labelled': labelled,
  'snapshot-removed': ({ cause }) => `snapshot removed${because(cause)}`,

  'lease-created': ({ id }) => `lease ${id} created`,
  'lease-resource-added': ({ resource }) => `lease holds ${resource.type} ${resource.id}`,
  'lease-resource-removed': ({ resource }) => `lease let go of ${resource.type} ${resource.id}`,
  'lease-deleted': ({ id, cause }) => `lease ${id} ${cause.by === 'gc' ? 'expired' : 'deleted'}`,

  'container-created': ({ name, image }) =>
    `container ${name} created${image ? ` from ${familiarName(image.name)}` : ''}`,
  'container-labelled': labelled,
  'container-removed': ({ name }) => `container ${name} removed`,
  'client-container-created': ({ id, imageName }) =>
    `container ${id} created by its client${imageName === '' ? '' : ` from ${familiarName(imageName)}`}`,
  'client-container-updated': ({ change }) => `changed by its client: ${Object.keys(change).join(', ')}`,

  'task-create-requested': () => 'creation of its process requested',
  'task-created': ({ pid }) => `process created, pid ${pid}`,
  'task-start-requested': () => 'start requested',
  'task-started': ({ pid }) => `started, pid ${pid}`,
  'task-failed': ({ stage, exitCode, error }) => `${stage} failed with ${exitCode}: ${error}`,
  'task-pause-requested': () => 'pause requested',
  'task-paused': () => 'paused',
  'task-resume-requested': () => 'resume requested',
  'task-resumed': () => 'resumed',
  'task-signal-requested': ({ signal, execId, all }) =>
    `${signalWords(signal)} requested${all ? ' for all processes' : toExec(execId)}`,
  'task-signalled': ({ signal, execId }) => `${signalWords(signal)} sent${toExec(execId)}`,
  'task-action-failed': ({ action, error }) => `${action} failed: ${error}`,
  'task-checkpoint-requested': ({ path }) => `checkpoint requested${path === '' ? '' : ` to ${path}`}`,
  'task-checkpointed': ({ path }) => `checkpoint made${path === '' ? '' : ` in ${path}`}`,
  'task-update-requested': () => 'change of limits requested',
  'task-updated': () => 'limits changed',
  'task-oom': () => 'a process was killed for want of memory',
  'task-exited': ({ exitCode }) => `exited with ${exitCode}`,
  'task-lost': ({ because }) => `lost: ${because}`,
  'task-deleted': () => 'what its process held was freed',
  'exec-requested': ({ execId, process }) => `exec ${execId} requested: ${process.args.join(' ')}`,
  'client-exec-requested': ({ execId }) => `exec ${execId} requested by its client`,
  'client-exec-created': ({ execId }) => `exec ${execId} created`,
  'exec-start-requested': ({ execId }) => `start of exec ${execId} requested`,
  'exec-deleted': ({ execId }) => `exec ${execId} freed`,
  'exec-started': ({ execId, pid }) => `exec ${execId} started, pid ${pid}`,
  'exec-failed': ({ execId, exitCode, error }) => `exec ${execId} failed with ${exitCode}: ${error}`,
  'exec-exited': ({ execId, exitCode }) => `exec ${execId} exited with ${exitCode}`,
  'exec-lost': ({ execId, because }) => `exec ${execId} lost: ${because}`,

  'transfer-started': ({ verb, what }) => `${verb} of ${what} began`,
  'transfer-finished': ({ digest, bytes: moved }) =>
    `transfer finished, ${bytes(moved)} moved${digest === undefined ? '' : `, ${digest}`}`,
  'transfer-failed': ({ code, error }) => `transfer failed (${code}): ${error}`,

  'sandbox-created': ({ id, runtime }) => `sandbox ${id} created for ${runtime.name}`,
  'sandbox-updated': ({ change }) => `changed by its client: ${Object.keys(change).join(', ')}`,
  'sandbox-removed': ({ id }) => `sandbox ${id} removed`,
  'sandbox-launch-requested': ({ runtime }) => `launch of a shim of ${runtime} requested`,
  'sandbox-launched': () => 'shim launched',
  'sandbox-launch-failed': ({ error }) => `launch failed: ${error}`,
  'sandbox-start-requested': () => 'start requested',
  'sandbox-started': ({ pid }) => `started, pid ${pid}`,
  'sandbox-stop-requested': () => 'stop requested',
  'sandbox-stopped': () => 'stopped',
  'sandbox-exited': ({ exitStatus }) => `exited with ${exitStatus}`,
  'sandbox-shutdown-requested': () => 'shutdown of its shim requested',
  'sandbox-shut-down': () => 'its shim is shut down',
  'sandbox-action-failed': ({ action, error }) => `${action} failed: ${error}`,
  'sandbox-lost': ({ because }) => `lost: ${because}`,

  'activation-requested': ({ mounts }) => `activation of ${mounts.length} mounts requested`,
  'activation-made': ({ active }) => `${active.length} mounts made`,
  'activation-failed': ({ error }) => `activation failed: ${error}`,
  'activation-labelled': labelled,
  'activation-removed': ({ cause }) => `mounts let go of${because(cause)}`,

  'payload-redacted': ({ position, redacts, fields }) =>
    `event ${position} (${redacts}) redacted: ${fields.join(', ')}`,
  'log-archived': ({ directory, from, until }) => `events ${from} to ${until} archived in ${directory}`,
  'log-restored': ({ until, archives }) => `events below ${until} put back from ${archives.join(', ')}`,
  'log-pruned': ({ horizon, archives }) =>
    `log pruned, it begins at ${horizon}; before it: ${archives.length === 0 ? 'not archived' : archives.join(', ')}`,

  'signing-key-created': ({ vkey }) => `heads of the log are signed with ${vkey}`,
  'signing-key-rotated': ({ from, to }) => `signing key rotated from ${from} to ${to}`,
  'signing-stopped': ({ what, detail }) => `heads of the log are no longer signed (${what}): ${detail}`,
  'signing-key-replaced': ({ from, to }) => `signing began anew: ${to} in place of ${from}`,
};

/** The events that freed things which went together, as long as they are few. */
const freedTogether = (gone: readonly { readonly freedBy?: string | undefined }[]): string => {
  const events = [...new Set(gone.flatMap(({ freedBy }) => freedBy ?? []))];
  if (events.length === 0 || events.length > 4) return '';
  return ` (freed by event${events.length === 1 ? '' : 's'} ${events.join(', ')})`;
};

const signalWords = (signal: number): string => {
  const name = signalName(signal);
  return name === String(signal) ? `signal ${signal}` : `signal ${signal} (${name})`;
};
const toExec = (execId: string | undefined): string => (execId === undefined ? '' : ` to exec ${execId}`);

const sentenceOf = <T extends keyof DataOf>({ type, data }: Typed<T>): string => sentences[type](data);

/** What happened, in one line of plain words; the subject stands beside it. */
export const summarise = (event: Fact<DomainEvent>): string => sentenceOf(event).replace(/\s*\n\s*/g, ' ');
