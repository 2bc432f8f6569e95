import { describe, expect, it } from 'vitest';
import { Rejection } from '../../../src/domain/rejection.ts';
import { standInFor } from '../../../src/domain/stand-in.ts';
import { eventTables } from '../../../src/domain/world.ts';

const every = Object.values(eventTables).flatMap((table) => Object.entries(table));

describe('what stands for data that is left out', () => {
  it.each(every)('has the shape of a %s', (type, { version, data, example }) => {
    const event = { type, version, data: data.parse(example) };
    const found = standInFor(event);
    if (found instanceof Rejection) throw found;
    expect(found.version).toBe(version);
    expect(data.safeParse(found.data).success).toBe(true);
  });

  it('keeps what tells things apart, and no free text', () => {
    const definition = eventTables.container['container-created'];
    const plain = JSON.stringify(definition.example);
    const data: unknown = JSON.parse(plain);
    const config = Reflect.get(data as object, 'config') as { process: Record<string, unknown> };
    config.process.env = ['PASSWORD=hunter2', 'HOME=/root'];
    config.process.args = ['serve', '--token', 'hunter2'];
    config.process.cwd = '/home/hunter2';
    const found = standInFor({ type: 'container-created', version: definition.version, data });
    const text = JSON.stringify(found);
    expect(text).not.toContain('hunter2');
    expect(text).toContain('PASSWORD=');
    expect(text).toContain(String(Reflect.get(data as object, 'id')));
  });

  it('is refused for what is not known', () => {
    expect(standInFor({ type: 'moon-landed', version: 1, data: {} })).toBeInstanceOf(Rejection);
  });
});
