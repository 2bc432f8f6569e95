import { z } from 'zod';
import { type CommandsOf, defineEvent, type EventsOf, type Fact } from './event.ts';
import { Namespace, SandboxId, Timestamp } from './identity.ts';
import { PersistentMap } from './persistent-map.ts';
import { Rejection } from './rejection.ts';

// What a controller makes of a sandbox: a shim, and in it whatever the shim calls a sandbox.
//
//   launch → launched → start → running → (it ends) ended → shut down, and gone
//
// A shim serves until it is shut down, also after what it ran has ended.
const keyOf = (namespace: Namespace, id: SandboxId) => `${namespace}/${id}`;

// Events. Names and fields are the storage format.
const sandbox = z.object({ namespace: Namespace, id: SandboxId });
const pid = z.number().int().nonnegative().describe('0 where the shim names none');
const actions = ['start', 'stop', 'shutdown'] as const;
const at = { namespace: 'default', id: 'pod' };
export const sandboxRunEvents = {
  'sandbox-launch-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'A shim is about to be started for a sandbox.',
    data: sandbox.extend({
      runtime: z.string().max(4096).describe('containerd runtime name or absolute path of a shim'),
      netns: z.string().max(4096).describe('path of a network namespace to join; may be empty'),
    }),
    example: { ...at, runtime: 'io.containerd.kata.v2', netns: '/run/netns/pod' },
  }),
  'sandbox-launched': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The shim of a sandbox runs, and has made the sandbox.',
    data: sandbox,
    example: at,
  }),
  'sandbox-launch-failed': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The shim of a sandbox could not be started, or could not make the sandbox; nothing of it is left.',
    data: sandbox.extend({ error: z.string().max(4096) }),
    example: { ...at, error: 'no executable containerd-shim-kata-v2 in PATH' },
  }),
  'sandbox-start-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'What is in a sandbox is about to be started.',
    data: sandbox,
    example: at,
  }),
  'sandbox-started': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'A sandbox runs.',
    data: sandbox.extend({ pid }),
    example: { ...at, pid: 4242 },
  }),
  'sandbox-stop-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'A sandbox is about to be stopped.',
    data: sandbox.extend({
      timeout: z.number().int().nonnegative().describe('seconds; 0 for the shim’s own'),
    }),
    example: { ...at, timeout: 10 },
  }),
  'sandbox-stopped': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The shim has stopped what is in the sandbox.',
    data: sandbox,
    example: at,
  }),
  'sandbox-exited': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'What was in a sandbox has ended; its shim still serves.',
    data: sandbox.extend({
      exitStatus: z.number().int().nonnegative().describe('as the shim tells it'),
      exitedAt: Timestamp.describe('microseconds since the Unix epoch'),
    }),
    example: { ...at, exitStatus: 0, exitedAt: 1_795_000_000_000_000 },
  }),
  'sandbox-shutdown-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'The shim of a sandbox is about to be shut down.',
    data: sandbox,
    example: at,
  }),
  'sandbox-shut-down': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The shim of a sandbox is gone, with all that it held.',
    data: sandbox,
    example: at,
  }),
  'sandbox-action-failed': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The shim of a sandbox did not do what was asked of it.',
    data: sandbox.extend({ action: z.enum(actions), error: z.string().max(4096) }),
    example: { ...at, action: 'start' as const, error: 'no kernel image' },
  }),
  'sandbox-lost': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The shim of a sandbox is gone, though nobody asked for that.',
    data: sandbox.extend({ because: z.string() }),
    example: { ...at, because: 'the host was rebooted' },
  }),
};
export type SandboxRunEvent = EventsOf<typeof sandboxRunEvents>;

// State
export type SandboxStatus = 'launching' | 'launched' | 'starting' | 'running' | 'ended';
export interface SandboxRun {
  readonly namespace: Namespace;
  readonly id: SandboxId;
  readonly runtime: string;
  readonly status: SandboxStatus;
  /** 0 until it is started, or where the shim names none. */
  readonly pid: number;
  readonly launchedAt: Timestamp;
  readonly ending?: { readonly exitStatus: number; readonly exitedAt: Timestamp };
}
export type SandboxRuns = PersistentMap<SandboxRun>;
export const noRuns: SandboxRuns = PersistentMap.empty();
export const findRun = (state: SandboxRuns, namespace: Namespace, id: SandboxId): SandboxRun | undefined =>
  state.get(keyOf(namespace, id));

// Evolve
export const evolveRuns = (state: SandboxRuns, event: Fact<SandboxRunEvent>): SandboxRuns => {
  const { namespace, id } = event.data;
  const key = keyOf(namespace, id);
  const run = state.get(key);
  const become = (status: SandboxStatus): SandboxRuns => (run ? state.set(key, { ...run, status }) : state);
  switch (event.type) {
    case 'sandbox-launch-requested': {
      const { runtime } = event.data;
      const launchedAt = event.meta.time.wall;
      return state.set(key, { namespace, id, runtime, status: 'launching', pid: 0, launchedAt });
    }
    case 'sandbox-launched':
      return become('launched');
    case 'sandbox-start-requested':
      return become('starting');
    case 'sandbox-started':
      return run ? state.set(key, { ...run, status: 'running', pid: event.data.pid }) : state;
    case 'sandbox-exited': {
      const { exitStatus, exitedAt } = event.data;
      return run ? state.set(key, { ...run, status: 'ended', ending: { exitStatus, exitedAt } }) : state;
    }
    case 'sandbox-stop-requested':
    case 'sandbox-stopped':
    case 'sandbox-shutdown-requested':
      return state;
    case 'sandbox-action-failed':
      return run?.status === 'starting' ? become('launched') : state;
    case 'sandbox-launch-failed':
    case 'sandbox-shut-down':
    case 'sandbox-lost':
      return state.delete(key);
    default:
      return event satisfies never;
  }
};

// Commands
export const sandboxRunCommands = {
  'launch-sandbox': sandboxRunEvents['sandbox-launch-requested'].data,
  'confirm-sandbox-launched': sandbox,
  'fail-sandbox-launch': sandboxRunEvents['sandbox-launch-failed'].data,
  'start-sandbox': sandbox,
  'confirm-sandbox-started': sandboxRunEvents['sandbox-started'].data,
  'stop-sandbox': sandboxRunEvents['sandbox-stop-requested'].data,
  'confirm-sandbox-stopped': sandbox,
  'end-sandbox': sandboxRunEvents['sandbox-exited'].data,
  'shut-sandbox-down': sandbox,
  'confirm-sandbox-shut-down': sandbox,
  'fail-sandbox-action': sandboxRunEvents['sandbox-action-failed'].data,
  'lose-sandbox': sandboxRunEvents['sandbox-lost'].data,
};
export type SandboxRunCommand = CommandsOf<typeof sandboxRunCommands>;

/** What each outcome states; none where the run is gone already. */
const outcomes = {
  'confirm-sandbox-launched': 'sandbox-launched',
  'fail-sandbox-launch': 'sandbox-launch-failed',
  'confirm-sandbox-started': 'sandbox-started',
  'confirm-sandbox-stopped': 'sandbox-stopped',
  'confirm-sandbox-shut-down': 'sandbox-shut-down',
  'fail-sandbox-action': 'sandbox-action-failed',
  'lose-sandbox': 'sandbox-lost',
} as const;

// Decide
export const decideRun = (
  command: SandboxRunCommand,
  state: SandboxRuns,
): readonly SandboxRunEvent[] | Rejection => {
  const { namespace, id } = command;
  const run = findRun(state, namespace, id);
  const absent = new Rejection(
    'not-found',
    `sandbox "${id}" in namespace "${namespace}" does not run: not found`,
  );
  switch (command.type) {
    case 'launch-sandbox': {
      const { type: _, ...data } = command;
      if (run) return new Rejection('already-exists', `sandbox ${id} already running: already exists`);
      return [{ type: 'sandbox-launch-requested', data }];
    }
    case 'start-sandbox':
      if (!run) return absent;
      if (run.status === 'launched') return [{ type: 'sandbox-start-requested', data: { namespace, id } }];
      return new Rejection(
        'failed-precondition',
        `sandbox "${id}" is ${run.status}; only one that was created and not yet started can be started: failed precondition`,
      );
    case 'stop-sandbox': {
      const { type: _, ...data } = command;
      return run ? [{ type: 'sandbox-stop-requested', data }] : absent;
    }
    case 'shut-sandbox-down':
      return run ? [{ type: 'sandbox-shutdown-requested', data: { namespace, id } }] : absent;
    case 'end-sandbox': {
      const { type: _, ...data } = command;
      return run && run.status !== 'ended' ? [{ type: 'sandbox-exited', data }] : [];
    }
    default: {
      const { type, ...data } = command;
      return run ? [{ type: outcomes[type], data } as SandboxRunEvent] : [];
    }
  }
};
