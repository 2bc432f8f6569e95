import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, type Overrides, parseConfig } from '../../../../src/adapters/config/load.ts';

const read = (text: string, overrides?: Overrides) => parseConfig(text, 'config.toml', overrides);

describe('a configuration', () => {
  it('is all defaults when the file is empty', () => {
    const { config, warnings } = read('');
    expect(config).toMatchObject({
      root: '/var/lib/shiplog',
      state: '/run/shiplog',
      grpc: { address: '/run/shiplog/shiplog.sock' },
      runtimes: { default: 'conmon', binary: 'runc' },
      timeouts: { shim: 10_000 },
    });
    expect(warnings).toEqual([]);
  });

  it('takes what the file says, and leaves the rest of a table at its defaults', () => {
    const { config } = read(
      'root = "/srv/log"\n[gc]\ndelay = "250ms"\n[event_log]\nsegment_bytes = 4_194_304',
    );
    expect(config.root).toBe('/srv/log');
    expect(config.gc).toEqual({ delay: 250, interval: 60_000 });
    expect(config.event_log.segment_bytes).toBe(4 * 1024 * 1024);
  });

  it('is overridden by the command line', () => {
    const { config } = read('[log]\nlevel = "warn"\nformat = "json"', {
      'log.level': 'debug',
      root: '/x',
      state: undefined,
    });
    expect(config.log).toEqual({ level: 'debug', format: 'json' });
    expect([config.root, config.state]).toEqual(['/x', '/run/shiplog']);
  });

  it('warns of keys that nothing reads, by name', () => {
    const { warnings } = read('speed = 3\n[grpc]\nadress = "/x"\n[plugins.cri]\nsandbox = "pause"');
    expect(warnings.map((line) => /config\.toml: (\S+) is not a key/.exec(line)?.[1])).toEqual([
      'speed',
      'grpc.adress',
      'plugins.cri',
    ]);
  });
});

describe('tables with names of their own', () => {
  it('are taken as they are called', () => {
    const { config, warnings } = read(`
      [proxy_plugins.stargz]
      type = "snapshot"
      address = "/run/stargz.sock"
      capabilities = ["rebase"]
      exports = { root = "/x" }
      platform = "linux/arm64/v8"
      weight = 3
      [proxy_plugins.far]
      type = "io.containerd.content.v1"
      address = "/run/far.sock"
      [stream_processors."io.example.decoder.v1"]
      accepts = ["a/b+encrypted"]
      returns = "a/b"
      path = "decoder"
      args = ["--fast"]`);
    expect(config.proxy_plugins).toEqual({
      stargz: {
        ...{
          type: 'snapshot',
          address: '/run/stargz.sock',
          capabilities: ['rebase'],
          exports: { root: '/x' },
        },
        platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
      },
      far: { type: 'content', address: '/run/far.sock', capabilities: [], exports: {} },
    });
    expect(config.stream_processors).toEqual({
      'io.example.decoder.v1': {
        ...{ accepts: ['a/b+encrypted'], returns: 'a/b', path: 'decoder', args: ['--fast'], env: [] },
      },
    });
    expect(warnings).toEqual([expect.stringContaining('proxy_plugins.stargz.weight is not a key')]);
    expect(read('').config).toMatchObject({ proxy_plugins: {}, stream_processors: {} });
  });
});

describe('a wrong value names its key, what it wants and what it is:', () => {
  const wrong: readonly [text: string, says: RegExp][] = [
    ['root = "var/lib"', /config\.toml: root: path must be absolute.*"var\/lib"/],
    ['root = 3', /root: .*string.*it is 3/],
    ['grpc = 3', /grpc: .*object/],
    ['[grpc]\naddress = ""', /grpc\.address: /],
    [`[grpc]\naddress = "/${'a'.repeat(107)}"`, /grpc\.address: must be at most 107 bytes/],
    ['[log]\nlevel = "loud"', /log\.level: must be one of debug, info, warn, error; it is "loud"/],
    ['[timeouts]\nshim = 10', /timeouts\.shim: .*it is 10/],
    ['[timeouts]\nshim = "10 s"', /timeouts\.shim: must be a number with a unit/],
    ['[timeouts]\nshim = "2h"', /timeouts\.shim: must be from 100ms to 10m/],
    ['[unpack]\nworkers = 1.5', /unpack\.workers: must be a whole number/],
    ['[event_log]\nsegment_bytes = 1', /event_log\.segment_bytes: must be from 1048576/],
    ['[proxy_plugins.x]\ntype = "zfs"\naddress = "/x"', /proxy_plugins\.x\.type: must be one of snapshot/],
    ['[proxy_plugins.x]\ntype = "diff"', /proxy_plugins\.x\.address: /],
    ['[stream_processors.x]\naccepts = []\nreturns = "y"\npath = "z"', /x\.accepts: must name a media type/],
    ['[registry]\ndocker_config = "x"', /registry\.docker_config: must be '' or an absolute path/],
  ];
  it.each(wrong)('%s', (text, says) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message: expect.stringMatching(says) }),
    );
  });

  it('also when it came from the command line', () => {
    expect(() => read('', { 'log.level': 'x' })).toThrow(/^command line: log\.level: must be one of/);
  });

  it('all of them at once, a line each', () => {
    expect(() => read('state = "x"\n[gc]\ndelay = "soon"')).toThrow(/state: .*\n.*gc\.delay: /);
  });

  it('by line and column when it is no TOML', () => {
    expect(() => read('root = "/x"\nstate = /run')).toThrow(/^config\.toml:2:\d+: not valid TOML: \S/);
  });

  it('does not let an override of no key pass', () => {
    expect(() => read('', { 'log.colour': 'x' })).toThrow('there is no key log.colour');
  });
});

describe('a configuration file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'shiplog-config-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is read, and named', () => {
    const file = join(folder, 'a.toml');
    writeFileSync(file, 'root = "/a"');
    expect(loadConfig(file)).toMatchObject({ path: file, config: { root: '/a' } });
  });

  it('that was asked for must be there', () => {
    const file = join(folder, 'none.toml');
    expect(() => loadConfig(file)).toThrow(
      expect.objectContaining({ code: 'not-found', message: expect.stringContaining(file) }),
    );
  });

  it('must be a file', () => {
    expect(() => loadConfig(folder)).toThrow(/EISDIR/);
  });
});
