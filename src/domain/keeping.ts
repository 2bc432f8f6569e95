import { z } from 'zod';
import { type CommandsOf, defineEvent, type EventsOf, type Fact } from './event.ts';
import { type Position, position, Size } from './identity.ts';
import { PersistentMap } from './persistent-map.ts';
import { Rejection } from './rejection.ts';

// Identity: what is kept of the log itself; it is the host's, and there is one in a log.

// Events. Names and fields are the storage format.
/** A position in decimal, since JSON has no bigint. */
const Place = z.string().regex(/^(?:0|[1-9]\d{0,15})$/, 'a position is a whole number');
const Hash = z.string().regex(/^[a-f0-9]{64}$/);
const Folder = z.string().min(1).max(4096);

const redaction = z.object({
  position: Place.describe('of the event whose payload lost texts'),
  redacts: z.string().min(1).describe('type of that event'),
  about: z.string().min(1).describe('subject of that event'),
  fields: z
    .array(z.string().min(1).max(1024))
    .min(1)
    .max(64)
    .describe('what was taken out, as JSON pointers into its data'),
  salt: z
    .string()
    .regex(/^[a-f0-9]{32}$/)
    .describe('random bytes before the new data, in hexadecimal'),
  replacement: Hash.describe('SHA-256 of the data as it lies there afterwards, salt included'),
});
const archived = z.object({
  directory: Folder.describe('absolute path on the host'),
  from: Place.describe('first position that it holds'),
  until: Place.describe('the position after the last that it holds'),
  segments: z.number().int().nonnegative().describe('files of the log that were written this time'),
  bytes: Size.describe('of these files, compressed'),
  manifest: Hash.describe('SHA-256 of `manifest.json` there'),
});
const pruned = z.object({
  horizon: Place.describe('the first position that is kept'),
  chain: Hash.describe('chain hash before it, as the first kept file has it'),
  segments: z.number().int().nonnegative().describe('files removed'),
  bytes: Size.describe('of these files'),
  treeSize: Place.describe('size of a signed tree head that covers all that is removed'),
  archives: z.array(Folder).describe('folders that hold what is removed; none where it was given up'),
});
const restored = z.object({
  horizon: Place.describe('the first position that is kept, from now on'),
  until: Place.describe('the position after the last that came back: where the log began before'),
  segments: z.number().int().nonnegative().describe('files put back'),
  bytes: Size.describe('of these files'),
  archives: z.array(Folder).min(1).describe('folders that they were taken from'),
});
export const keepingEvents = {
  'payload-redacted': defineEvent({
    version: 1,
    order: 'removing',
    says: 'Texts were taken out of the payload of an event; its head, and so every proof, stays as it was.',
    data: redaction,
    example: {
      position: '42',
      redacts: 'container-created',
      about: 'container/default/c0ffee',
      fields: ['/config/process/env/0'],
      salt: '5a'.repeat(16),
      replacement: 'ab'.repeat(32),
    },
  }),
  'log-archived': defineEvent({
    version: 1,
    order: 'making',
    says: 'Closed files of the log were copied to a folder, compressed, and read back.',
    data: archived,
    example: {
      directory: '/var/backups/log',
      from: '0',
      until: '120000',
      segments: 2,
      bytes: 9_000_000,
      manifest: 'cd'.repeat(32),
    },
  }),
  'log-pruned': defineEvent({
    version: 1,
    order: 'removing',
    says: 'The beginning of the log was given up; it goes on from its horizon.',
    data: pruned,
    example: {
      horizon: '120000',
      chain: 'ef'.repeat(32),
      segments: 2,
      bytes: 134_000_000,
      treeSize: '130000',
      archives: ['/var/backups/log'],
    },
  }),
  'log-restored': defineEvent({
    version: 1,
    order: 'making',
    says: 'What the log had given up was put back from archives; it begins where it began at first.',
    data: restored,
    example: {
      horizon: '0',
      until: '120000',
      segments: 2,
      bytes: 134_000_000,
      archives: ['/var/backups/log'],
    },
  }),
};
export type KeepingEvent = EventsOf<typeof keepingEvents>;
export type Redaction = z.infer<typeof redaction>;
export type Pruned = z.infer<typeof pruned>;

// State
export interface Archived {
  readonly directory: string;
  readonly from: Position;
  readonly until: Position;
}
export interface Keeping {
  /** The first position that is kept; files before it may still be there after a crash. */
  readonly horizon: Position;
  /** Position of the event that set it; 0 where none did. */
  readonly prunedAt: Position;
  /** Folders that hold what is before the horizon. */
  readonly prunedInto: readonly string[];
  /** The last archiving into each folder, by its path. */
  readonly archives: PersistentMap<Archived>;
  /** The last redaction of each event, by its position in decimal. */
  readonly redactions: PersistentMap<Redaction>;
  /** Redactions since the daemon last started, oldest first: of these alone the bytes may still be there. */
  readonly recent: readonly Redaction[];
}
export const nothingKept: Keeping = {
  horizon: position(0n),
  prunedAt: position(0n),
  prunedInto: [],
  archives: PersistentMap.empty(),
  redactions: PersistentMap.empty(),
  recent: [],
};

// Evolve
const placeOf = (decimal: string): Position => position(BigInt(decimal));

export const evolveKeeping = (state: Keeping, event: Fact<KeepingEvent>): Keeping => {
  switch (event.type) {
    case 'payload-redacted':
      return {
        ...state,
        redactions: state.redactions.set(event.data.position, event.data),
        recent: [...state.recent, event.data],
      };
    case 'log-archived': {
      const { directory, from, until } = event.data;
      return {
        ...state,
        archives: state.archives.set(directory, { directory, from: placeOf(from), until: placeOf(until) }),
      };
    }
    case 'log-pruned':
      return {
        ...state,
        horizon: placeOf(event.data.horizon),
        prunedAt: event.position,
        prunedInto: event.data.archives,
      };
    case 'log-restored':
      return { ...state, horizon: placeOf(event.data.horizon), prunedAt: position(0n), prunedInto: [] };
    default:
      return event satisfies never;
  }
};

/** At a start every redaction was carried out before anything else was recorded. */
export const settleRedactions = (state: Keeping): Keeping =>
  state.recent.length === 0 ? state : { ...state, recent: [] };

// Commands
export const keepingCommands = {
  'redact-payload': redaction,
  'record-archive': archived,
  'prune-log': pruned,
  'restore-log': restored,
};
export type KeepingCommand = CommandsOf<typeof keepingCommands>;

// Decide
export const decideKeeping = (
  command: KeepingCommand,
  state: Keeping,
  head: Position,
): readonly KeepingEvent[] | Rejection => {
  switch (command.type) {
    case 'redact-payload': {
      const { type: _, ...data } = command;
      const refused = unreachable(placeOf(data.position), state, head);
      if (refused !== undefined) return refused;
      if (Object.hasOwn(keepingEvents, data.redacts)) return unredactable(data);
      return [{ type: 'payload-redacted', data }];
    }
    case 'record-archive': {
      const { type: _, ...data } = command;
      return [{ type: 'log-archived', data }];
    }
    case 'prune-log': {
      const { type: _, ...data } = command;
      const horizon = placeOf(data.horizon);
      if (horizon <= state.horizon) return [];
      if (horizon <= head) return [{ type: 'log-pruned', data }];
      return new Rejection('invalid-argument', `prune before ${horizon}: the log ends at ${head}`);
    }
    case 'restore-log': {
      const { type: _, ...data } = command;
      if (placeOf(data.until) === state.horizon) return [{ type: 'log-restored', data }];
      return new Rejection(
        'aborted',
        `restore up to ${data.until}: the log begins at ${state.horizon} by now`,
      );
    }
    default:
      return command satisfies never;
  }
};

/** Why an event can't be read or changed, in the words of a refusal. */
export const unreachable = (at: Position, state: Keeping, head: Position): Rejection | undefined => {
  if (at >= head) {
    return new Rejection('invalid-argument', `position ${at} is to come: the log ends at ${head}`);
  }
  if (at >= state.horizon) return undefined;
  const where =
    state.prunedInto.length === 0 ? 'without an archive' : `archived in ${state.prunedInto.join(', ')}`;
  return new Rejection(
    'failed-precondition',
    `position ${at} was pruned: the log begins at ${state.horizon}; what was before is ${where}`,
  );
};

const unredactable = ({ position: at, redacts }: Redaction): Rejection =>
  new Rejection(
    'failed-precondition',
    `redact event ${at}: '${redacts}' says what is kept of the log, and checks of the log rest on it`,
  );
