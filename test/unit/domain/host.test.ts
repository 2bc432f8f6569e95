import { describe, expect, it } from 'vitest';
import { given, log, worldOf } from '../../support/given.ts';

const started = { type: 'daemon-started', data: { version: '0.1.0', hostId: 'ship-1', pid: 7 } } as const;
const start = { type: 'start-daemon', version: '0.1.0', freshHostId: 'ship-1', pid: 7 } as const;
const divergence = { what: 'blob-missing', detail: 'no bytes on disk', repair: '' } as const;
const counts = { adopted: 1, ended: 2, lost: 3, divergences: 4 };
const refusal = {
  command: 'remove-image',
  subject: 'image/default/a',
  code: 'permission-denied',
  message: 'no',
} as const;

describe('a host', () => {
  it('gets its id at the first start', () => {
    given().when(start).thenHappens(started);
  });
  it('keeps it for ever', () => {
    given(started)
      .when({ ...start, freshHostId: 'ship-2', version: '0.2.0' })
      .thenHappens({ type: 'daemon-started', data: { version: '0.2.0', hostId: 'ship-1', pid: 7 } });
  });
  it('records a stop', () => {
    given(started)
      .when({ type: 'stop-daemon', because: 'SIGTERM' })
      .thenHappens({ type: 'daemon-stopped', data: { because: 'SIGTERM' } });
  });
  it('records what diverges', () => {
    given(started)
      .when({ type: 'report-divergence', ...divergence })
      .thenHappens({ type: 'divergence-found', data: divergence });
  });
  it('records the end of a recovery', () => {
    given(started)
      .when({ type: 'finish-recovery', ...counts })
      .thenHappens({ type: 'recovery-finished', data: counts });
  });
  it('records refusals', () => {
    given(started)
      .when({ type: 'record-refusal', ...refusal })
      .thenHappens({ type: 'command-refused', data: refusal });
  });
  it('counts divergences since the last start', () => {
    const found = { type: 'divergence-found', data: divergence } as const;
    expect(worldOf(log(started, found, found)).host).toEqual({
      hostId: 'ship-1',
      boot: 'boot-1',
      divergences: 2,
    });
    expect(worldOf(log(started, found, started)).host.divergences).toBe(0);
  });
});
