import Table from 'cli-table3';
import { printable } from './units.ts';

const borderless = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '   ',
};

/** Columns that line up, three spaces apart, as docker's tables. An empty heading list leaves the first line out. */
export const renderTable = (headings: readonly string[], rows: readonly (readonly string[])[]): string => {
  const table = new Table({
    chars: borderless,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  });
  for (const row of headings.length > 0 ? [headings, ...rows] : rows) table.push(row.map(printable));
  return table
    .toString()
    .split('\n')
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
};
