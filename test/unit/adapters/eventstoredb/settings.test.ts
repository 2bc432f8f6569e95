import { describe, expect, it } from 'vitest';
import { settingsOf } from '../../../../src/adapters/eventstoredb/settings.ts';

describe('a connection string', () => {
  it.each([
    ['esdb://h:2113?tls=false', { endpoint: { address: 'h', port: 2113 } }],
    ['kurrentdb://h:2113?tls=false', { endpoint: { address: 'h', port: 2113 } }],
    ['kdb://h?tls=false', { endpoint: { address: 'h', port: 2113 } }],
    ['esdb+discover://h', { discover: { address: 'h', port: 2113 } }],
    ['kurrentdb+discover://h', { discover: { address: 'h', port: 2113 } }],
    [
      'esdb://a:1,b:2?maxDiscoverAttempts=3',
      {
        endpoints: [
          { address: 'a', port: 1 },
          { address: 'b', port: 2 },
        ],
        maxDiscoverAttempts: 3,
      },
    ],
  ])('%s is understood', (text, connection) => {
    expect(settingsOf(text).connection).toEqual(connection);
  });

  it('uses TLS unless it says otherwise', () => {
    expect(settingsOf('esdb://h').channel.insecure).toBe(false);
    expect(settingsOf('esdb://h?tls=false').channel.insecure).toBe(true);
  });

  it('gives user and password', () => {
    expect(settingsOf('esdb://ada:p%40ss@h').credentials).toEqual({ username: 'ada', password: 'p@ss' });
  });

  it.each([
    ['http://ada:secret@h', /can not be read/],
    ['ada:secret@h', /can not be read/],
    ['esdb://ada:secret@h:port', /can not be read/],
    ['esdb://ada:secret@h?colour=blue', /the option colour is unknown/],
    ['esdb://ada:secret@h?tlsVerifyCert=false', /tlsCAFile instead/],
    ['esdb://ada:secret@h?tlsCAFile=/no/such.pem', /tlsCAFile can not be read: ENOENT/],
    ['esdb://ada:secret@h?userCertFile=/a.pem', /come together/],
    ['esdb+discover://ada:secret@h,i', /names one host/],
    ['esdb://ada:my?secret@h', /not of the form name=value/],
  ])('%s is refused without its password', (text, words) => {
    try {
      settingsOf(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid-argument', message: expect.stringMatching(words) });
      expect(String(error)).not.toContain('secret');
    }
  });
});
