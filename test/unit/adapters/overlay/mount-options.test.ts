import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseMountOptions } from '../../../../src/adapters/overlay/mount-options.ts';
import { isWithin, parseMountPoints } from '../../../../src/adapters/overlay/mount-table.ts';
import { fitOverlayOptions } from '../../../../src/adapters/overlay/short-paths.ts';

describe('mount options', () => {
  it('are sorted into flags, propagation and data; later words win', () => {
    expect(parseMountOptions(['ro', 'nosuid', 'rprivate', 'size=1m', 'rw', 'rbind'])).toEqual({
      flags: 0x2 | 0x1000 | 0x4000,
      propagation: [0x40000 | 0x4000],
      data: ['size=1m'],
    });
  });

  it('go through short links where they would not fit a page, and the links go away', () => {
    const scratch = mkdtempSync(join(tmpdir(), 'fit-'));
    try {
      const lower = Array.from(
        { length: 128 },
        (_, index) => `/var/lib/shiplog/snapshots/${'x'.repeat(40)}${index}/fs`,
      );
      const { data, release } = fitOverlayOptions(['index=off', `lowerdir=${lower.join(':')}`], scratch);
      expect(Buffer.byteLength(data)).toBeLessThan(4096);
      const links = data.replace('index=off,lowerdir=', '').split(':');
      expect(links.map((link) => readlinkSync(link))).toEqual(lower);
      release();
      expect(readdirSync(scratch)).toEqual([]);
    } finally {
      rmSync(scratch, { recursive: true });
    }
  });
});

describe('the mount table', () => {
  it('gives mount points with octal escapes undone', () => {
    const line = String.raw`36 35 98:0 / /mnt\040a\011b\134c\012d rw,noatime master:1 - ext3 /dev/root rw`;
    expect(parseMountPoints(`${line}\n`)).toEqual(['/mnt a\tb\\c\nd']);
  });
  it('knows inside from beside', () => {
    expect(isWithin('/a/b', '/a')).toBe(true);
    expect(isWithin('/a', '/a/')).toBe(true);
    expect(isWithin('/ab', '/a')).toBe(false);
  });
});
