import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/glossary.md'), 'utf8');
const rows = page.split('\n').filter((line) => /^\| (?!Word|---)/.test(line));

/** `` `Name` in [file](path) ``: the file must speak of it. */
const places = rows.flatMap((row) =>
  [...row.matchAll(/`([^`]+)` in \[[^\]]+\]\(\.\.\/([^)]+)\)/g)].map(([, name = '', file = '']) => ({
    name,
    file,
  })),
);

it('the glossary gives each word once', () => {
  const words = rows.map((row) => row.split('|')[1]?.trim());
  expect(words.length).toBeGreaterThan(40);
  expect(new Set(words).size).toBe(words.length);
});

it.each(places)('the glossary’s $name is in $file', ({ name, file }) => {
  const text = readFileSync(join(root, file), 'utf8');
  for (const part of name.split('.')) expect(text).toMatch(new RegExp(`\\b${part}\\b`));
});
