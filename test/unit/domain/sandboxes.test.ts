import { describe, it } from 'vitest';
import { given, START } from '../../support/given.ts';

const at = { namespace: 'default', id: 'pod' };
const record = {
  ...at,
  runtime: { name: 'io.containerd.kata.v2' },
  labels: { a: '1' },
  extensions: {},
  sandboxer: 'shim',
};
const created = { type: 'sandbox-created', data: record } as const;
const requested = { type: 'sandbox-launch-requested', data: { ...at, runtime: 'kata', netns: '' } } as const;
const launched = { type: 'sandbox-launched', data: at } as const;
const starting = { type: 'sandbox-start-requested', data: at } as const;
const started = { type: 'sandbox-started', data: { ...at, pid: 7 } } as const;
const exited = { type: 'sandbox-exited', data: { ...at, exitStatus: 3, exitedAt: START } } as const;

describe('the record of a sandbox', () => {
  it('is created once', () => {
    given()
      .when({ type: 'create-sandbox', ...record })
      .thenHappens(created);
    given(created)
      .when({ type: 'create-sandbox', ...record })
      .thenRefused('already-exists', /already exists/);
  });
  it('must fit in the log', () => {
    const spec = { typeUrl: 's', json: `"${'x'.repeat(1024 * 1024)}"` };
    given()
      .when({ type: 'create-sandbox', ...record, spec })
      .thenRefused('invalid-argument', /make it smaller/);
  });
  it('changes by what is different', () => {
    given(created)
      .when({ type: 'update-sandbox', ...at, change: { labels: { a: '', b: '2' }, runtime: record.runtime } })
      .thenHappens({ type: 'sandbox-updated', data: { ...at, change: { labels: { b: '2' } } } });
    given(created)
      .when({ type: 'update-sandbox', ...at, change: { labels: { a: '1' } } })
      .thenNothingHappens();
    given()
      .when({ type: 'update-sandbox', ...at, change: {} })
      .thenRefused('not-found', /sandbox "pod" in namespace "default": not found/);
  });
  it('is removed once, while what runs of it goes on', () => {
    given(created, requested, launched)
      .when({ type: 'remove-sandbox', ...at })
      .thenHappens({ type: 'sandbox-removed', data: at });
    given()
      .when({ type: 'remove-sandbox', ...at })
      .thenRefused('not-found', /not found/);
  });
});

describe('a run of a sandbox', () => {
  it('is launched once', () => {
    given()
      .when({ type: 'launch-sandbox', ...requested.data })
      .thenHappens(requested);
    given(requested)
      .when({ type: 'launch-sandbox', ...requested.data })
      .thenRefused('already-exists', /already running/);
  });
  it('is gone when its launch failed', () => {
    const failed = { type: 'sandbox-launch-failed', data: { ...at, error: 'no shim' } } as const;
    given(requested)
      .when({ type: 'fail-sandbox-launch', ...failed.data })
      .thenHappens(failed);
    given(requested, failed)
      .when({ type: 'launch-sandbox', ...requested.data })
      .thenHappens(requested);
  });
  it('starts when it is launched, and then no more', () => {
    given(requested, launched)
      .when({ type: 'start-sandbox', ...at })
      .thenHappens(starting);
    given(requested)
      .when({ type: 'start-sandbox', ...at })
      .thenRefused('failed-precondition', /launching/);
    given(requested, launched, starting, started)
      .when({ type: 'start-sandbox', ...at })
      .thenRefused('failed-precondition', /running/);
    given()
      .when({ type: 'start-sandbox', ...at })
      .thenRefused('not-found', /does not run/);
  });
  it('may be started again after a start that failed', () => {
    const failed = {
      type: 'sandbox-action-failed',
      data: { ...at, action: 'start', error: 'no' },
    } as const;
    given(requested, launched, starting)
      .when({ type: 'fail-sandbox-action', ...failed.data })
      .thenHappens(failed);
    given(requested, launched, starting, failed)
      .when({ type: 'start-sandbox', ...at })
      .thenHappens(starting);
  });
  it('ends once', () => {
    given(requested, launched, starting, started)
      .when({ type: 'end-sandbox', ...exited.data })
      .thenHappens(exited);
    given(requested, launched, starting, started, exited)
      .when({ type: 'end-sandbox', ...exited.data })
      .thenNothingHappens();
  });
  it('can be stopped and shut down in whatever state it is', () => {
    for (const before of [[requested], [requested, launched, starting, started, exited]]) {
      given(...before)
        .when({ type: 'stop-sandbox', ...at, timeout: 5 })
        .thenHappens({ type: 'sandbox-stop-requested', data: { ...at, timeout: 5 } });
      given(...before)
        .when({ type: 'shut-sandbox-down', ...at })
        .thenHappens({ type: 'sandbox-shutdown-requested', data: at });
    }
    given()
      .when({ type: 'stop-sandbox', ...at, timeout: 5 })
      .thenRefused('not-found', /does not run/);
  });
  it('is gone once it is shut down or lost', () => {
    const down = { type: 'sandbox-shut-down', data: at } as const;
    const lost = { type: 'sandbox-lost', data: { ...at, because: 'killed' } } as const;
    given(requested, launched)
      .when({ type: 'confirm-sandbox-shut-down', ...at })
      .thenHappens(down);
    given(requested, launched)
      .when({ type: 'lose-sandbox', ...lost.data })
      .thenHappens(lost);
    for (const end of [down, lost]) {
      given(requested, launched, end)
        .when({ type: 'lose-sandbox', ...lost.data })
        .thenNothingHappens();
    }
  });
});
