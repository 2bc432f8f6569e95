import { describe, expect, it } from 'vitest';
import { planMounts } from '../../../src/domain/mount-plan.ts';
import { fillTemplates, takeDirectories } from '../../../src/domain/mount-templates.ts';

const mount = (type: string, source = '', ...options: string[]) => ({ type, source, target: '', options });
const made = [
  { mount: { ...mount('bind', '/src/a'), target: 'etc' }, point: '/m/1' },
  { mount: mount('bind', '/src/b'), point: '/m/2' },
  { mount: mount('bind', '/src/c'), point: '/m/3' },
];
const filled = (text: string) => fillTemplates(mount('overlay', text), made).source;

describe('a template', () => {
  it.each([
    ['plain', 'plain'],
    ['{{ source 1 }}', '/src/b'],
    ['{{target 0}}', 'etc'],
    ['{{ mount 2 }}/sub', '/m/3/sub'],
    ['lowerdir={{ overlay 0 2 }}', 'lowerdir=/m/1:/m/2:/m/3'],
    ['lowerdir={{ overlay 2 0 }}', 'lowerdir=/m/3:/m/2:/m/1'],
    ['{{ overlay 1 1 }},{{ mount 0 }}', '/m/2,/m/1'],
  ])('%s is %s', (text, expected) => expect(filled(text)).toBe(expected));

  it.each([
    ['{{ mount 3 }}', /index out of bounds: 3, has 3 active mounts/],
    ['{{ mount }}', /none of/],
    ['{{ overlay 1 }}', /none of/],
    ['{{ source 0 1 }}', /none of/],
    ['{{ env "HOME" }}', /none of/],
    ['{{ mount 0', /does not end/],
  ])('%s is refused', (text, words) => expect(() => filled(text)).toThrow(words));

  it('is filled in wherever it stands, and the type stays', () => {
    const given = {
      type: 'overlay',
      source: '{{ source 0 }}',
      target: '{{ target 0 }}',
      options: ['a={{ mount 1 }}'],
    };
    expect(fillTemplates(given, made)).toEqual({
      type: 'overlay',
      source: '/src/a',
      target: 'etc',
      options: ['a=/m/2'],
    });
  });
});

describe('a directory', () => {
  const option = 'X-containerd.mkdir.path=';
  it('is taken out of the options', () => {
    const asked = mount('overlay', 'o', 'ro', `${option}/a/upper`, `${option}/a/work:0755:1000:1001`);
    expect(takeDirectories(asked)).toEqual({
      mount: mount('overlay', 'o', 'ro'),
      directories: [
        { path: '/a/upper', mode: 0o700 },
        { path: '/a/work', mode: 0o755, owner: { uid: 1000, gid: 1001 } },
      ],
    });
  });
  it.each(['relative', '/a/../b', '/a:999', '/a:7777', '/a:755:0'])('%s is refused', (path) => {
    expect(() => takeDirectories(mount('bind', '', option + path))).toThrow(/invalid mkdir option/);
  });
});

describe('a plan', () => {
  it('makes what comes before the last mount with a prefix', () => {
    const plan = planMounts(
      [mount('erofs'), mount('format/bind'), mount('format/mkdir/overlay'), mount('bind')],
      false,
    );
    expect(plan.own).toBe(2);
    expect(plan.mounts.map(({ mount: { type }, preparations }) => [type, ...preparations])).toEqual([
      ['erofs'],
      ['bind', 'format'],
      ['overlay', 'format', 'mkdir'],
      ['bind'],
    ]);
  });
  it('makes all that are temporary', () => {
    expect(planMounts([mount('bind'), mount('format/bind')], true).own).toBe(2);
  });
  it('has nothing to do with plain mounts, and says so in the way that clients know', () => {
    for (const mounts of [[], [mount('bind')]]) {
      expect(() => planMounts(mounts, false)).toThrow(expect.objectContaining({ code: 'unimplemented' }));
    }
    expect(() => planMounts([], true)).toThrow(expect.objectContaining({ code: 'unimplemented' }));
  });
  it('knows its prefixes only', () => {
    expect(() => planMounts([mount('mkfs/ext4')], false)).toThrow(/'mkfs\/' is not known here/);
  });
});
