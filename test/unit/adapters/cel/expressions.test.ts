import { describe, expect, it } from 'vitest';
import { createExpressions } from '../../../../src/adapters/cel/expressions.ts';
import { Namespace } from '../../../../src/domain/identity.ts';
import { PersistentMap } from '../../../../src/domain/persistent-map.ts';
import { emptyWorld, type World } from '../../../../src/domain/world.ts';
import { ExpressionLimits, Lookup } from '../../../../src/engine/ports/expressions.ts';
import { expressionScope } from '../../../../src/projections/expression-scope.ts';
import { digest, type EventInput, log, START, wallAt, worldOf } from '../../../support/given.ts';

const namespace = Namespace.parse('default');
const image = 'docker.io/library/busybox:latest';
const facts = log(
  { type: 'namespace-created', data: { namespace: 'default', labels: { team: 'a.b' } } },
  {
    type: 'image-created',
    data: {
      namespace: 'default',
      name: image,
      target: { mediaType: 'application/x', digest: digest(1), size: 7 },
      labels: { 'io.tier': 'front' },
    },
  },
  { type: 'lease-created', data: { namespace: 'default', id: 'l1', labels: {} } },
  {
    type: 'lease-resource-added',
    data: { namespace: 'default', id: 'l1', resource: { type: 'content', id: digest(1) } },
  },
  { type: 'lease-created', data: { namespace: 'other', id: 'l2', labels: {} } },
);
const scopeOf = (world: World) => expressionScope(world, namespace, facts.at(-1));
const ask = async (text: string) => (await createExpressions().compile(text))(scopeOf(worldOf(facts)));

describe('an expression', () => {
  it.each([
    [`images['${image}'].target.size == 7`, true],
    ["'busybox' in images", true],
    ["'alpine' in images", false],
    [`images.exists(name, name.contains('busybox'))`, true],
    [`images.all(name, images[name].labels['io.tier'] == 'back')`, false],
    ['leases.size() == 1', true],
    ["'l2' in leases", false],
    [`leases.l1.resources.exists(key, leases.l1.resources[key].id == '${digest(1)}')`, true],
    ["has(namespaces.default.labels.team) && namespaces.default.labels['team'].matches('^a[.]b$')", true],
    ['position == 5 && position % 2 == 1', true],
    ["event.type == 'lease-created' && event.actor.uid == 0 && event.data.id == 'l2'", true],
    [`time == timestamp('${new Date(wallAt(4) / 1000).toISOString()}') && time == event.time`, true],
    [`images.busybox.createdAt - ${START} == 1000000`, true],
    ['images.filter(name, true).map(name, images[name].target.size).exists(size, size > 6)', true],
    ["type(images) == map && event.data.id + '' == 'l2'", true],
  ])('says of %s: %s', async (text, holds) => {
    expect(await ask(text)).toEqual({ holds });
  });

  it('is undecided where it asks for what is not there', async () => {
    expect(await ask("containers.web.task.state.status == 'running'")).toEqual({
      undecided: expect.stringMatching(/web/),
    });
    expect(await ask("'web' in containers && containers.web.task.state.status == 'running'")).toEqual({
      holds: false,
    });
  });

  it.each([
    ['images.', /can't be used/],
    ['image.size() > 0', /names 'image'.*containers, tasks, images/],
    ['images.all(x, y)', /names 'y'/],
    ['x', /names 'x'/],
    ['position', /neither true nor false/],
    [`'${'x'.repeat(ExpressionLimits.characters)}' == ''`, /at most 4096/],
    [`${'0+'.repeat(200)}0 == 0`, /too deep/],
    [`${'('.repeat(2000)}true${')'.repeat(2000)}`, /too deep|can't be used/],
  ])('is refused (%#)', async (text, saying) => {
    await expect(ask(text)).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(saying),
    });
  });

  it('can reach nothing but the state', async () => {
    expect(await ask("has(images.constructor) || 'constructor' in images")).toEqual({ holds: false });
    expect(await ask('has(event.__proto__) || has(event.data.toString)')).toEqual({ holds: false });
  });

  it('is given up when it goes over too much', async () => {
    const ten = `[${Array.from({ length: 10 }, (_, n) => n).join(',')}]`;
    const nested = Array.from({ length: 8 }, (_, n) => `${ten}.all(x${n}, `).join('');
    expect(await ask(`${nested}true${')'.repeat(8)}`)).toEqual({
      undecided: expect.stringMatching(/steps|ms/),
    });
  });

  it('turns only what it names into values', async () => {
    let lookups = 0;
    const blobs = Array.from(
      { length: 5000 },
      (_, n): EventInput => ({
        type: 'blob-committed',
        data: { namespace: 'default', digest: digest(n), size: n, labels: {} },
      }),
    );
    const scope = {
      ...scopeOf(worldOf(log(...blobs))),
      images: () =>
        new Lookup(
          (name) => {
            lookups += 1;
            return { name };
          },
          () => {
            throw new Error('nothing asks for all');
          },
        ),
      leases: () => {
        throw new Error('nothing names these');
      },
    };
    const predicate = await createExpressions().compile(
      `images.one.name == 'one' && blobs['${digest(4999)}'].size == 4999`,
    );
    expect(predicate(scope)).toEqual({ holds: true });
    expect(lookups).toBeLessThan(4);
  });

  it('sees nothing of an empty world', async () => {
    const predicate = await createExpressions().compile(
      'event == null && position == 0 && images.size() == 0',
    );
    expect(predicate(expressionScope(emptyWorld, namespace, undefined))).toEqual({ holds: true });
    expect(PersistentMap.empty().size).toBe(0);
  });
});
