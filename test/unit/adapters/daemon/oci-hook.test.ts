import { describe, expect, it } from 'vitest';
import { filledIn, HookState } from '../../../../src/adapters/daemon/oci-hook.ts';

describe('words of a command for a hook', () => {
  const state = HookState.parse({
    ociVersion: '1.0.2',
    id: 'web',
    bundle: '/run/bundle',
    pid: 42,
    status: 'created',
    annotations: { 'a.b/c': 'noted' },
  });
  it.each([
    ['--pid={{pid}}', '--pid=42'],
    ['{{ id }}-{{- status -}}', 'web-created'],
    ['{{bundle}}', '/run/bundle'],
    ['{{annotation "a.b/c"}}{{annotation `a.b/c`}}', 'notednoted'],
    ['{{annotation "none"}}', ''],
    ['nothing of it: { } }}', 'nothing of it: { } }}'],
  ])('%s becomes %s', (text, filled) => {
    expect(filledIn(text, state, 'rootfs')).toBe(filled);
  });
  it.each([
    ['rootfs', '/run/bundle/rootfs'],
    ['/elsewhere', '/elsewhere'],
  ])('have the root %s as %s', (root, path) => {
    expect(filledIn('{{rootfs}}', state, root)).toBe(path);
  });
  it.each(['{{', '{{annotations}}', '{{if pid}}', '{{printf "%s" id}}'])('are refused with %s', (text) => {
    expect(() => filledIn(text, state, 'rootfs')).toThrow(/stand id, bundle, rootfs, pid, status/);
  });
});
