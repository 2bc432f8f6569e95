import { z } from 'zod';
import { Subject } from './envelope.ts';
import { type CommandsOf, defineEvent, type EventsOf, type Fact } from './event.ts';
import { rejectionCodes } from './rejection.ts';

// Identity: there is one host in a log.

// Events. Names and fields are the storage format.
const divergence = z.object({
  what: z
    .enum([
      'blob-missing',
      'blob-unnamed',
      'ingest-missing',
      'ingest-unnamed',
      'snapshot-missing',
      'snapshot-unnamed',
      'task-unnamed',
      'task-vanished',
      'task-unknown',
      'mount-unnamed',
      'stdio-unnamed',
      'transfer-interrupted',
      'exec-unnamed',
      'files-unnamed',
    ])
    .describe(
      '`missing` and `vanished`: the log names it, the host has it not; `unnamed`: the other way round',
    ),
  subject: Subject.optional().describe('the thing, where the log knows it'),
  detail: z.string().max(4096),
  repair: z.string().max(1024).describe('what is done about it; empty where nothing can be'),
});
export const hostEvents = {
  'daemon-started': defineEvent({
    version: 1,
    order: 'record',
    says: 'The daemon opened the log.',
    data: z.object({
      version: z.string().describe('of Shiplog'),
      hostId: z.string().describe('made at the first start, kept for ever'),
      pid: z.number().int(),
    }),
    example: { version: '0.1.0', hostId: '01j9z0c0ffee', pid: 4711 },
  }),
  'daemon-stopped': defineEvent({
    version: 1,
    order: 'record',
    says: 'The daemon was asked to stop; containers go on.',
    data: z.object({ because: z.string() }),
    example: { because: 'SIGTERM' },
  }),
  'divergence-found': defineEvent({
    version: 2,
    order: 'record',
    says: 'The log and the host disagreed.',
    data: divergence,
    example: {
      what: 'blob-missing' as const,
      subject: `blob/default/sha256:${'ab'.repeat(32)}`,
      detail: 'no bytes on disk',
      repair: 'fetched again at the next pull',
    },
    upcasts: [(data) => data],
  }),
  'recovery-finished': defineEvent({
    version: 1,
    order: 'record',
    says: 'After a start everything on the host was compared with the log.',
    data: z.object({
      adopted: z.number().int().describe('tasks that run on'),
      ended: z.number().int().describe('tasks that exited meanwhile'),
      lost: z.number().int().describe('tasks whose end can not be known'),
      divergences: z.number().int(),
    }),
    example: { adopted: 3, ended: 1, lost: 0, divergences: 0 },
  }),
  'command-refused': defineEvent({
    version: 2,
    order: 'record',
    says: 'A command was refused for want of permission or by policy.',
    data: z.object({
      command: z.string(),
      subject: z.string(),
      code: z.enum(rejectionCodes),
      message: z.string().max(4096),
    }),
    example: {
      command: 'request-signal',
      subject: 'container/default/web',
      code: 'permission-denied' as const,
      message: 'uid 1000 may not signal',
    },
    // Codes were added.
    upcasts: [(data) => data],
  }),
};
export type HostEvent = EventsOf<typeof hostEvents>;
export type Divergence = z.infer<typeof divergence>;

// State
export interface Host {
  /** Empty before the first start. */
  readonly hostId: string;
  /** Boot id of the kernel when the daemon last started. */
  readonly boot: string;
  /** Divergences found since the daemon last started. */
  readonly divergences: number;
}
export const noHost: Host = { hostId: '', boot: '', divergences: 0 };

// Evolve
export const evolveHost = (state: Host, event: Fact<HostEvent>): Host => {
  switch (event.type) {
    case 'daemon-started':
      return { hostId: event.data.hostId, boot: event.meta.time.boot, divergences: 0 };
    case 'divergence-found':
      return { ...state, divergences: state.divergences + 1 };
    case 'daemon-stopped':
    case 'recovery-finished':
    case 'command-refused':
      return state;
    default:
      return event satisfies never;
  }
};

// Commands
export const hostCommands = {
  'start-daemon': z.object({
    version: z.string(),
    /** Taken only where the host has no id yet. */
    freshHostId: z.string(),
    pid: z.number().int(),
  }),
  'stop-daemon': hostEvents['daemon-stopped'].data,
  'report-divergence': divergence,
  'finish-recovery': hostEvents['recovery-finished'].data,
  'record-refusal': hostEvents['command-refused'].data,
};
export type HostCommand = CommandsOf<typeof hostCommands>;

// Decide
export const decideHost = (command: HostCommand, state: Host): readonly HostEvent[] => {
  switch (command.type) {
    case 'start-daemon': {
      const { version, freshHostId, pid } = command;
      return [{ type: 'daemon-started', data: { version, hostId: state.hostId || freshHostId, pid } }];
    }
    case 'stop-daemon':
      return [{ type: 'daemon-stopped', data: { because: command.because } }];
    case 'report-divergence': {
      const { type: _, ...found } = command;
      return [{ type: 'divergence-found', data: found }];
    }
    case 'finish-recovery': {
      const { type: _, ...counts } = command;
      return [{ type: 'recovery-finished', data: counts }];
    }
    case 'record-refusal': {
      const { type: _, ...refusal } = command;
      return [{ type: 'command-refused', data: refusal }];
    }
    default:
      return command satisfies never;
  }
};
