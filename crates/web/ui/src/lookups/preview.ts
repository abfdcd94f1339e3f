// The beginning of a CSV file as the server will read it, and what it suggests about its columns.
import type { Column, ColumnType } from '../lib/lookups';

/** How much of a file is looked at; the server checks the rest. */
export const PREVIEW_BYTES_MAX = 1 << 20;

export interface Preview {
  columns: Column[];
  rows: string[][];
  /** Whether the rows are all of the file. */
  isWhole: boolean;
  /** The column that tells rows apart, if there is one. */
  key: string | null;
  /** Why the server would refuse the file. */
  problem: string | null;
}

/** Reads the beginning of a file; never throws for what is in it. */
export async function readPreview(file: Blob): Promise<Preview> {
  const bytes = await file.slice(0, PREVIEW_BYTES_MAX).arrayBuffer();
  const isWhole = bytes.byteLength === file.size;
  try {
    // In a part, the last letter may be cut in two.
    return preview(new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: !isWhole }), isWhole);
  } catch {
    return { columns: [], rows: [], isWhole, key: null, problem: 'The file is no text in UTF-8. A spreadsheet saves it so as “CSV UTF-8”.' };
  }
}

export function preview(text: string, isWhole = true): Preview {
  const [head = [], ...rows] = parseCsv(text, isWhole);
  const names = head.map((name) => name.trim());
  const columns = names.map((name, i) => ({ name, type: guessType(rows.map((row) => row[i] ?? '')) }));
  return { columns, rows, isWhole, key: guessKey(columns, rows), problem: problemOf(names, rows) };
}

/** The records of RFC 4180, read as leniently as the server does; of a part, those that are whole. */
export function parseCsv(text: string, isWhole = true): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  let value = '';
  let isQuoted = false;
  /** Whether something stands in the value, be it an empty pair of quotes. */
  let isBegun = false;
  const endValue = () => {
    record.push(value);
    value = '';
    isBegun = false;
  };
  for (let i = text.charCodeAt(0) === 0xfeff ? 1 : 0; i < text.length; i += 1) {
    const c = text[i]!;
    if (isQuoted) {
      if (c !== '"') value += c;
      else if (text[i + 1] === '"') value += text[(i += 1)];
      else isQuoted = false;
    } else if (c === '"' && !isBegun) {
      isQuoted = true;
      isBegun = true;
    } else if (c === ',') {
      endValue();
    } else if (c === '\n' || c === '\r') {
      // Empty lines are no records.
      if (!record.length && !isBegun) continue;
      endValue();
      records.push(record);
      record = [];
    } else {
      value += c;
      isBegun = true;
    }
  }
  if (isWhole && (record.length || isBegun)) {
    endValue();
    records.push(record);
  }
  return records;
}

const INT_MAX = 2n ** 31n;
const LONG_MAX = 2n ** 63n;
const inside = (value: string, limit: bigint) => /^[+-]?\d{1,19}$/.test(value) && BigInt(value.replace('+', '')) < limit && BigInt(value.replace('+', '')) >= -limit;

/** Whether the server takes a value for a column of the type; an empty one is always none. */
export function fits(type: ColumnType, value: string): boolean {
  if (value === '') return true;
  const bare = value.trim();
  if (type === 'boolean') return /^(true|false)$/i.test(bare);
  if (type === 'int') return inside(bare, INT_MAX);
  if (type === 'long') return inside(bare, LONG_MAX);
  return type === 'string' || /^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf|infinity|nan)$/i.test(bare);
}

/** Digits behind a zero are a code, such as a postcode; `inf` and `nan` are words until somebody says otherwise. */
const isText = (value: string) => /^\s*[+-]?0\d|[a-z]\s*$/i.test(value);

/** The narrowest type that takes all values. */
export function guessType(values: string[]): ColumnType {
  const given = values.filter((value) => value !== '');
  const takes = (type: ColumnType) => given.every((value) => fits(type, value));
  if (!given.length) return 'string';
  if (takes('boolean')) return 'boolean';
  return given.some(isText) ? 'string' : ((['int', 'long', 'double'] as const).find(takes) ?? 'string');
}

/** The first column whose values are all there and all different; measures and flags tell nothing apart. */
function guessKey(columns: Column[], rows: string[][]): string | null {
  if (!rows.length) return null;
  const isKey = ({ type }: Column, i: number) => type !== 'double' && type !== 'boolean' && !rows.some((row) => !row[i]) && new Set(rows.map((row) => row[i]!.toLowerCase())).size === rows.length;
  return columns.find(isKey)?.name ?? null;
}

function problemOf(names: string[], rows: string[][]): string | null {
  if (!names.length) return 'The file is empty. Its first line has to name the columns.';
  const other = names.length === 1 && [[';', 'semicolons'], ['\t', 'tabs']].find(([sign]) => names[0]!.includes(sign!));
  if (other) return `The values seem to stand between ${other[1]}. Save the file with commas between them.`;
  if (names.includes('')) return `Column ${names.indexOf('') + 1} has no name in the first line.`;
  const twice = names.find((name, i) => names.findIndex((earlier) => earlier.toLowerCase() === name.toLowerCase()) < i);
  if (twice !== undefined) return `Two columns are called ${twice}.`;
  const ragged = rows.findIndex((row) => row.length !== names.length);
  if (ragged < 0) return null;
  const { length } = rows[ragged]!;
  return `Row ${ragged + 1} has ${length} ${length === 1 ? 'value' : 'values'}, and there ${names.length === 1 ? 'is 1 column' : `are ${names.length} columns`}.`;
}

/** The first value that is not of the column's type, in words. */
export function misfit(column: Column, at: number, rows: string[][]): string | null {
  const row = rows.findIndex((one) => !fits(column.type, one[at] ?? ''));
  return row < 0 ? null : `“${rows[row]![at]}” in row ${row + 1} is no ${column.type}`;
}

/** What the keys do to the rows: whether one misses its key, and how many go because a later one has the same. */
export function keyTrouble(keys: string[], names: string[], rows: string[][]): { missing: number | null; lost: number } {
  const at = keys.map((key) => names.indexOf(key));
  if (!at.length) return { missing: null, lost: 0 };
  const missing = rows.findIndex((row) => at.some((i) => !row[i]));
  const different = new Set(rows.map((row) => JSON.stringify(at.map((i) => row[i]?.toLowerCase()))));
  return { missing: missing < 0 ? null : missing + 1, lost: rows.length - different.size };
}
