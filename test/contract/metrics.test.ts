import { afterEach, expect, it } from 'vitest';
import type { Reading } from '../../src/adapters/metrics/gauges.ts';
import { type ServedMetrics, serveMetrics } from '../../src/adapters/metrics/serve.ts';
import { position, Timestamp } from '../../src/domain/identity.ts';
import { keptLogger } from '../support/fake-api.ts';

const reading: Reading = {
  counts: {
    hostId: 'h',
    logHead: position(12n),
    containers: 3,
    containersRunning: 2,
    images: 1,
    snapshots: 4,
    blobs: 5,
    contentBytes: 4096,
    divergences: 0,
    namespaces: ['default'],
  },
  log: { head: position(12n), durable: position(11n), horizon: position(4n), bytes: 9000 },
};

let served: ServedMetrics | undefined;
afterEach(() => served?.close());

const scrape = async (read: () => Promise<Reading>, path = '/metrics') => {
  const { logger, lines } = keptLogger();
  served = await serveMetrics('127.0.0.1:0', read, logger);
  const response = await fetch(`http://${served.address}${path}`);
  return {
    status: response.status,
    text: await response.text(),
    lines,
    type: response.headers.get('content-type'),
  };
};
const lineOf = (text: string, name: string): string | undefined =>
  text.split('\n').find((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));

it.each(['/metrics', '/v1/metrics'])('tells the log and what there is, at %s', async (path) => {
  const { status, text, type } = await scrape(async () => reading, path);
  expect([status, type]).toEqual([200, expect.stringContaining('text/plain; version=0.0.4')]);
  expect(lineOf(text, 'shiplog_log_head_events')).toBe('shiplog_log_head_events 12');
  expect(lineOf(text, 'shiplog_log_durable_events')).toBe('shiplog_log_durable_events 11');
  expect(lineOf(text, 'shiplog_log_horizon_events')).toBe('shiplog_log_horizon_events 4');
  expect(lineOf(text, 'shiplog_containers_running')).toBe('shiplog_containers_running 2');
  expect(text).toContain('nodejs_eventloop_lag_seconds');
});

it('tells nothing of a copy where there is none', async () => {
  const { text } = await scrape(async () => reading);
  expect(text).not.toMatch(/^shiplog_log_copy/m);
});

it('tells how far behind a copy is, its state and its last failure', async () => {
  const { text } = await scrape(async () => ({
    ...reading,
    copy: {
      mode: 'replica',
      place: 'esdb://somewhere',
      state: 'waiting',
      position: position(7n),
      lagEvents: 4n,
      lagTime: 2_500_000,
      lastError: { at: Timestamp.parse(1_795_000_000_000_000), message: 'refused' },
    },
  }));
  expect(lineOf(text, 'shiplog_log_copy_position_events')).toBe('shiplog_log_copy_position_events 7');
  expect(lineOf(text, 'shiplog_log_copy_lag_events')).toBe('shiplog_log_copy_lag_events 4');
  expect(lineOf(text, 'shiplog_log_copy_lag_seconds')).toBe('shiplog_log_copy_lag_seconds 2.5');
  expect(text).toContain('shiplog_log_copy_last_error_timestamp_seconds 1795000000');
  expect(text).toContain('shiplog_log_copy_state{mode="replica",state="waiting"} 1');
  expect(text).toContain('shiplog_log_copy_state{mode="replica",state="shipping"} 0');
});

it('says where metrics are, and that they could not be read', async () => {
  expect(await scrape(async () => reading, '/')).toMatchObject({ status: 404 });
  await served?.close();
  const failed = await scrape(() => Promise.reject(new Error('no disk')));
  expect(failed).toMatchObject({ status: 500, text: 'metrics could not be read\n' });
  expect(failed.lines.map(({ message }) => message)).toEqual(['metrics could not be read']);
});
