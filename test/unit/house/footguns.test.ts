import { describe, expect, it } from 'vitest';
import { footguns, hits, plantedAt } from './footguns.ts';
import { filesIn } from './source-tree.ts';

const files = ['src', 'test', 'bench'].flatMap((folder) => filesIn(folder, '.ts'));

describe('footguns are nowhere in the code:', () => {
  it.each(footguns)('$name', (footgun) => {
    expect(files.flatMap((file) => hits([footgun], file))).toEqual([]);
  });
});

describe.each(footguns)('$name, planted,', (footgun) => {
  const path = plantedAt(footgun);

  it.each(footgun.planted)('is caught: %s', (text) => {
    expect(hits([footgun], { path, text })).not.toEqual([]);
  });

  it.each(footgun.fine ?? [])('is told from what is fine: %s', (text) => {
    expect(hits([footgun], { path, text })).toEqual([]);
  });
});
