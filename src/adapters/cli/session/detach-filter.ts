/** What of the typed bytes goes on, and whether the detach keys were among them. */
export interface Filtered {
  readonly data: Uint8Array;
  readonly detach: boolean;
}

/**
 * Watches for the detach keys, also across chunks. Keys that may be the beginning of them are held back until the next
 * key tells.
 */
export const detachFilter = (keys: Uint8Array): ((chunk: Uint8Array) => Filtered) => {
  let matched = 0;
  return (chunk) => {
    const data: number[] = [];
    for (const byte of chunk) {
      if (byte !== keys[matched]) {
        data.push(...keys.subarray(0, matched));
        matched = 0;
      }
      if (byte !== keys[matched]) data.push(byte);
      else matched += 1;
      if (matched === keys.length) return { data: Uint8Array.from(data), detach: true };
    }
    return { data: Uint8Array.from(data), detach: false };
  };
};
