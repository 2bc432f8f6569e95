/** Longest piece of a registry's own words that goes into a message. */
const WORDS_LIMIT = 300;

/** A URL without user, query and fragment: signed links of blob stores carry their key in the query. */
export const safeUrl = (url: URL): string => `${url.protocol}//${url.host}${url.pathname}`;

/** Text from outside, made fit for a message: one line, no control characters, bounded, without the given secrets. */
export const safeWords = (text: string, secrets: readonly string[]): string => {
  let words = text;
  for (const secret of secrets) {
    // Replacing very short ones would only garble the message.
    if (secret.length >= 4) words = words.replaceAll(secret, '[redacted]');
  }
  words = words.replaceAll(/\p{Cc}+/gu, ' ').trim();
  return words.length <= WORDS_LIMIT ? words : `${words.slice(0, WORDS_LIMIT)}…`;
};
