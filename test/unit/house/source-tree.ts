import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** A file of ours: its path from the top of the repository, with `/`, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export const repository = resolve(import.meta.dirname, '../../..');

const SKIPPED = new Set(['node_modules', 'dist', '.git', 'gen', '.cache', 'coverage']);

const walk = (folder: string): string[] =>
  readdirSync(join(repository, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : walk(path);
    return entry.isFile() ? [path] : [];
  });

/** Every file of ours below `folder` (the whole repository for '') that ends in one of `endings`; generated ones not. */
export const filesIn = (folder: string, ...endings: string[]): SourceFile[] =>
  walk(folder)
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(repository, path), 'utf8') }));

/** 1-based line of an offset. */
export const lineOf = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;
