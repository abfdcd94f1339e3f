// Where the pages of help are, and how examples are run.
import type { Language, LanguageItem } from './api';
import { scopeEnd } from './query';
import { decodeSearch, encodeSearch, type Mode } from './url';

/** `/help#timeslice`; functions and aggregates may have the name of an operator. */
export const helpAddress = (item: LanguageItem): string => `/help#${anchor(item)}`;
export const anchor = (item: LanguageItem): string => `${item.kind ?? 'operator'}-${item.name.toLowerCase().replace(/[^\w-]+/g, '-')}`;

/** A search of the last hour, for an example of the help. */
export function exampleAddress(query: string, mode: Mode): string {
  return `/search${encodeSearch({ ...decodeSearch(''), mode, query, range: { from: '-60m', to: 'now' } })}`;
}

/** The operator of the stage in which a mistake stands, if it has a description. */
export function itemOfMistake(known: Language, text: string, at: number): LanguageItem | null {
  if (at <= scopeEnd(text)) return null;
  const stage = text.slice(0, Math.max(at, 1)).lastIndexOf('|');
  const head = text.slice(stage + 1).trimStart().toLowerCase();
  const all = [...known.operators, ...known.aggregates].filter((item) => head.startsWith(item.name.toLowerCase()) && !/^\w/.test(head.slice(item.name.length)));
  // `parse regex` before `parse`.
  return all.sort((a, b) => b.name.length - a.name.length)[0] ?? null;
}

/** The items whose name, syntax or description has every word; names first. */
export function search(items: LanguageItem[], wanted: string): LanguageItem[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return items;
  const rank = (item: LanguageItem) => {
    const name = item.name.toLowerCase();
    const all = `${name} ${item.syntax ?? ''} ${item.summary ?? ''}`.toLowerCase();
    if (!words.every((word) => all.includes(word))) return -1;
    return name === words[0] ? 3 : name.startsWith(words[0]!) ? 2 : name.includes(words[0]!) ? 1 : 0;
  };
  return items
    .map((item) => ({ item, rank: rank(item) }))
    .filter((one) => one.rank >= 0)
    .sort((a, b) => b.rank - a.rank)
    .map((one) => one.item);
}
