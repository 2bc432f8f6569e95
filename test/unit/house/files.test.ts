import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesIn, lineOf, repository, type SourceFile } from './source-tree.ts';

const MOST_LINES = 400;
const EMPTY_NAMES = /(?:^|[-_.])(?:utils?|helpers?|managers?|commons?|misc)(?:[-_.]|$)/i;

const tooLong = ({ path, text }: SourceFile): string[] => {
  const lines = text.split('\n').length - 1;
  return lines > MOST_LINES ? [`${path} has ${lines} lines; a room over ${MOST_LINES} wants a wall`] : [];
};

/** Docker's own term, for the programs that keep credentials. */
const TERM = /credential-helper/g;

const emptyName = (path: string): string[] =>
  path
    .replace(TERM, '')
    .split('/')
    .some((part) => EMPTY_NAMES.test(part))
    ? [`${path}: say what it is in the field's own word`]
    : [];

/** Relative links of a page that lead nowhere; code is no place for links. */
const brokenLinks = ({ path, text }: SourceFile, exists = existsSync): string[] => {
  const prose = text
    .replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, ' '))
    .replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)].flatMap(({ 1: link = '', index }) => {
    const file = decodeURIComponent(link.replace(/[#?].*$/, ''));
    if (/^[a-z][a-z+.-]*:/i.test(link) || file === '') return [];
    const target = file.startsWith('/') ? join(repository, file) : join(repository, dirname(path), file);
    return exists(target) ? [] : [`${path}:${lineOf(prose, index)} leads nowhere: ${link}`];
  });
};

describe('files', () => {
  it('are short', () => {
    expect(filesIn('src', '.ts').flatMap(tooLong)).toEqual([]);
  });

  it('have names that say what they are', () => {
    const paths = ['src', 'test', 'bench', 'scripts', 'bin'].flatMap((folder) =>
      filesIn(folder, '').map(({ path }) => path),
    );
    expect(paths.length).toBeGreaterThan(30);
    expect(paths.flatMap(emptyName)).toEqual([]);
  });

  it('of documentation link to what is there', () => {
    const pages = filesIn('', '.md');
    expect(pages.map(({ path }) => basename(path))).toContain('CONTRIBUTING.md');
    expect(pages.flatMap((page) => brokenLinks(page))).toEqual([]);
  });
});

describe('a planted fault is caught:', () => {
  it('a file that is too long', () => {
    expect(tooLong({ path: 'src/a.ts', text: 'x\n'.repeat(401) })).toHaveLength(1);
    expect(tooLong({ path: 'src/a.ts', text: 'x\n'.repeat(400) })).toEqual([]);
  });

  it.each([
    'src/utils/a.ts',
    'src/domain/helpers.ts',
    'src/engine/task-manager.ts',
    'src/common.ts',
    'test/misc/a.ts',
  ])('a name that says nothing: %s', (path) => {
    expect(emptyName(path)).toHaveLength(1);
  });

  it.each([
    'src/domain/manage.ts',
    'src/adapters/utility-power/a.ts',
    'src/commonmark.ts',
    'src/adapters/registry/credential-helper.ts',
  ])('but not %s', (path) => {
    expect(emptyName(path)).toEqual([]);
  });

  it('a broken link', () => {
    const text = [
      '[a](none.md) [b](../docs/x.md#y "title") <https://x.y> [c](https://x.y/z) [d](#here) ![e](pic.svg)',
      '`[f](code.md)`',
      '```',
      '[g](block.md)',
      '```',
      '[h](there.md)',
    ].join('\n');
    const exists = (path: string | Buffer | URL) => String(path).endsWith('there.md');
    expect(brokenLinks({ path: 'docs/a.md', text }, exists)).toEqual([
      'docs/a.md:1 leads nowhere: none.md',
      'docs/a.md:1 leads nowhere: ../docs/x.md#y',
      'docs/a.md:1 leads nowhere: pic.svg',
    ]);
  });
});
