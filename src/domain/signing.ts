import { z } from 'zod';
import { hostSubject } from './envelope.ts';
import { type CommandsOf, defineEvent, type EventsOf, type Fact } from './event.ts';
import { Rejection } from './rejection.ts';

// Identity: a host signs with one key at a time; a key is known by its public text (vkey, C2SP signed-note).
export const signingSubject = () => hostSubject;

const Vkey = z
  .string()
  .max(512)
  .regex(/^[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*$/, 'a public key looks like NAME+8 HEX DIGITS+BASE64');

// Events. Names and fields are the storage format.
export const signingEvents = {
  'signing-key-created': defineEvent({
    version: 1,
    order: 'making',
    says: 'The key that signs heads of the log was made.',
    data: z.object({ vkey: Vkey.describe('the public key') }),
    example: { vkey: 'shiplog/01j9z0c0ffee+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k' },
  }),
  'signing-key-rotated': defineEvent({
    version: 1,
    order: 'making',
    says: 'Another key took the place of the one that signed; the next head is signed by both.',
    data: z.object({ from: Vkey.describe('the key that signed'), to: Vkey.describe('the key that signs') }),
    example: {
      from: 'shiplog/01j9z0c0ffee+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
      to: 'shiplog/01j9z0c0ffee+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    },
  }),
  'signing-stopped': defineEvent({
    version: 1,
    order: 'record',
    says: 'No head of the log can be signed any more without saying something that is not so.',
    data: z.object({
      what: z
        .enum(['key-missing', 'log-shorter', 'log-different'])
        .describe(
          '`key-missing`: the private key is gone or is another; `log-shorter`, `log-different`: a head was signed that this log does not lead to',
        ),
      detail: z.string().max(4096).describe('what was found'),
    }),
    example: { what: 'key-missing' as const, detail: 'no file for this key in /var/lib/shiplog/keys' },
  }),
  'signing-key-replaced': defineEvent({
    version: 1,
    order: 'making',
    says: 'Signing began anew, with another key under another name: what was signed before can not be joined to it.',
    data: z.object({ from: Vkey.describe('the key that signed'), to: Vkey.describe('the key that signs') }),
    example: {
      from: 'shiplog/01j9z0c0ffee+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
      to: 'shiplog/01j9z0c0ffee/2+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop',
    },
  }),
};
export type SigningEvent = EventsOf<typeof signingEvents>;
export type SigningFault = z.infer<(typeof signingEvents)['signing-stopped']['data']>['what'];

// State
export interface SigningKey {
  readonly vkey: string;
  /** Position of the event that named it. */
  readonly since: string;
}
export interface Signing {
  /** Every key that ever signed, oldest first; the last one signs. */
  readonly keys: readonly SigningKey[];
  /** Why nothing is signed. */
  readonly stopped?: SigningFault;
}
export const noSigning: Signing = { keys: [] };

/** The key that signs; undefined before there is one. */
export const currentKey = ({ keys }: Signing): string | undefined => keys.at(-1)?.vkey;

// Evolve
export const evolveSigning = (state: Signing, event: Fact<SigningEvent>): Signing => {
  const withKey = (vkey: string): Signing => ({
    keys: [...state.keys, { vkey, since: String(event.position) }],
  });
  switch (event.type) {
    case 'signing-key-created':
      return withKey(event.data.vkey);
    case 'signing-key-rotated':
    case 'signing-key-replaced':
      return withKey(event.data.to);
    case 'signing-stopped':
      return { ...state, stopped: event.data.what };
    default:
      return event satisfies never;
  }
};

// Commands
export const signingCommands = {
  'create-signing-key': z.object({ vkey: Vkey }),
  'rotate-signing-key': z.object({ to: Vkey }),
  'replace-signing-key': z.object({ to: Vkey }),
  'stop-signing': signingEvents['signing-stopped'].data,
};
export type SigningCommand = CommandsOf<typeof signingCommands>;

// Decide
export const decideSigning = (
  command: SigningCommand,
  state: Signing,
): readonly SigningEvent[] | Rejection => {
  const from = currentKey(state);
  switch (command.type) {
    case 'create-signing-key':
      return from === undefined
        ? [{ type: 'signing-key-created', data: { vkey: command.vkey } }]
        : new Rejection('already-exists', `the log is signed with ${from}; rotate it to have another key`);
    case 'rotate-signing-key':
      if (from === undefined) return noKey;
      if (state.stopped !== undefined) {
        return new Rejection(
          'failed-precondition',
          `signing stopped (${state.stopped}), so the key can't vouch for another; see 'shiplog log key replace --help'`,
        );
      }
      return [{ type: 'signing-key-rotated', data: { from, to: command.to } }];
    case 'replace-signing-key':
      if (from === undefined) return noKey;
      if (state.stopped === undefined) {
        return new Rejection(
          'failed-precondition',
          `the key ${from} signs and can vouch for the next one; rotate it with 'shiplog log key rotate'`,
        );
      }
      return [{ type: 'signing-key-replaced', data: { from, to: command.to } }];
    case 'stop-signing':
      if (state.stopped === command.what) return [];
      return [{ type: 'signing-stopped', data: { what: command.what, detail: command.detail } }];
    default:
      return command satisfies never;
  }
};

const noKey = new Rejection('failed-precondition', 'the log has no signing key yet; start the daemon first');
