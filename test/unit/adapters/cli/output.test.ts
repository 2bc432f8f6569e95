import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitName } from '../../../../src/adapters/cli/output/image-rows.ts';
import { renderTable } from '../../../../src/adapters/cli/output/table.ts';
import { compileTemplate, templateHeadings } from '../../../../src/adapters/cli/output/template.ts';
import {
  ellipsis,
  familiarName,
  humanAgo,
  humanSize,
  humanSpan,
  shortId,
  timestamp,
} from '../../../../src/adapters/cli/output/units.ts';
import { familiarName as domainName } from '../../../../src/domain/image-reference.ts';

describe('sizes', () => {
  it.each([
    [0n, '0B'],
    [999n, '999B'],
    [1000n, '1kB'],
    [77_800_000n, '77.8MB'],
    [1_240n, '1.24kB'],
    [999_999n, '1000kB'],
    [2_500_000_000_000n, '2.5TB'],
  ])('%s bytes are %s', (bytes, text) => {
    expect(humanSize(bytes)).toBe(text);
  });
});

describe('spans of time', () => {
  const second = 1000;
  const hour = 3600 * second;
  it.each([
    [-5, 'Less than a second'],
    [500, 'Less than a second'],
    [second, '1 second'],
    [59 * second, '59 seconds'],
    [60 * second, 'About a minute'],
    [150 * second, '2 minutes'],
    [hour, 'About an hour'],
    [47 * hour, '47 hours'],
    [48 * hour, '2 days'],
    [13 * 24 * hour, '13 days'],
    [14 * 24 * hour, '2 weeks'],
    [90 * 24 * hour, '3 months'],
    [800 * 24 * hour, '2 years'],
  ])('%i ms are %s', (ms, text) => {
    expect(humanSpan(ms)).toBe(text);
  });

  it('has no age for what has no date', () => {
    expect(humanAgo(0n, 1)).toBe('N/A');
  });
});

describe('words', () => {
  it('keeps microseconds in timestamps', () => {
    expect(timestamp(1_764_000_000_123_456n)).toBe('2025-11-24T16:00:00.123456Z');
    expect(timestamp(1_764_000_000_000_007n)).toBe('2025-11-24T16:00:00.000007Z');
  });

  it('shortens', () => {
    expect(shortId(`sha256:${'ab'.repeat(32)}`)).toBe('abababababab');
    expect(ellipsis('abcdef', 6)).toBe('abcdef');
    expect(ellipsis('abcdefg', 6)).toBe('abcde…');
  });

  it.each([
    'docker.io/library/debian:12',
    'docker.io/me/app:1',
    'registry.example:5000/a/b@sha256:1',
    'debian',
  ])('calls %s what the domain calls it', (name) => {
    expect(familiarName(name)).toBe(domainName(name));
  });

  it.each([
    ['docker.io/library/debian:12', 'debian', '12'],
    ['registry.example:5000/app', 'registry.example:5000/app', 'latest'],
    ['docker.io/library/a@sha256:1', 'a', '<none>'],
    ['docker.io/library/a:2@sha256:1', 'a', '2'],
  ])('splits %s', (name, repository, tag) => {
    expect(splitName(name)).toEqual({ repository, tag });
  });
});

describe('tables', () => {
  it('line up, without borders and without spaces at the end', () => {
    expect(
      renderTable(
        ['ID', 'NAME'],
        [
          ['1', 'a'],
          ['22', 'b c'],
        ],
      ),
    ).toBe('ID   NAME\n1    a\n22   b c\n');
  });

  it('has a heading also for nothing', () => {
    expect(renderTable(['ID', 'NAME'], [])).toBe('ID   NAME\n');
  });

  it('begin each column at one place, whatever the cells hold', () => {
    const cell = fc.stringMatching(/^[a-z0-9]{1,12}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 8 }), (rows) => {
        const lines = renderTable([], rows).trimEnd().split('\n');
        const start = Math.max(...rows.map(([first]) => first.length)) + 3;
        expect(lines.map((line) => line.slice(start))).toEqual(rows.map(([, second]) => second));
      }),
    );
  });

  it('shows control characters instead of obeying them', () => {
    expect(renderTable([], [['a\x1b[2Jb', 'c\nd']])).toBe('a\\x1b[2Jb   c\\x0ad\n');
  });
});

describe('templates', () => {
  const row = {
    ID: 'abc',
    Names: 'web',
    Exit: 0,
    Big: 12_345_678_901n,
    None: null,
    State: { Status: 'exited', Codes: [1, 2] },
    Labels: { 'a.b': 'x' },
  };

  it.each([
    ['{{.ID}}', 'abc'],
    ['{{ .ID }} is {{.Names}}', 'abc is web'],
    ['{{.State.Status}}', 'exited'],
    ['{{json .State}}', '{"Status":"exited","Codes":[1,2]}'],
    ['{{json .}}', JSON.stringify({ ...row, Big: 12_345_678_901 })],
    ['{{upper .Names}}{{lower .ID}}', 'WEBabc'],
    ['{{.Exit}}|{{.None}}|{{.State.Missing}}', '0||'],
    ['{{.Big}}', '12345678901'],
    ['{{join .State.Codes ", "}}', '1, 2'],
    ['{{index .Labels "a.b"}}', 'x'],
    ['{{len .State.Codes}}', '2'],
    ['{{.Labels}} {{.State.Codes}}', 'map[a.b:x] [1 2]'],
    ['a\\tb\\n', 'a\tb\n'],
    ['no action', 'no action'],
  ])('%s', (template, text) => {
    expect(compileTemplate(template)(row)).toBe(text);
  });

  it.each([
    ['{{.Nope}}', /no field '.Nope', only .ID .Names/],
    ['{{.ID', /never closed/],
    ['{{shout .ID}}', /cannot read/],
    ['{{if .ID}}x{{end}}', /cannot read/],
    ['{{constructor .ID}}', /cannot read/],
    ['{{.}}{{..ID}}', /not a field/],
  ])('refuses %s with words', (template, says) => {
    expect(() => compileTemplate(template)(row)).toThrow(says);
  });

  it('gives headings for a table', () => {
    expect(templateHeadings('{{.ID}}\\t{{upper .Names}}\\t{{.State.ExitCode}}')).toBe('ID\tNAMES\tEXIT CODE');
  });

  it('never reaches beyond own fields', () => {
    expect(compileTemplate('{{.State.constructor}}{{.Labels.__proto__}}')(row)).toBe('');
  });
});
