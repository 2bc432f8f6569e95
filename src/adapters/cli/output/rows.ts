import { type CliIo, write } from '../cli-io.ts';
import { compileTemplate, type Template, templateHeadings, toJson } from './template.ts';

/** How a verb prints its rows when neither `--format` nor `-q` says otherwise. */
export interface RowStyle<Row extends object> {
  readonly headings: readonly string[];
  readonly cells: (row: Row) => readonly string[];
}

export interface RowOptions<Row extends object> {
  /** `table`, `json`, a template, or `table TEMPLATE`. */
  readonly format: string | undefined;
  /** What `-q` prints of a row. */
  readonly quiet: ((row: Row) => string) | undefined;
}

export const formatHelp =
  "'table', 'json' (an object a line), a template such as '{{.ID}} {{.Names}}', or 'table TEMPLATE'";

/** Prints one row by template or as JSON, where rows come one by one. Undefined for the verb's own style. */
export const lineFormat = (format: string | undefined): Template | undefined => {
  if (format === undefined || format === 'table') return undefined;
  return format === 'json' ? (row) => toJson(row) : compileTemplate(format);
};

const tableTemplate = async (rows: readonly object[], template: string): Promise<string> => {
  const { renderTable } = await import('./table.ts');
  const print = compileTemplate(template);
  const lines = rows.map((row) => print(row).split('\t'));
  return renderTable(templateHeadings(template).split('\t'), lines);
};

/** Prints rows that are all there. */
export const printRows = async <Row extends object>(
  io: CliIo,
  rows: readonly Row[],
  style: RowStyle<Row>,
  { format, quiet }: RowOptions<Row>,
): Promise<void> => {
  const line = lineFormat(format?.startsWith('table ') ? undefined : format);
  let text: string;
  if (quiet) text = rows.map((row) => `${quiet(row)}\n`).join('');
  else if (line) text = rows.map((row) => `${line(row)}\n`).join('');
  else if (format?.startsWith('table ')) text = await tableTemplate(rows, format.slice('table '.length));
  else {
    const { renderTable } = await import('./table.ts');
    text = renderTable(style.headings, rows.map(style.cells));
  }
  if (text !== '') await write(io.stdout, text);
};
