import { describe, expect, it } from 'vitest';
import { Redactions } from '../../../../src/adapters/log-file/redactions.ts';

const hash = (letter: string): string => letter.repeat(64);
const damage = { file: '/log/a', offset: 128, what: 'event 3: its data has another hash' };
const naming = (position: number, replacement: string) => ({
  position: String(position),
  redacts: 'namespace-created',
  about: 'namespace/a/a',
  fields: ['/labels'],
  salt: '5a'.repeat(16),
  replacement,
});

const given = (...told: ((redactions: Redactions) => void)[]): Redactions => {
  const redactions = new Redactions();
  for (const tell of told) tell(redactions);
  return redactions;
};
const differs = (position: number, found: string) => (redactions: Redactions) =>
  redactions.differs(position, found, damage);
const note = (position: number, data: unknown) => (redactions: Redactions) => redactions.note(position, data);

describe('data that is not what its head vouches for', () => {
  it('is right where a later event names it with the hash of what lies there', () => {
    expect(given(differs(3, hash('a')), note(9, naming(3, hash('a')))).unexplained()).toBeUndefined();
  });
  it('is damage where none does', () => {
    expect(given(differs(3, hash('a'))).unexplained()).toBe(damage);
  });
  it('is damage where one names another hash, or another position', () => {
    expect(given(differs(3, hash('a')), note(9, naming(3, hash('b')))).unexplained()).toBe(damage);
    expect(given(differs(3, hash('a')), note(9, naming(4, hash('a')))).unexplained()).toBe(damage);
  });
  it('is right by the last event that names it', () => {
    const both = [note(9, naming(3, hash('a'))), note(10, naming(3, hash('b')))];
    expect(given(differs(3, hash('b')), ...both).unexplained()).toBeUndefined();
    expect(given(differs(3, hash('a')), ...both).unexplained()).toBe(damage);
  });
  it('is not explained by what came before it, nor by what is no redaction', () => {
    expect(given(note(2, naming(3, hash('a'))), differs(3, hash('a'))).unexplained()).toBe(damage);
    expect(given(differs(3, hash('a')), note(9, { position: '3' })).unexplained()).toBe(damage);
  });
});
