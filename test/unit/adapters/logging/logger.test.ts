import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger, type LoggerOptions } from '../../../../src/adapters/logging/logger.ts';
import { Rejection } from '../../../../src/domain/rejection.ts';

let folder: string;
let fd: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shiplog-logging-'));
  fd = openSync(join(folder, 'log'), 'a');
});
afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

const logger = (options: Partial<LoggerOptions> = {}) =>
  createLogger({ level: 'info', format: 'json', ...options }, fd);
const written = () => readFileSync(join(folder, 'log'), 'utf8');
const lines = () =>
  written()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('the log for operators', () => {
  it('is a JSON object a line, written when the call returns', () => {
    logger().info('pulled', { image: 'a:1', bytes: 3, position: 12n });
    expect(lines()).toEqual([
      { level: 'info', time: expect.any(Number), msg: 'pulled', image: 'a:1', bytes: 3, position: '12' },
    ]);
  });

  it('leaves out what is below the level', () => {
    const log = logger({ level: 'warn' });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect(lines().map(({ level }) => level)).toEqual(['warn', 'error']);
  });

  it('adds the fields of a child to each of its lines', () => {
    logger().child({ namespace: 'default' }).child({ container: 'web' }).warn('slow', { ms: 5 });
    expect(lines()[0]).toMatchObject({ namespace: 'default', container: 'web', ms: 5 });
  });

  it('keeps the code, the stack and the causes of an error', () => {
    const cause = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    logger().error('append failed', { error: new Rejection('resource-exhausted', 'disk full', { cause }) });
    expect(lines()[0].error).toMatchObject({
      type: 'Rejection',
      code: 'resource-exhausted',
      message: 'disk full',
      stack: expect.stringContaining('logger.test.ts'),
      cause: { code: 'ENOSPC', message: 'no space left' },
    });
  });

  it('is lines for people as text', () => {
    const log = logger({ format: 'text' });
    log.warn('shim is slow', { id: 'web', why: 'no answer' });
    log.error('failed', { error: new Error('broken pipe') });
    const [first, second, third] = written().split('\n');
    expect(first).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn {2}shim is slow {2}id=web why="no answer"$/);
    expect(second).toMatch(/ error failed$/);
    expect(third).toBe('    Error: broken pipe');
  });
});

describe('credentials stay out:', () => {
  const hidden = 'hunter2-hunter2';
  const fields: readonly Record<string, unknown>[] = [
    { password: hidden },
    { registry: { auth: hidden } },
    { headers: { Authorization: `Bearer ${hidden}` } },
    { deep: [{ identityToken: hidden }, { secretEnv: hidden }] },
    { url: `https://user:${hidden}@registry.example/v2/` },
    { note: `sent Authorization: Basic ${hidden}` },
    { error: new Error(`401 from https://u:${hidden}@r/`, { cause: { api_key: hidden } }) },
    { bytes: Buffer.from(hidden) },
  ];
  it.each(fields)('%o', (field) => {
    logger().info('x', field);
    logger().child(field).info('y');
    expect(lines()).toHaveLength(2);
    expect(written()).not.toContain(hidden);
  });

  it('in the message', () => {
    logger().info(`trying https://u:${hidden}@r/`);
    expect(lines()[0].msg).toBe('trying https://u:[redacted]@r/');
  });

  it('and what only sounds alike is left', () => {
    logger().info('x', { author: 'me', passed: true, compass: 'n', image: 'r:5000/a@sha256:00' });
    expect(lines()[0]).toMatchObject({ author: 'me', passed: true, image: 'r:5000/a@sha256:00' });
  });
});

it('goes on when nothing takes its lines', () => {
  const full = openSync('/dev/full', 'w');
  try {
    const log = createLogger({ level: 'info', format: 'json' }, full);
    expect(() => log.info('x')).not.toThrow();
  } finally {
    closeSync(full);
  }
});
