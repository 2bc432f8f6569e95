import { describe, expect, it } from 'vitest';
import { signalName, signalNumber } from '../../../src/domain/signals.ts';

describe('a signal', () => {
  it.each([
    ['KILL', 9],
    ['SIGTERM', 15],
    ['sigusr1', 10],
    ['9', 9],
    ['64', 64],
    ['RTMIN', 34],
    ['SIGRTMIN+3', 37],
    ['RTMIN+30', 64],
  ])('%s is %i', (text, number) => {
    expect(signalNumber(text)).toBe(number);
  });
  it.each(['', '0', '65', '-9', '9x', 'NOSUCH', 'RTMIN+31', 'toString', 'SIG'])('%j is none', (text) => {
    expect(signalNumber(text)).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining(`'${text}' is no signal`),
    });
  });
  it.each([
    [9, 'SIGKILL'],
    [31, 'SIGSYS'],
    [40, '40'],
  ])('%i is called %s', (number, name) => {
    expect(signalName(number)).toBe(name);
  });
  it('is called by the name that means it', () => {
    for (let number = 1; number <= 31; number++) expect(signalNumber(signalName(number))).toBe(number);
  });
});
