import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { benchNames } from '../../../bench/rig/benches.ts';
import { partOfBench, plotsOf, withPart } from '../../../bench/rig/document.ts';
import type { Figure } from '../../../bench/rig/figures.ts';
import {
  decodeReports,
  encodeReports,
  type Measurement,
  readMeasurements,
  writeMeasurement,
} from '../../../bench/rig/record.ts';
import { aligned, figuresTable, inDigits } from '../../../bench/rig/tables.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const running: Figure = { name: 'to running', unit: 'ms', ours: [60, 70, 80], peer: [100, 100, 100] };
const floor: Figure = { name: 'floor', unit: 'ms', ours: [40] };
const measurement: Measurement = {
  bench: 'start',
  args: ['3'],
  taken: '2026-11-21T20:00:00Z',
  machine: {
    ...{ cpu: 'a processor', cores: 2, memoryGB: 24, kernel: '6.1', system: 'Debian 12' },
    versions: { node: '20.20.2', runc: '1.1.5' },
    ...{ jsonParse: 430_000, nodeStart: 120 },
  },
  reports: [{ title: 'Starts', figures: [running, floor], notes: ['Both with seccomp.'] }],
};

describe('a record', () => {
  it('is read as it was written, to five digits', () => {
    const reports = [{ title: 'Starts', figures: [{ ...floor, ours: [40.123_456_789] }] }];
    expect(decodeReports(encodeReports(reports))).toEqual([
      { title: 'Starts', figures: [{ ...floor, ours: [40.123] }] },
    ]);
  });

  it('is kept with a line for each figure, and read back', () => {
    const { path, remove } = makeTempDir('measurements');
    onTestFinished(remove);
    writeMeasurement(path, measurement);
    const text = readFileSync(join(path, 'start.json'), 'utf8');
    expect(text).toContain('"ours": [60, 70, 80],\n');
    expect(readMeasurements(path)).toEqual([measurement]);
  });

  it('holds no figure twice, since a bar would not know which it means', () => {
    const twice = [
      { title: 'Starts', figures: [floor] },
      { title: 'More', figures: [floor] },
    ];
    expect(() => encodeReports(twice)).toThrow(/'floor'/);
  });

  it('holds no figure without a sample, and no field that nobody knows', () => {
    expect(() => encodeReports([{ title: 'Starts', figures: [{ ...floor, ours: [] }] }])).toThrow();
    const text = JSON.stringify([{ title: 'Starts', figures: [{ ...floor, bar: 5 }] }]);
    expect(() => decodeReports(text)).toThrow(/bar/);
  });
});

describe('a table', () => {
  it('says median, quartiles, ratio, spread, who is ahead, the bar and whether it is met', () => {
    const [head, , first, second] = figuresTable(
      'start',
      measurement.reports[0] ?? { title: '', figures: [] },
    ).split('\n');
    const cells = (line = '') =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim());
    expect(cells(head)).toEqual(['', 'Shiplog', 'containerd', 'ratio', 'spread', 'ahead', 'bar', '']);
    expect(cells(first)).toEqual([
      'to running',
      '70.0 ms (65.0–75.0)',
      '100.0 ms (100.0–100.0)',
      '0.70',
      '0.65–0.75',
      'Shiplog, 1.4 ×',
      '≤ 0.75 ×',
      'met',
    ]);
    expect(cells(second)).toEqual(['floor', '40.0 ms', '', '', '', '', '', '']);
  });

  it('names in its cells who stood beside, where that is not one for all', () => {
    const tar = { ...running, name: 'by tar', peerName: 'tar' };
    const table = figuresTable('pull', { title: 'Pulls', figures: [running, tar] });
    expect(table).toContain('100.0 ms (100.0–100.0) containerd');
    expect(table).toContain('100.0 ms (100.0–100.0) tar');
  });

  it('leaves out columns that are empty all the way down, and stands in line', () => {
    const lines = aligned(
      ['', 'a', 'b'],
      [
        ['one', '', '1'],
        ['three', '', '22222'],
      ],
    ).split('\n');
    expect(lines).toEqual([
      '|       | b     |',
      '|-------|-------|',
      '| one   | 1     |',
      '| three | 22222 |',
    ]);
  });

  it('shows three digits of what is small and whole numbers of what is large', () => {
    expect([0.123, 1.234, 12.34, 1234.5, 0].map(inDigits)).toEqual(['0.12', '1.23', '12.3', '1,235', '0.0']);
  });
});

describe('docs/benchmarks.md', () => {
  it('has a place for every benchmark, and for all bars', () => {
    const text = readFileSync('docs/benchmarks.md', 'utf8');
    for (const name of ['bars', ...benchNames]) expect(() => withPart(text, name, ''), name).not.toThrow();
  });

  it('is rendered from what is kept beside it', () => {
    const measured = readMeasurements('docs/benchmarks');
    const text = readFileSync('docs/benchmarks.md', 'utf8');
    for (const one of measured) {
      expect(withPart(text, one.bench, partOfBench(one, plotsOf(one))), 'npm run docs:benchmarks').toBe(text);
    }
  });
});

describe('the document', () => {
  const page = 'By hand.\n\n<!-- figures: start -->\nold\n<!-- /figures -->\n\nAlso by hand, $& and all.\n';

  it('keeps what was written by hand, whatever stands in the part', () => {
    const once = withPart(page, 'start', 'new $1');
    expect(once).toBe(page.replace('old', () => '\nnew $1\n'));
    expect(withPart(once, 'start', 'new $1')).toBe(once);
  });

  it('must have a place for what was measured', () => {
    expect(() => withPart(page, 'boot', 'new')).toThrow(/figures: boot/);
  });

  it('tells the command, the day, the machine and how fast that was', () => {
    const part = partOfBench(measurement, plotsOf(measurement));
    expect(part).toContain('`npm run bench -- start 3`, 2026-11-21.');
    expect(part).toContain('2 × a processor, 24 GB, Linux 6.1, Debian 12; node 20.20.2, runc 1.1.5.');
    expect(part).toContain('JSON.parse of an event 430,000/s, `node -e 0` 120 ms');
    expect(part).toContain('Both with seccomp.');
    expect(part).toContain('![Starts](benchmarks/start.svg)');
  });
});

describe('a plot', () => {
  it('is an SVG that names what it compares, the same each time', () => {
    const [[plot] = []] = plotsOf(measurement);
    expect(plot?.svg).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
    expect(plot?.svg).toContain('to running');
    expect(plot?.svg).not.toContain('floor');
    expect(plotsOf(measurement)[0]?.[0]?.svg).toBe(plot?.svg);
  });

  it('is one for each series of lines besides', () => {
    const axis = { name: 'cycles', log: false };
    const lines = [
      {
        name: 'shiplogd',
        points: [
          [0, 80],
          [10, 81],
        ] as [number, number][],
      },
    ];
    const series = [{ title: 'Resident', x: axis, y: axis, lines }];
    const files = plotsOf({
      ...measurement,
      reports: [{ ...measurement.reports[0], title: 'Starts', figures: [running], series }],
    });
    expect(files.flat().map(({ file }) => file)).toEqual(['start.svg', 'start-2.svg']);
  });
});
