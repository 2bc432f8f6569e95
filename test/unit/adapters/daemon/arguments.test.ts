import { describe, expect, it } from 'vitest';
import { parseArguments, programName } from '../../../../src/adapters/daemon/arguments.ts';

const program = { name: 'shiplogd', version: '1.2.3', revision: 'abc' } as const;
const asked = (...argv: string[]) => parseArguments(argv, program);

describe('the command line of the daemon', () => {
  it('is a start where nothing else is said', () => {
    expect(asked()).toEqual({ kind: 'serve', configPath: undefined, overrides: {} });
  });
  it.each([
    ['long', ['--config', '/c', '--address', '/a', '--root', '/r', '--state', '/s', '--log-level', 'debug']],
    ['short', ['-c', '/c', '-a', '/a', '--root', '/r', '--state', '/s', '-l', 'trace']],
  ])('takes the flags of containerd, %s', (_, argv) => {
    expect(asked(...argv)).toEqual({
      kind: 'serve',
      configPath: '/c',
      overrides: { 'grpc.address': '/a', root: '/r', state: '/s', 'log.level': 'debug' },
    });
  });
  it.each([
    ['trace', 'debug'],
    ['warning', 'warn'],
    ['fatal', 'error'],
    ['panic', 'error'],
    ['info', 'info'],
  ])('knows the level %s', (word, level) => {
    expect(asked('-l', word)).toMatchObject({ overrides: { 'log.level': level } });
  });
  it('runs a command for a hook, where it is called containerd', () => {
    const words = ['oci-hook', '--', '/bin/ps', '--pid', '{{pid}}'];
    expect(parseArguments(words, { ...program, name: 'containerd' })).toEqual({
      kind: 'oci-hook',
      words: ['/bin/ps', '--pid', '{{pid}}'],
    });
  });
  it('prints configurations, with flags before and after', () => {
    expect(asked('config', 'default')).toEqual({ kind: 'config-default' });
    const given = { configPath: '/c', overrides: { root: '/r' } };
    expect(asked('-c', '/c', 'config', 'dump', '--root', '/r')).toEqual({ kind: 'config-dump', ...given });
    expect(asked('-c', '/c', '--root', '/r', 'config', 'migrate')).toEqual({
      kind: 'config-migrate',
      ...given,
    });
  });
});

describe('the name of the program', () => {
  it.each([
    ['/usr/bin/shiplogd', undefined, 'shiplogd'],
    ['/usr/local/bin/containerd', undefined, 'containerd'],
    ['/usr/bin/shiplogd', 'containerd', 'containerd'],
    [undefined, 'something', 'shiplogd'],
  ])('is told by %s and %s', (script, said, name) => {
    expect(programName(script, said)).toBe(name);
  });
});
