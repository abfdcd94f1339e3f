// The neighbours of an event in its stream: what the same instance wrote before and after.
import { cancelSearch, fetchMessages, fetchRecords, startSearch, streamStatus, type Row } from './api';
import { identity, time } from './message';
import { encodeSearch, decodeSearch } from './url';

/** How far from the event neighbours are looked for. */
const REACH_MS = 3_600_000;
const quoted = (text: string) => `"${text.replace(/[\\"]/g, '\\$&')}"`;

/** The stream of an event as a query. */
export function streamQuery(row: Row): string {
  const parts = [
    ['_sourceHost', row._sourcehost],
    ['_sourceName', row._sourcename],
  ] as const;
  return parts
    .filter(([, value]) => value)
    .map(([name, value]) => `${name}=${quoted(value!)}`)
    .join(' ');
}

/** The stream around an event as an address. */
export function streamAddress(row: Row): string {
  const at = time(row);
  return `/search${encodeSearch({ ...decodeSearch(''), query: streamQuery(row), range: { from: String(at - 300_000), to: String(at + 300_000) } })}`;
}

async function messages(query: string, from: number, to: number, count: number, signal: AbortSignal): Promise<Row[]> {
  const id = await startSearch({ mode: 'log', query, filters: [], from, to, zone: 'UTC' }, signal);
  try {
    let kind = '';
    for await (const status of streamStatus(id, signal)) {
      kind = status.kind ?? '';
      if (status.pendingErrors.length) throw new Error(status.pendingErrors.join(' '));
    }
    return (await (kind === 'records' ? fetchRecords : fetchMessages)(id, 0, count, signal)).rows;
  } finally {
    void cancelSearch(id).catch(() => undefined);
  }
}

/** Up to `count` events on either side, oldest first; the event itself is `rows[at]`. */
export async function neighbours(row: Row, count: number, signal: AbortSignal): Promise<{ rows: Row[]; at: number }> {
  const query = streamQuery(row);
  const moment = time(row);
  // Events of the same millisecond may stand on either side, so both parts are asked with it.
  const [newestFirst, oldestFirst] = await Promise.all([
    messages(query, moment - REACH_MS, moment + 1, count * 2, signal),
    messages(`${query}\n| sort by _messageTime asc\n| limit ${count * 2}`, moment + 1, moment + REACH_MS, count * 2, signal),
  ]);
  const upTo = newestFirst.reverse();
  const own = identity(row);
  let at = upTo.findLastIndex((other) => identity(other) === own);
  // More events of one millisecond than were asked for: the event stands where they end.
  if (at < 0) at = upTo.push(row) - 1;
  const first = Math.max(0, at - count);
  return { rows: [...upTo.slice(first), ...oldestFirst].slice(0, at - first + 1 + count), at: at - first };
}
