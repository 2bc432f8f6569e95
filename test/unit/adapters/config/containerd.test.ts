import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  containerdConfigText,
  containerdDefaultText,
} from '../../../../src/adapters/config/containerd/default-text.ts';
import { configText } from '../../../../src/adapters/config/dump-text.ts';
import { type Dialect, loadConfig, parseConfig } from '../../../../src/adapters/config/load.ts';

const read = (text: string, dialect?: Dialect) => parseConfig(text, '/etc/c.toml', {}, dialect);
/** Keys that the warnings name. */
const named = (warnings: readonly string[]) =>
  warnings.map((line) => /^\/etc\/c\.toml: (.*) is containerd's/.exec(line)?.[1]);

describe("a configuration with a version is containerd's, and", () => {
  it('means containerd’s folders and socket where it says nothing', () => {
    const { config, warnings } = read('version = 2');
    expect(config).toMatchObject({
      root: '/var/lib/containerd',
      state: '/run/containerd',
      grpc: { address: '/run/containerd/containerd.sock' },
      registry: { config_path: '/etc/containerd/certs.d' },
    });
    expect(warnings).toEqual([]);
  });

  it('gives what there is for both', () => {
    const { config, warnings } = read(`
      version = 2
      root = "/srv/c"
      state = "/run/c"
      oom_score = -999
      disabled_plugins = ["io.containerd.internal.v1.restart"]
      required_plugins = ["io.containerd.grpc.v1.tasks"]
      [grpc]
        address = "/run/c/c.sock"
        uid = 7
        gid = 8
        max_recv_message_size = 33554432
        max_send_message_size = 33554432
      [ttrpc]
        address = "/run/c/t.sock"
      [debug]
        level = "trace"
        format = "json"
      [metrics]
        address = "127.0.0.1:1338"
      [cgroup]
        path = "/system/c"
      [timeouts]
        "io.containerd.timeout.shim.cleanup" = "5s"
        "io.containerd.timeout.shim.shutdown" = "1s500ms"
        "io.containerd.timeout.shim.load" = "2s"
      [plugins."io.containerd.gc.v1.scheduler"]
        schedule_delay = "0s"
      [plugins."io.containerd.internal.v1.restart"]
        interval = "1m30s"
      [plugins."io.containerd.runtime.v2.task"]
        sched_core = true`);
    expect(config).toMatchObject({
      root: '/srv/c',
      state: '/run/c',
      oom_score: -999,
      plugins: {
        disabled: ['io.containerd.internal.v1.restart'],
        required: ['io.containerd.grpc.v1.tasks'],
      },
      grpc: {
        address: '/run/c/c.sock',
        uid: 7,
        gid: 8,
        max_recv_message_bytes: 33554432,
        max_send_message_bytes: 33554432,
      },
      ttrpc: { address: '/run/c/t.sock' },
      log: { level: 'debug', format: 'json' },
      metrics: { address: '127.0.0.1:1338' },
      cgroup: { path: '/system/c' },
      timeouts: { shim_cleanup: 5000, shim_shutdown: 1500, probe: 2000 },
      gc: { delay: 0 },
      restart: { interval: 90_000 },
      runtimes: { sched_core: true },
    });
    expect(warnings).toEqual([]);
  });

  it('knows the restart monitor by both of its names', () => {
    const { config, warnings } = read(`version = 3
      disabled_plugins = ["io.containerd.monitor.container.v1.restart"]
      [plugins."io.containerd.monitor.container.v1.restart"]
        interval = "3s"`);
    expect(config).toMatchObject({
      plugins: { disabled: ['io.containerd.internal.v1.restart'] },
      restart: { interval: 3000 },
    });
    expect(warnings).toEqual([]);
  });

  const runtimes = (cri: string) => `
    [plugins."${cri}".containerd]
      default_runtime_name = "crun"
    [plugins."${cri}".containerd.runtimes.crun]
      runtime_type = "io.containerd.runc.v2"
    [plugins."${cri}".containerd.runtimes.crun.options]
      BinaryName = "/usr/bin/crun"
      Root = "/run/crun"
      ShimCgroup = "/shims"
      NoNewKeyring = true
      SystemdCgroup = false`;
  const registry = (plugin: string) =>
    `[plugins."${plugin}".registry]\nconfig_path = "/etc/containerd/certs"`;
  it.each([
    [2, 'io.containerd.grpc.v1.cri', 'io.containerd.grpc.v1.cri'],
    [3, 'io.containerd.cri.v1.runtime', 'io.containerd.cri.v1.images'],
  ])('takes its default runtime and its registries, in version %i', (version, runtime, images) => {
    const { config, warnings } = read(`version = ${version}\n${runtimes(runtime)}\n${registry(images)}`);
    expect(config.runtimes).toMatchObject({
      default: 'io.containerd.runc.v2',
      binary: '/usr/bin/crun',
      root: '/run/crun',
      shim_cgroup: '/shims',
      no_new_keyring: true,
    });
    expect(config.registry.config_path).toBe('/etc/containerd/certs');
    expect(warnings).toEqual([]);
  });

  it('prefers the path of a runtime to its type', () => {
    const { config } = read(`version = 3
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
        runtime_path = "/opt/shim"
        runtime_type = "io.containerd.runc.v2"`);
    expect(config.runtimes.default).toBe('/opt/shim');
  });

  it('hands proxy plugins and stream processors on', () => {
    const { config, warnings } = read(`version = 2
      [proxy_plugins.stargz]
        type = "snapshot"
        address = "/run/stargz.sock"
        colour = "red"
      [stream_processors."io.x.decoder"]
        accepts = ["application/x+encrypted"]
        returns = "application/x"
        path = "decode"
        args = ["-v"]`);
    expect(config.proxy_plugins).toMatchObject({ stargz: { type: 'snapshot', address: '/run/stargz.sock' } });
    expect(config.stream_processors).toMatchObject({
      'io.x.decoder': { accepts: ['application/x+encrypted'], returns: 'application/x', path: 'decode' },
    });
    expect(named(warnings)).toEqual(['proxy_plugins.stargz.colour']);
  });

  it('warns of what has no counterpart, by its path', () => {
    const { warnings } = read(`version = 2
      speed = 3
      [grpc]
        tcp_address = "0.0.0.0:1"
      [plugins."io.containerd.grpc.v1.cri"]
        sandbox_image = "pause"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata]
        runtime_type = "io.containerd.kata.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = true
      [plugins."io.containerd.cri.v1.images".registry]
        config_path = "/x"`);
    expect(named(warnings).sort()).toEqual([
      'grpc.tcp_address = "0.0.0.0:1"',
      'plugins."io.containerd.cri.v1.images".registry.config_path',
      'plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata.runtime_type',
      'plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options.SystemdCgroup = true',
      'plugins."io.containerd.grpc.v1.cri".sandbox_image',
      'speed',
    ]);
  });

  it('without a version, as distributions install it, where the program is called containerd', () => {
    const { config, warnings } = read('disabled_plugins = ["cri"]', 'containerd');
    expect(config.plugins.disabled).toEqual(['cri']);
    expect(config.root).toBe('/var/lib/containerd');
    expect(warnings).toEqual([]);
    expect(read('disabled_plugins = ["cri"]').warnings).toHaveLength(1);
  });
});

describe("a wrong value in containerd's format names file, key and what was found:", () => {
  const wrong: readonly [text: string, says: string | RegExp][] = [
    ['version = 4', '/etc/c.toml: version: must be 2 or 3; it is 4'],
    ['version = "2"', '/etc/c.toml: version: must be 2 or 3; it is "2"'],
    ['version = 2\nroot = 3', '/etc/c.toml: root: must be a text; it is 3'],
    ['version = 2\nroot = "x"', /\/etc\/c\.toml: root: path must be absolute.*it is "x"/],
    ['version = 2\ngrpc = "x"', '/etc/c.toml: grpc: must be a table; it is "x"'],
    ['version = 2\n[grpc.address]\na = 1', '/etc/c.toml: grpc.address: must not be a table'],
    ['version = 2\n[grpc]\nuid = "root"', '/etc/c.toml: grpc.uid: must be a whole number; it is "root"'],
    [
      'version = 3\n[plugins."io.containerd.gc.v1.scheduler"]\nschedule_delay = 5',
      "/etc/c.toml: plugins.\"io.containerd.gc.v1.scheduler\".schedule_delay: must be a duration, such as '10s' or '1m30s'; it is 5",
    ],
    [
      'version = 3\n[plugins."io.containerd.gc.v1.scheduler"]\nschedule_delay = "48h"',
      /schedule_delay: must be from 0ms to 24h/,
    ],
    ['version = 2\n[debug]\nlevel = "loud"', /\/etc\/c\.toml: debug\.level: must be one of .*"loud"/],
    ['version = 2\ndisabled_plugins = "cri"', /disabled_plugins: must be a list of texts/],
    ['version = 2\nimports = "x"', /imports: must be a list of texts/],
    ['version = 2\n[proxy_plugins.a]\ntype = 3', /\/etc\/c\.toml: proxy_plugins\.a/],
  ];
  it.each(wrong)('%s', (text, says) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({
        code: 'invalid-argument',
        message: typeof says === 'string' ? expect.stringContaining(says) : expect.stringMatching(says),
      }),
    );
  });
});

describe('imported files', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'shiplog-config-'));
    mkdirSync(join(folder, 'conf.d'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it('count more than the file that imports them, later ones more than earlier; lists of plugins grow', () => {
    write('conf.d/10.toml', 'version = 2\noom_score = 1\ndisabled_plugins = ["b"]\n[grpc]\nuid = 1');
    write('conf.d/20.toml', 'version = 3\noom_score = 2');
    const file = write(
      'a.toml',
      'version = 2\nimports = ["conf.d/*.toml", "/none/*.toml"]\noom_score = 9\ndisabled_plugins = ["a"]\n[grpc]\ngid = 4',
    );
    const { config } = loadConfig(file);
    expect(config.oom_score).toBe(2);
    expect(config.plugins.disabled).toEqual(['a', 'b']);
    expect(config.grpc).toMatchObject({ uid: 1, gid: 4 });
  });

  it('may import each other', () => {
    const other = write('b.toml', `version = 2\nimports = ["a.toml"]\noom_score = 3`);
    const file = write('a.toml', `version = 2\nimports = ["${other}"]\noom_score = 1`);
    expect(loadConfig(file).config.oom_score).toBe(3);
  });

  it('are named in complaints, and must be there', () => {
    const other = write('b.toml', 'version = 2\noom_score = 1001');
    const file = write('a.toml', 'version = 2\nimports = ["b.toml"]');
    expect(() => loadConfig(file)).toThrow(`${other}: oom_score: must be from -1000 to 1000; it is 1001`);
    const missing = write('c.toml', 'version = 2\nimports = ["none.toml"]');
    expect(() => loadConfig(missing)).toThrow(expect.objectContaining({ code: 'not-found' }));
    const strange = write('d.toml', 'version = 2\nimports = ["*/x.toml"]');
    expect(() => loadConfig(strange)).toThrow(/only the last part of a path may be a pattern/);
  });
});

describe('printing', () => {
  it("gives containerd's format, which reads back as it was", () => {
    const first = read(
      'version = 2\n[debug]\nlevel = "warn"\n[plugins."io.containerd.gc.v1.scheduler"]\nschedule_delay = "250ms"',
    );
    const text = containerdConfigText(first.config);
    expect(text).toMatch(/^version = 2\n/);
    const again = read(text);
    expect(again.warnings).toEqual([]);
    expect(again.config).toEqual(first.config);
    expect(read(containerdDefaultText()).config).toEqual(read('version = 2').config);
  });

  it('gives our own format, all or what was set, also of a file of containerd’s', () => {
    const first = read('version = 2\nroot = "/srv/c"\n[proxy_plugins.p]\ntype = "diff"\naddress = "/p.sock"');
    for (const all of [true, false]) {
      const again = read(configText(first.given, all));
      expect(again.warnings).toEqual([]);
      expect(again.config).toEqual(first.config);
    }
    expect(configText(first.given, false)).not.toContain('event_log');
  });
});
