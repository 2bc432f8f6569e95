import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fieldRows, renderEvents } from '../../../scripts/event-docs.ts';
import type { EventDefinition } from '../../../src/domain/event.ts';
import { eventTables } from '../../../src/domain/world.ts';

const definitions = Object.values(eventTables).flatMap((table) => Object.entries<EventDefinition>(table));

describe('docs/events.md', () => {
  it('is what the schemas say; run `npm run docs:events` where it is not', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/events.md'), 'utf8');
    expect(page).toBe(renderEvents());
  });
  it.each(definitions)('says what every field of %s means', (_, definition) => {
    const rows = fieldRows(definition);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ meaning, type }) => meaning === '' || type === '')).toEqual([]);
  });
});
