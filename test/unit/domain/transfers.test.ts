import { describe, it } from 'vitest';
import { given } from '../../support/given.ts';

const at = { namespace: 'default', id: 't1' };
const pull = { ...at, verb: 'pull', what: 'docker.io/library/busybox:latest' } as const;
const started = { type: 'transfer-started', data: pull } as const;
const finish = { ...at, bytes: 10 };
const failure = { ...at, code: 'unauthenticated', error: '401' } as const;

describe('a transfer', () => {
  it('starts', () => {
    given()
      .when({ type: 'start-transfer', ...pull })
      .thenHappens(started);
  });
  it('starts once', () => {
    given(started)
      .when({ type: 'start-transfer', ...pull })
      .thenRefused('already-exists', /transfer 't1' exists already/);
  });
  it('finishes', () => {
    given(started)
      .when({ type: 'finish-transfer', ...finish })
      .thenHappens({ type: 'transfer-finished', data: finish });
  });
  it('fails', () => {
    given(started)
      .when({ type: 'fail-transfer', ...failure })
      .thenHappens({ type: 'transfer-failed', data: failure });
  });
  for (const end of [
    { type: 'transfer-finished', data: finish },
    { type: 'transfer-failed', data: failure },
  ] as const) {
    it(`ends once, after ${end.type}`, () => {
      given(started, end)
        .when({ type: 'finish-transfer', ...finish })
        .thenNothingHappens();
      given(started, end)
        .when({ type: 'fail-transfer', ...failure })
        .thenNothingHappens();
    });
  }
  it('that never started does not end', () => {
    given()
      .when({ type: 'finish-transfer', ...finish })
      .thenNothingHappens();
  });
});
