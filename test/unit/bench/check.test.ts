import { describe, expect, it } from 'vitest';
import { bars } from '../../../bench/rig/bars.ts';
import { benchNames, checkNames } from '../../../bench/rig/benches.ts';
import { benchesOf, chosenChecks, judged } from '../../../bench/rig/check.ts';
import type { Measurement } from '../../../bench/rig/record.ts';
import { filesIn } from '../house/source-tree.ts';

const machine = {
  cpu: 'a processor',
  cores: 2,
  memoryGB: 24,
  kernel: '6.1',
  system: 'Debian 12',
  versions: { node: '20.20.2' },
  jsonParse: 1_000_000,
  nodeStart: 60,
};

describe('the names of --check', () => {
  it('are all where none is given', () => {
    expect(chosenChecks([])).toEqual(checkNames);
  });

  it('come in one order, each once', () => {
    expect(chosenChecks(['boot', 'pull', 'boot'])).toEqual(['pull', 'boot']);
  });

  it('are told where one is not known', () => {
    expect(() => chosenChecks(['pull', 'speed'])).toThrow(/'speed'.*log, pull, start, memory/);
  });
});

describe('the list of benchmarks', () => {
  it('is the files of bench/', () => {
    const files = filesIn('bench', '.ts').flatMap(
      ({ path }) => /^bench\/([\w-]+)\.ts$/.exec(path)?.[1] ?? [],
    );
    expect([...benchNames].sort()).toEqual(files.sort());
  });

  it('is, for a name, those whose figures its bars judge', () => {
    expect(benchesOf(['pull'])).toEqual(['pull', 'ctr-pull']);
    expect(benchesOf(checkNames)).not.toContain('unpack');
  });

  it('has one bar for a figure', () => {
    const judgedOnce = Object.values(bars).flatMap((rows) =>
      rows.map(({ bench, figure }) => `${bench}: ${figure}`),
    );
    expect(judgedOnce.length).toBe(new Set(judgedOnce).size);
  });
});

describe('judging', () => {
  const measured: Measurement = {
    bench: 'start',
    args: [],
    taken: '2026-11-21T20:00:00Z',
    machine,
    reports: [{ title: 'starts', figures: [{ name: 'to running', unit: 'ms', ours: [60], peer: [100] }] }],
  };

  it('puts each bar of the names beside its figure', () => {
    const rows = judged(['start'], [measured]);
    expect(rows.length).toBe(bars.start.length);
    expect(rows.find(({ bar }) => bar.figure === 'to running')?.verdict).toEqual({
      state: 'met',
      value: 0.6,
    });
  });

  it('says of a bar whose figure was not recorded that it was not measured', () => {
    const row = judged(['start'], [measured]).find(({ bar }) => bar.figure === 'exec of true');
    expect(row?.verdict.state).toBe('not measured');
  });

  it('leaves out what a machine lacks only where it was looked for', () => {
    const crun = (measurements: readonly Measurement[]) =>
      judged(['start'], measurements).find(({ bar }) => bar.figure === 'to running with crun')?.verdict.state;
    expect(crun([measured])).toBe('left out');
    expect(crun([])).toBe('not measured');
  });

  it('takes no figure of another benchmark for its own', () => {
    const row = judged(['start'], [{ ...measured, bench: 'run' }]).find(
      ({ bar }) => bar.figure === 'to running',
    );
    expect(row?.verdict.state).toBe('not measured');
  });
});
