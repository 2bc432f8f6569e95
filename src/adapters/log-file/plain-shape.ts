import { subjectKinds } from '../../domain/envelope.ts';

/**
 * Tells by one look at the text that an event is as it should be, where it is as plain as nearly all are: JSON as this
 * program writes it, all printable ASCII, nothing escaped. A match takes a tenth of the time of parsing the text and
 * holding it against the schema. What does not match is not wrong; it is left to those two. test/unit holds that whatever
 * matches would pass them.
 */

/** A character that JSON writes as it is. */
const CHARACTER = '[ !#-\\[\\]-~]';
const NOT_SLASH = '[ !#-.0-\\[\\]-~]';
/** A whole number that a double holds. */
const WHOLE = '(?:0|-?(?:[1-8]\\d{0,15}|9\\d{0,14}))';
const POSITIVE = '(?:[1-8]\\d{0,15}|9\\d{0,14})';

const ACTOR = `\\{"uid":${WHOLE},"gid":${WHOLE},"pid":${WHOLE},"exe":"${CHARACTER}*","client":"${CHARACTER}*"\\}`;
const TIME = `\\{"wall":${WHOLE},"mono":${WHOLE},"boot":"${CHARACTER}*"\\}`;
const WHY = `"correlation":"${CHARACTER}+"(?:,"causation":"\\d+")?(?:,"reason":"${CHARACTER}{0,1024}")?`;
const SUBJECT = `"(?:host|(?:${subjectKinds.filter((kind) => kind !== 'host').join('|')})/${NOT_SLASH}+/${CHARACTER}+)"`;
const HEAD = new RegExp(
  `^\\{"type":"(${CHARACTER}+)","version":${POSITIVE},"subject":${SUBJECT},"meta":\\{"actor":${ACTOR},"time":${TIME},${WHY}\\}\\}$`,
);

/** The type of an event with this head, if it is plainly an envelope's. @param text type, version, subject and meta as JSON */
export const typeOfPlainHead = (text: string): string | undefined => HEAD.exec(text)?.[1];

const SCALAR = `(?:"${CHARACTER}*"|-?(?:0|[1-9]\\d*)|true|false|null)`;
const listOf = (value: string): string => `\\[(?:${value}(?:,${value})*)?\\]`;
const recordOf = (value: string): string =>
  `\\{(?:"${CHARACTER}*":${value}(?:,"${CHARACTER}*":${value})*)?\\}`;
const within = (value: string): string => `(?:${SCALAR}|${recordOf(value)}|${listOf(value)})`;
/** Four deep, as the configuration of a container is. */
const DATA = new RegExp(`^${recordOf(within(within(within(SCALAR))))}$`);
/** A match keeps its way back for every value that it has passed. */
const LONGEST = 8 * 1024;

/** Whether a text is plainly JSON. */
export const isPlainData = (text: string): boolean => text.length <= LONGEST && DATA.test(text);
