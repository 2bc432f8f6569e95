import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../../../src/adapters/registry/challenge.ts';

const plain = (header: string | string[]) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe('WWW-Authenticate', () => {
  it.each([
    ['Basic realm="harbour"', [['basic', { realm: 'harbour' }]]],
    ['Basic', [['basic', {}]]],
    [
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
      [
        [
          'bearer',
          {
            realm: 'https://auth.docker.io/token',
            service: 'registry.docker.io',
            scope: 'repository:a/b:pull,push',
          },
        ],
      ],
    ],
    ['BEARER Realm = "x" ,  SERVICE=y', [['bearer', { realm: 'x', service: 'y' }]]],
    ['Bearer realm="a \\"b\\" \\\\c"', [['bearer', { realm: 'a "b" \\c' }]]],
    [
      'Negotiate, Basic realm="a, b=c", Bearer realm="d"',
      [
        ['negotiate', {}],
        ['basic', { realm: 'a, b=c' }],
        ['bearer', { realm: 'd' }],
      ],
    ],
    ['Bearer realm="open', [['bearer', {}]]],
    ['realm="nobody asked"', []],
    ['', []],
  ])('%s', (header, expected) => {
    expect(plain(header)).toEqual(expected);
  });

  it('may stand in several lines', () => {
    expect(plain(['Basic realm="a"', 'Bearer realm="b"']).map(([scheme]) => scheme)).toEqual([
      'basic',
      'bearer',
    ]);
    expect(parseChallenges(undefined)).toEqual([]);
  });

  it('gives back any parameters that were written by the rules', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,10}$/);
    const value = fc.string({ maxLength: 40 });
    const quoted = (text: string) => `"${text.replaceAll(/[\\"]/g, '\\$&')}"`;
    fc.assert(
      fc.property(fc.dictionary(name, value, { minKeys: 1 }), (parameters) => {
        const written = Object.entries(parameters).map(([key, text]) => `${key}=${quoted(text)}`);
        expect(plain(`Bearer ${written.join(', ')}`)).toEqual([['bearer', { ...parameters }]]);
      }),
    );
  });

  it('ends on anything, and soon', () => {
    fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => Array.isArray(parseChallenges(text))));
    const started = performance.now();
    parseChallenges(`Bearer a="${'\\'.repeat(100_000)}`);
    parseChallenges(' '.repeat(100_000));
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
