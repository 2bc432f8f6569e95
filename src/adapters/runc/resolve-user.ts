import { Rejection } from '../../domain/rejection.ts';
import { readRooted } from './rooted-file.ts';

/** A user as the kernel knows it. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, ascending; the primary one is always among them, so that setgid tricks gain nothing. */
  readonly additionalGids: readonly number[];
  readonly home: string;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** Ids are 31 bits wide: the kernel takes 32, runc and docker do not. */
const idLimit = 2 ** 31 - 1;
const idOf = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= idLimit ? id : undefined;
};

const rows = (text: string | undefined): readonly string[][] =>
  (text ?? '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => line.trim().split(':'));

/** passwd(5). Lines that make no sense are passed over, as the C library does. */
const passwd = (text: string | undefined): readonly PasswdEntry[] =>
  rows(text).flatMap(([name = '', , uidText, gidText, , home = '']) => {
    const uid = idOf(uidText);
    const gid = idOf(gidText);
    return uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home }];
  });

/** group(5). */
const groups = (text: string | undefined): readonly GroupEntry[] =>
  rows(text).flatMap(([name = '', , gidText, members = '']) => {
    const gid = idOf(gidText);
    return gid === undefined ? [] : [{ name, gid, members: members.split(',').filter(Boolean) }];
  });

/**
 * Finds `user[:group]`, each a name or a number, in the account files of a root file system by docker's rules: a number
 * needs no entry, a name does; without a group the user's own and supplementary ones count, with one only that.
 * @param spec empty means root
 * @throws Rejection `invalid-argument` for a name that has no entry
 */
export const resolveUser = (rootfs: string, spec: string): ResolvedUser => {
  const [userText = '', groupText = ''] = spec.split(':', 2);
  const wanted = userText === '' ? '0' : userText;
  const number = idOf(wanted);
  const accounts = passwd(readRooted(rootfs, '/etc/passwd'));
  const found =
    accounts.find((entry) => entry.name === wanted) ?? accounts.find((entry) => entry.uid === number);
  const uid = found?.uid ?? number;
  if (uid === undefined) {
    throw new Rejection(
      'invalid-argument',
      `user '${spec}': no entry '${wanted}' in the image's /etc/passwd`,
    );
  }
  const known = groups(readRooted(rootfs, '/etc/group'));
  const home = found?.home || '/';
  if (groupText !== '') {
    const gid = groupId(known, groupText, spec);
    return { uid, gid, additionalGids: [gid], home };
  }
  const gid = found?.gid ?? 0;
  const additional = found ? known.filter((entry) => entry.members.includes(found.name)) : [];
  const gids = [...new Set([gid, ...additional.map((entry) => entry.gid)])].toSorted((a, b) => a - b);
  return { uid, gid, additionalGids: gids, home };
};

const groupId = (known: readonly GroupEntry[], text: string, spec: string): number => {
  const gid = known.find((entry) => entry.name === text)?.gid ?? idOf(text);
  if (gid === undefined) {
    throw new Rejection('invalid-argument', `user '${spec}': no entry '${text}' in the image's /etc/group`);
  }
  return gid;
};
