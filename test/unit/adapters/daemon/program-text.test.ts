import { readFileSync, realpathSync } from 'node:fs';
import { expect, it } from 'vitest';
import { dropProgramText } from '../../../../src/adapters/daemon/program-text.ts';

/** Kilobytes of node's own code that this process holds. */
const residentCode = (): number =>
  readFileSync('/proc/self/smaps', 'utf8')
    .split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    .filter((mapping) => / r-xp .* (\/\S+)/.exec(mapping)?.[1] === realpathSync(process.execPath))
    .reduce((sum, mapping) => sum + Number(/^Rss:\s+(\d+) kB$/m.exec(mapping)?.[1]), 0);

it('lets go of the code that a start has read, and runs on', () => {
  const before = residentCode();
  expect(dropProgramText()).toBeGreaterThan(1);
  expect(residentCode()).toBeLessThan(before * 0.8);
  expect(JSON.parse('{"still":"here"}')).toEqual({ still: 'here' });
});
