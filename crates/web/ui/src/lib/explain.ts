// What an explanation comes to: how much is read, how much is spared, and why.
import type { Explanation, SegmentExplanation } from './api';

type Scan = Explanation['scans'][number];

export interface Share {
  why: string;
  segments: number;
  rows: number;
  pages: number;
  pagesRead: number;
}

/** The segments of a scan by the reason for reading what is read of them, largest part first. */
export function reasons(scan: Scan): Share[] {
  const shares = new Map<string, Share>();
  for (const segment of scan.segments) {
    // Numbers differ from segment to segment, the reason does not.
    const why = withoutNumbers(segment.why);
    const share = shares.get(why) ?? { why, segments: 0, rows: 0, pages: 0, pagesRead: 0 };
    share.segments += 1;
    share.rows += segment.rows;
    share.pages += segment.pages;
    share.pagesRead += segment.pagesRead;
    shares.set(why, share);
  }
  return [...shares.values()].map((share) => (share.segments === 1 ? { ...share, why: only(scan, share.why) } : share)).sort((a, b) => b.pages - a.pages);
}

const withoutNumbers = (why: string): string => why.replace(/\d(?:[\d,.]*\d)?/g, '…');
const only = (scan: Scan, why: string): string => scan.segments.find((segment) => withoutNumbers(segment.why) === why)?.why ?? why;

/** Which part of the pages is read, from 0 to 1; 0 when there are none. */
export function part(segments: Pick<SegmentExplanation, 'pages' | 'pagesRead'>[]): number {
  const sum = (name: 'pages' | 'pagesRead') => segments.reduce((total, segment) => total + segment[name], 0);
  return sum('pages') ? sum('pagesRead') / sum('pages') : 0;
}

/** One sentence for people: why this is fast, or why it is not. */
export function verdict(scan: Scan): string {
  const pages = scan.segments.reduce((total, segment) => total + segment.pages, 0);
  if (!scan.segments.length) return scan.memoryRows ? 'Everything is still in memory: there is nothing to read.' : 'No segment lies in the range: there is nothing to read.';
  const read = part(scan.segments);
  if (read === 0) return 'Nothing has to be read: the indexes exclude every segment.';
  if (read < 0.1) return 'Fast: the indexes leave a small part of the pages.';
  if (read < 0.7) return 'The indexes leave a part of the pages.';
  if (!scan.asked) return `All ${pages === 1 ? 'of the page' : 'pages'} are read: the query names no word, id or field value that an index could look for.`;
  return 'Nearly everything is read: what the query looks for stands on most pages.';
}
