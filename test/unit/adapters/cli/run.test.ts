import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verbIn } from '../../../../src/adapters/cli/program.ts';
import { run } from '../../../../src/adapters/cli/run.ts';
import { verbs } from '../../../../src/adapters/cli/verbs.ts';
import { decodeHeader } from '../../../../src/client/metadata.ts';
import { renderReference } from '../../../support/cli-reference.ts';
import {
  type FakeDaemon,
  makeConsole,
  Refuse,
  runCli,
  startFakeDaemon,
} from '../../../support/fake-daemon.ts';

let daemon: FakeDaemon;
beforeEach(async () => {
  daemon = await startFakeDaemon();
});
afterEach(() => daemon.close());
const cli = (...argv: string[]) => runCli(daemon.address, argv);

describe('the verb of a command line', () => {
  it.each([
    [['ps'], 'ps'],
    [['-n', 'run', 'ps', 'x'], 'ps'],
    [['--namespace=run', '--debug', 'ps'], 'ps'],
    [['help', 'ps'], 'ps'],
    [['load'], 'import'],
    [['nope', 'ps'], undefined],
    [['--help'], undefined],
    [[], undefined],
    [['constructor'], undefined],
  ])('%j is %s', (argv, verb) => {
    expect(verbIn(argv)).toBe(verb);
  });
});

describe('help', () => {
  it('lists all verbs in groups', async () => {
    const { stdout, exitCode } = await cli('--help');
    expect(exitCode).toBe(0);
    for (const heading of ['Images:', 'Containers:', 'The log:', 'The host:', 'Examples:'])
      expect(stdout).toContain(heading);
    for (const name of Object.keys(verbs)) expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
  });

  it.each(Object.keys(verbs))('%s has a description, examples and the global options', async (name) => {
    const { stdout, exitCode } = await cli(name, '--help');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(verbs[name]?.summary);
    expect(stdout).toMatch(/Examples:\n {2}.*shiplog/);
    expect(stdout).toContain('--reason <text>');
    expect((await cli('help', name)).stdout).toBe(stdout);
  });
});

it('says its version', async () => {
  expect(await cli('--version')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^shiplog \d+\.\d+/),
  });
});

describe('a command line that cannot be meant', () => {
  it.each([
    [['pss'], 1, /unknown command 'pss'\n\(Did you mean ps\?\)\nsee 'shiplog --help'\n$/],
    [['ps', '--al'], 125, /unknown option '--al'\n\(Did you mean one of --all, --at\?\)/],
    [['tag', 'a'], 125, /missing required argument 'target'/],
    [['ps', 'x'], 125, /too many arguments.*\nsee 'shiplog ps --help'\n$/],
    [['log', 'head', 'x'], 125, /too many arguments.*\nsee 'shiplog log head --help'\n$/],
    [['completion', 'tcsh'], 125, /bash, zsh or fish/],
  ])('%j', async (argv, exitCode, says) => {
    const ran = await cli(...argv);
    expect(ran.exitCode).toBe(exitCode);
    expect(ran.stderr).toMatch(/^shiplog: /);
    expect(ran.stderr).toMatch(says);
  });
});

describe('global options', () => {
  beforeEach(() => daemon.unary('Containers', 'pause', () => ({})));

  it('stand before or after the verb', async () => {
    await cli('--reason', 'nächtlich', '-n', 'a', 'pause', 'x');
    expect(decodeHeader(daemon.headers()['shiplog-reason'] ?? '')).toBe('nächtlich');
    expect(daemon.headers()['shiplog-client']).toBe('shiplog');
    await cli('pause', '--namespace', 'b', '--reason', 'later', 'x');
    expect(daemon.headers()['shiplog-reason']).toBe('later');
    expect(daemon.seen.get('Containers.pause')).toMatchObject([{ namespace: 'a' }, { namespace: 'b' }]);
  });

  it('come from the environment where no flag says otherwise', async () => {
    const env = { SHIPLOG_ADDRESS: daemon.address, SHIPLOG_NAMESPACE: 'team' };
    expect(await run(['pause', 'x'], makeConsole({ env }))).toBe(0);
    expect(daemon.seen.get('Containers.pause')).toMatchObject([{ namespace: 'team' }]);
  });

  it('refuses an address that is no socket', async () => {
    const ran = await runCli('tcp://1.2.3.4:5', ['ps']);
    expect(ran).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('give an absolute path') });
  });

  it('shows code and stack with --debug', async () => {
    daemon.unary('Containers', 'pause', () => {
      throw new Refuse('not-found', 'no such container');
    });
    expect((await cli('pause', 'x')).stderr).toBe('shiplog: pause: no such container\n');
    expect((await cli('--debug', 'pause', 'x')).stderr).toMatch(/code: not-found\nShiplogError: .*\n +at /s);
  });
});

describe('completion', () => {
  const complete = async (...words: string[]) => {
    const console = makeConsole({ env: { SHIPLOG_ADDRESS: daemon.address } });
    expect(await run(['__complete', '--', ...words], console)).toBe(0);
    return console.stdout
      .text()
      .split('\n')
      .filter((line) => line !== '');
  };

  it('offers verbs, flags and names', async () => {
    daemon.unary('Containers', 'list', () => ({ containers: [{ name: 'web' }, { name: 'db' }] }));
    daemon.unary('Images', 'list', () => ({ images: [{ name: 'docker.io/library/debian:12' }] }));
    expect(await complete('un')).toEqual(['unpause']);
    expect((await complete('')).length).toBeGreaterThan(Object.keys(verbs).length);
    expect(await complete('ps', '--no')).toEqual(['--no-trunc']);
    expect(await complete('--na')).toEqual(['--namespace']);
    expect(await complete('stop', 'w')).toEqual(['web']);
    expect(await complete('run', '--rm', 'deb')).toEqual(['debian:12']);
    expect(await complete('inspect', '')).toEqual(['web', 'db', 'debian:12']);
    expect(await complete('stop', '--signal', '')).toEqual([]);
    expect(await complete('completion', 'f')).toEqual(['fish']);
  });

  it('offers the verbs of a group, then the flags of one of them', async () => {
    expect(await complete('log', 'ver')).toEqual(['verify']);
    expect(await complete('log', 'verify', '--q')).toEqual(['--quiet']);
  });

  it('offers nothing, quietly, when the daemon is away', async () => {
    const console = makeConsole({ env: { SHIPLOG_ADDRESS: '/nowhere.sock' } });
    expect(await run(['__complete', '--', 'stop', ''], console)).toBe(0);
    expect(console.stdout.text() + console.stderr.text()).toBe('');
  });

  it.each(['bash', 'zsh', 'fish'])('prints a script for %s that asks shiplog', async (shell) => {
    expect((await cli('completion', shell)).stdout).toContain('shiplog __complete --');
  });
});

describe('docs/cli.md', () => {
  it('is what the verbs say of themselves (run this file with -u to write it)', async () => {
    const reference = await renderReference();
    for (const name of Object.keys(verbs)) expect(reference).toContain(`## shiplog ${name}\n`);
    await expect(reference).toMatchFileSnapshot('../../../../docs/cli.md');
  });
});
