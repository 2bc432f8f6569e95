import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { defaultConfigText } from '../../../../src/adapters/config/default-text.ts';
import { tables } from '../../../../src/adapters/config/keys.ts';
import { parseConfig } from '../../../../src/adapters/config/load.ts';

const text = defaultConfigText();

describe('the printed default configuration', () => {
  it('is every key of the schema', () => {
    const printed = Object.entries(parse(text)).flatMap(([name, value]) =>
      typeof value === 'object' ? Object.keys(value).map((key) => `${name}.${key}`) : [name],
    );
    expect(printed).toEqual(tables().flatMap((table) => table.keys.map((key) => key.path)));
    expect(printed.length).toBeGreaterThan(20);
  });

  it('parses to the defaults', () => {
    const { config, warnings } = parseConfig(text, 'printed');
    expect(config).toEqual(parseConfig('', 'empty').config);
    expect(warnings).toEqual([]);
  });

  it('has a comment over each key, with its unit', () => {
    expect(text).toMatch(/# One call to a shim\. Unit: ms, s, m or h\.\nshim = "10s"\n/);
    expect(text).toMatch(/# .* Unit: bytes \(64 MiB\)\.\nsegment_bytes = 67_108_864\n/);
    const lines = text.split('\n');
    const bare = lines.filter(
      (line, at) => / = /.test(line) && !line.startsWith('#') && !lines[at - 1]?.startsWith('# '),
    );
    expect(bare).toEqual([]);
  });

  it('stands in docs/configuration.md as it is', () => {
    const docs = readFileSync(resolve(import.meta.dirname, '../../../../docs/configuration.md'), 'utf8');
    expect(/```toml\n# Configuration of shiplogd\.[^`]*```/.exec(docs)?.[0]).toBe(
      `\`\`\`toml\n${text}\`\`\``,
    );
  });
});
