import { describe, expect, it } from 'vitest';
import type { Labels } from '../../../src/domain/identity.ts';
import {
  containerdFilter,
  type FieldOf,
  labelField,
  valuesNamed,
} from '../../../src/projections/containerd-filters.ts';

const thing = (name: string, labels: Labels = {}): FieldOf => {
  return (path) => {
    if (path[0] === 'name') return name;
    return path[0] === 'labels' ? labelField(labels, path) : undefined;
  };
};

const web = thing('web', { team: 'a', 'io.example/tier': 'front', 'with space': 'x y', empty: '' });

describe('a filter', () => {
  it.each([
    ['', true],
    ['name', true],
    ['nothing', false],
    ['name==web', true],
    ['name == web', true],
    ['name==db', false],
    ['name=="web"', true],
    ['name!=db', true],
    ['name!=web', false],
    ['nothing!=web', true],
    ['nothing==web', false],
    ['labels.team', true],
    ['labels.team==a', true],
    ['labels.empty', true],
    ['labels.empty==""', true],
    ['labels.toString', false],
    ['labels."io.example/tier"==front', true],
    ['labels.io."example/tier"==front', true],
    ['labels."with space"=="x y"', true],
    ['labels.team==a,name==web', true],
    ['labels.team==a,name==db', false],
    ['labels.team==a, name==web', true],
    ['name~=^w', true],
    ['name~=e', true],
    ['name~=^e', false],
    ['name~=/^w.b$/', true],
    ['name~=|^w.b$|', true],
    ['name~="^(web|db)$"', true],
    ['labels."io.example/tier"~=/fr\\/|front/', true],
    ['nothing~=a*', false],
    ['"name"==web', true],
    ['name=="\\x77\\145\\u0062"', true],
    ['name==w=b', false],
  ])('%s: %s', (filter, matches) => {
    expect(containerdFilter([filter])(web)).toBe(matches);
  });

  it('holds where any of several does, and always where there is none', () => {
    expect(containerdFilter([])(web)).toBe(true);
    expect(containerdFilter(['name==db', 'labels.team==a'])(web)).toBe(true);
    expect(containerdFilter(['name==db', 'labels.team==b'])(web)).toBe(false);
  });

  it.each([
    [[], undefined],
    [[''], undefined],
    [['name==web'], ['web']],
    [
      ['name==web,labels.team==a', 'name=="db"'],
      ['web', 'db'],
    ],
    [['labels.team==a', 'name==web'], undefined],
    [['name!=web'], undefined],
    [['name~=web'], undefined],
    [['labels.name==web'], undefined],
    [['name.x==web'], undefined],
  ])('%j leaves these names: %j', (filters, names) => {
    const values = valuesNamed(filters, 'name');
    expect(values === undefined ? undefined : [...values]).toEqual(names);
  });

  it('reads quoted texts as Go does', () => {
    const value = (filter: string, text: string) => containerdFilter([filter])(thing(text));
    expect(value('name=="a\\tb\\n\\"c\\\\"', 'a\tb\n"c\\')).toBe(true);
    expect(value('name=="\\xc3\\xa9"', 'é')).toBe(true);
    expect(value('name=="\\U0001F6A2"', '🚢')).toBe(true);
    expect(value('name==🚢', '🚢')).toBe(true);
  });
});

describe('a filter that is none', () => {
  it.each([
    ['name==', '[name==]: expected value or quoted'],
    ['==web', '[ >|=|< =web]: expected field or quoted'],
    ['name~=.*', '[name~= >|.|< *]: expected value or quoted'],
    ['name=web', '[name >|=|< web]: unsupported operator "="'],
    ['name===web', 'unsupported operator "==="'],
    ['name==web db', '[name==web >| |< db]: unexpected input:  '],
    ['name==web,', '[name==web,]: expected field or quoted'],
    ['name,,name', '[name, >|,|< name]: expected field or quoted'],
    ['labels.==a', '[labels. >|=|< =a]: expected field or quoted'],
    ['labels."a==b', '[labels. >|"|< a==b]: quoted literal not terminated'],
    ['name=="\\q"', '[name== >|"|< \\q"]: illegal escape sequence'],
    ['name=="\\400"', 'illegal escape sequence'],
    ['name==/web/', '[name== >|/|< web/]: invalid quote encountered'],
    ['/name/==web', 'invalid quote encountered'],
    ['name web', 'expected an operator ("=="|"!="|"~=")'],
    ['🚢==web', '[ >|🚢|< ==web]: expected field or quoted'],
    ['name~=/(/', '[name~= >|/|< (/]: not a regular expression'],
    ['name~="(a)\\\\1"', 'not a regular expression'],
  ])('%s', (filter, words) => {
    const attempt = () => containerdFilter(['name==web', filter]);
    expect(attempt).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    expect(attempt).toThrow(words);
    expect(attempt).toThrow(/: invalid argument$/);
  });

  it('is refused when it is too long, and when there are too many', () => {
    expect(() => containerdFilter([`name==${'a'.repeat(9000)}`])).toThrow('longer than 8192');
    expect(() => containerdFilter(Array.from({ length: 1025 }, () => 'name'))).toThrow('more than 1024');
  });
});

it('answers in time whatever the regular expression is', () => {
  const slow = containerdFilter(['name~=/(a|a)*b|(a*)*c|a*a*a*a*a*d/']);
  const begun = performance.now();
  expect(slow(thing('a'.repeat(4096)))).toBe(false);
  expect(performance.now() - begun).toBeLessThan(1000);
});
