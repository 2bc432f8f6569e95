/** A name and what it was put together of. */
interface Joined {
  readonly first: string;
  readonly second: string;
  readonly name: string;
}

/** A power of two. */
const PLACES = 4096;
const places = new Array<Joined | undefined>(PLACES).fill(undefined);
/** Shorter names are put together sooner than they are looked up. Longer ones would be held in memory for long. */
const WORTH = { least: 8, most: 512 };

/**
 * `first/second`. Events come in runs about one thing, whose name is put together again for each: the text met lately is
 * given once more, since looking up a text that is new, though equal, takes ten times as long in any map.
 */
export const joined = (first: string, second: string): string => {
  const { length } = second;
  if (length < WORTH.least || length > WORTH.most) return `${first}/${second}`;
  // Ids differ in their last characters.
  const ending =
    second.charCodeAt(length - 1) ^
    (second.charCodeAt(length - 2) << 4) ^
    (second.charCodeAt(length - 3) << 8);
  const place = (ending ^ Math.imul(first.length, 37) ^ Math.imul(length, 101)) & (PLACES - 1);
  const known = places[place];
  if (known !== undefined && known.second === second && known.first === first) return known.name;
  const name = `${first}/${second}`;
  places[place] = { first, second, name };
  return name;
};
