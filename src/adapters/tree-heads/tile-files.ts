import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HASH_BYTES } from '../../tlog/hash.ts';
import { TILE_WIDTH, type Tile, tilePath } from '../../tlog/tile.ts';
import { namesIn, readIfThere } from './durable-files.ts';

/**
 * Tiles of hashes as C2SP tlog-tiles lays them out. They can be made again from the log, so none is synced; one that is
 * missing or too short is not there, and a wrong one shows when what it proves is checked.
 */
export class TileFiles {
  readonly #directory: string;
  readonly #made = new Set<string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** A full tile takes the place of its partial ones. */
  async write(tile: Tile, bytes: Uint8Array): Promise<void> {
    const path = join(this.#directory, tilePath(tile));
    const folder = dirname(path);
    if (!this.#made.has(folder)) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      // Folders are few: one for a thousand tiles, or for the partial tiles of one.
      this.#made.add(folder);
    }
    await writeFile(`${path}.tmp`, bytes, { mode: 0o600 });
    await rename(`${path}.tmp`, path);
  }

  /** Removes the partial tiles of a full one. */
  async dropPartials(tile: Tile): Promise<void> {
    const folder = `${join(this.#directory, tilePath({ ...tile, width: TILE_WIDTH }))}.p`;
    this.#made.delete(folder);
    await rm(folder, { recursive: true, force: true });
  }

  /** The first hashes of a tile, from the narrowest file that has them; undefined where none has. */
  async read(tile: Tile): Promise<Buffer | undefined> {
    const bytes =
      (await this.#take(tile)) ??
      (await this.#take({ ...tile, width: TILE_WIDTH })) ??
      (await this.#takeWider(tile));
    return bytes?.subarray(0, tile.width * HASH_BYTES);
  }

  /** Removes every tile. */
  async clear(): Promise<void> {
    this.#made.clear();
    await rm(join(this.#directory, 'tile'), { recursive: true, force: true });
  }

  async #take(tile: Tile): Promise<Buffer | undefined> {
    const bytes = await readIfThere(join(this.#directory, tilePath(tile)));
    return bytes?.length === tile.width * HASH_BYTES ? bytes : undefined;
  }

  async #takeWider(tile: Tile): Promise<Buffer | undefined> {
    const folder = `${join(this.#directory, tilePath({ ...tile, width: TILE_WIDTH }))}.p`;
    const widths = (await namesIn(folder)).map(Number).filter((width) => width > tile.width);
    for (const width of widths.sort((one, other) => one - other)) {
      const bytes = await this.#take({ ...tile, width });
      if (bytes !== undefined) return bytes;
    }
    return undefined;
  }
}
