import { describe, expect, it } from 'vitest';
import { WorkMeter } from '../../../../src/adapters/daemon/give-back.ts';
import { trimMalloc } from '../../../../src/adapters/syscalls/malloc.ts';

const [all, none] = [
  { heap: true, code: true },
  { heap: false, code: false },
];

/** Looks at a daemon that has taken so many milliseconds of processor time between each two. */
const looks = (meter: WorkMeter, ...spent: readonly number[]) => {
  const before = looked.get(meter) ?? 0;
  let used = before;
  const due = spent.map((milliseconds) => {
    used += milliseconds * 1000;
    return meter.look(used);
  });
  looked.set(meter, used);
  return due;
};
const looked = new WeakMap<WorkMeter, number>();

/** One whose start is over, and what that left given back. */
const started = (): WorkMeter => {
  const meter = new WorkMeter();
  expect(looks(meter, 250, 5)).toEqual([none, all]);
  return meter;
};

describe('memory is given back', () => {
  it('after the start, once the daemon is quiet', () => {
    started();
  });

  it('not again by a daemon that does little', () => {
    expect(looks(started(), 5, 50, 20)).toEqual([none, none, none]);
  });

  it('after work, once it is over', () => {
    expect(looks(started(), 400, 300, 10, 10)).toEqual([none, none, all, none]);
  });

  it('after little work many times', () => {
    expect(looks(started(), 100, 100, 100, 10)).toEqual([none, none, all, none]);
  });

  it('by the C library also while work goes on, which keeps its code', () => {
    const [heap, code] = [
      { heap: true, code: false },
      { heap: false, code: true },
    ];
    expect(looks(started(), 900, 900, 900, 900, 10)).toEqual([none, heap, none, heap, code]);
  });
});

it('the C library gives back what is free', () => {
  expect(() => trimMalloc()).not.toThrow();
});
