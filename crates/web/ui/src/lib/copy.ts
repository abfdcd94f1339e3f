// A search as text to take along: the query with its filters, and the request that asks for it.
import type { Question } from './api';

/** Quoted for a POSIX shell. */
export const shell = (text: string): string => `'${text.replace(/'/g, `'\\''`)}'`;

/** The request that starts the search, with its range written out. */
export function curl(origin: string, { mode, query, filters, from, to, zone }: Question): string {
  const body = { query, from: Math.round(from), to: Math.round(to), timeZone: zone, autoParsingMode: 'AutoParse', ...(mode === 'log' ? {} : { language: mode }), ...(filters.length ? { filters } : {}) };
  return `curl -X POST ${origin}/api/v1/search/jobs -H 'Content-Type: application/json' -d ${shell(JSON.stringify(body))}`;
}
