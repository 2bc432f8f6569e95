import { describe, expect, it } from 'vitest';
import { isRejection } from '../../../src/domain/rejection.ts';
import {
  currentKey,
  decideSigning,
  evolveSigning,
  noSigning,
  type Signing,
  type SigningCommand,
} from '../../../src/domain/signing.ts';
import { factOf } from '../../support/given.ts';

const one = 'shiplog/h+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const two = 'shiplog/h+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';

const stateAfter = (...commands: readonly SigningCommand[]): Signing =>
  commands.reduce((state, command, at) => {
    const decided = decideSigning(command, state);
    if (isRejection(decided)) throw decided;
    return decided.reduce(
      (folded, event) => evolveSigning(folded, { ...factOf(event, at), ...event }),
      state,
    );
  }, noSigning);
const refusal = (command: SigningCommand, state: Signing): string => {
  const decided = decideSigning(command, state);
  return isRejection(decided) ? `${decided.code}: ${decided.message}` : 'accepted';
};
const created = { type: 'create-signing-key', vkey: one } as const;
const stop = { type: 'stop-signing', what: 'key-missing', detail: 'no file' } as const;

describe('the signing key', () => {
  it('is made once', () => {
    expect(currentKey(stateAfter(created))).toBe(one);
    expect(refusal(created, stateAfter(created))).toMatch(/^already-exists: .*rotate it/);
    expect(refusal({ type: 'rotate-signing-key', to: two }, noSigning)).toMatch(/^failed-precondition/);
  });

  it('is rotated, and the older one stays known', () => {
    const { keys, stopped } = stateAfter(created, { type: 'rotate-signing-key', to: two });
    expect(keys).toEqual([
      { vkey: one, since: '0' },
      { vkey: two, since: '1' },
    ]);
    expect(stopped).toBeUndefined();
  });

  it('can only be replaced when it can no longer sign, and not be rotated then', () => {
    expect(refusal({ type: 'replace-signing-key', to: two }, stateAfter(created))).toMatch(/log key rotate/);
    const stopped = stateAfter(created, stop);
    expect(stopped.stopped).toBe('key-missing');
    expect(refusal({ type: 'rotate-signing-key', to: two }, stopped)).toMatch(/log key replace/);
    expect(stateAfter(created, stop, { type: 'replace-signing-key', to: two }).stopped).toBeUndefined();
  });

  it('is missed once, however often the daemon starts', () => {
    expect(decideSigning(stop, stateAfter(created, stop))).toEqual([]);
    expect(decideSigning({ ...stop, what: 'log-shorter' }, stateAfter(created, stop))).toHaveLength(1);
  });
});
