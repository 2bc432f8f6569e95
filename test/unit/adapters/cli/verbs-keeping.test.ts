import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeDaemon, runCli, startFakeDaemon } from '../../../support/fake-daemon.ts';

let daemon: FakeDaemon;
beforeEach(async () => {
  daemon = await startFakeDaemon();
});
afterEach(() => daemon.close());
const cli = (...argv: string[]) => runCli(daemon.address, argv);

describe('log redact', () => {
  it('names an event and fields, and says what records it', async () => {
    daemon.unary('Keeping', 'redact', () => ({ recordedPosition: 120n }));
    const ran = await cli('log', 'redact', '9007199254740990', '--field', '/labels/a', '--field', 'because');
    expect(ran).toEqual({
      exitCode: 0,
      stdout: 'Event 9007199254740990 redacted, as event 120 records\n',
      stderr: '',
    });
    expect(daemon.seen.get('Keeping.redact')).toMatchObject([
      { position: 9_007_199_254_740_990n, fields: ['/labels/a', 'because'] },
    ]);
  });
  it('says where it can be read still', async () => {
    daemon.unary('Keeping', 'redact', () => ({ recordedPosition: 120n, archives: ['/cold', '/colder'] }));
    const { stderr } = await cli('log', 'redact', '7', '--field', 'because');
    expect(stderr).toContain('archives still hold it as it was: /cold, /colder');
  });
  it('says that there was nothing left, and prints JSON', async () => {
    daemon.unary('Keeping', 'redact', () => ({}));
    expect((await cli('log', 'redact', '7', '--field', 'a')).stdout).toBe(
      'Event 7 holds none of it any more\n',
    );
    expect((await cli('log', 'redact', '7', '--field', 'a', '-q')).stdout).toBe('');
    expect(JSON.parse((await cli('log', 'redact', '7', '--field', 'a', '--format', 'json')).stdout)).toEqual({
      Position: 7,
      Archives: [],
    });
  });
  it('needs a field', async () => {
    expect(await cli('log', 'redact', '7')).toMatchObject({
      exitCode: 125,
      stderr: expect.stringMatching(/--field/),
    });
  });
});

describe('log archive', () => {
  const report = {
    directory: '/cold',
    fromPosition: 0n,
    untilPosition: 100n,
    segments: 2,
    bytes: 5_000_000n,
  };
  it('makes the folder absolute and says what is there now', async () => {
    daemon.unary('Keeping', 'archive', () => report);
    const { stdout } = await cli('log', 'archive', '--to', 'cold', '--before', '4711');
    expect(stdout).toBe('Events 0 to 99 are in /cold; 2 files written now, 5MB\n');
    expect(daemon.seen.get('Keeping.archive')).toMatchObject([
      { directory: `${process.cwd()}/cold`, before: { moment: { case: 'position', value: 4711n } } },
    ]);
  });
  it('says that there was nothing to do', async () => {
    daemon.unary('Keeping', 'archive', () => ({ directory: '/cold' }));
    expect((await cli('log', 'archive', '--to', '/cold')).stdout).toMatch(/nothing was archived/);
    expect(daemon.seen.get('Keeping.archive')?.[0]).not.toHaveProperty('before');
  });
});

describe('log prune', () => {
  it('says where the log begins now and where the rest is', async () => {
    daemon.unary('Keeping', 'prune', () => ({
      horizon: 100n,
      segments: 2,
      bytes: 9_000_000n,
      archives: ['/cold'],
    }));
    const ran = await cli('log', 'prune', '--before', '120', '--reason', 'rule 7');
    expect(ran.stdout).toBe(
      'The log begins at 100 now; 2 files removed, 9MB freed; what was before is in /cold\n',
    );
    expect(daemon.seen.get('Keeping.prune')).toMatchObject([
      { before: { moment: { case: 'position', value: 120n } }, unarchived: false },
    ]);
    expect((await cli('log', 'prune', '--before', '120', '--unarchived', '-q')).stdout).toBe('100\n');
    expect(daemon.seen.get('Keeping.prune')?.[1]).toMatchObject({ unarchived: true });
  });
});

describe('log restore', () => {
  it('says what is back', async () => {
    daemon.unary('Keeping', 'restore', () => ({ untilPosition: 100n, segments: 2, bytes: 9_000_000n }));
    const ran = await cli('log', 'restore', '--from', '/cold', '--from', 'colder');
    expect(ran.stdout).toBe('The events below 100 are back: 2 files, 9MB; the log begins at 0 now\n');
    expect(daemon.seen.get('Keeping.restore')).toMatchObject([
      { directories: ['/cold', `${process.cwd()}/colder`] },
    ]);
    expect((await cli('log', 'restore', '--from', '/cold', '-q')).stdout).toBe('100\n');
  });
});
