import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { safeUrl, safeWords } from '../../../../src/adapters/registry/redact.ts';

describe('words for a message', () => {
  it('lose secrets, line breaks and what is too much', () => {
    expect(safeWords('bad password hunter2!\n', ['hunter2'])).toBe('bad password [redacted]!');
    expect(safeWords('a\u001b[31mred\r\n\tb', [])).toBe('a [31mred b');
    expect(safeWords('x'.repeat(1000), [])).toHaveLength(301);
  });

  it('never hold a secret, nor a control character', () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9+/=]{8,40}$/);
    fc.assert(
      fc.property(fc.string(), secret, fc.string(), (before, hidden, after) => {
        const words = safeWords(before + hidden + after, [hidden]);
        expect(words).not.toContain(hidden);
        expect(words).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});

describe('URLs for a message', () => {
  it('lose user and query', () => {
    expect(safeUrl(new URL('https://me:secret@cdn.example:8443/a/b?sig=1#c'))).toBe(
      'https://cdn.example:8443/a/b',
    );
  });
});
