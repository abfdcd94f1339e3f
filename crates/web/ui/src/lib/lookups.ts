// Lookup tables: what the server keeps of them, and how queries name them.
import { ask, ApiError, fetchFields, post, type FieldInfo, type Row } from './api';
import { runQuery } from './dashboards';
import { exampleAddress } from './help';
import { fieldName } from './query';

export const COLUMN_TYPES = ['string', 'boolean', 'int', 'long', 'double'] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

export interface Column {
  name: string;
  type: ColumnType;
}

export interface LookupTable {
  id: string;
  /** Its name in queries, `shared/owners`. */
  path: string;
  description: string;
  columns: Column[];
  keys: string[];
  bytes: number;
  changedAt: number;
}

interface Shown {
  id: string;
  contentPath: string;
  description: string;
  fields: { fieldName: string; fieldType: ColumnType }[];
  primaryKeys: string[];
  size: number;
  modifiedAt: string;
}

const TABLES = '/api/v1/lookupTables';
const bare = (path: string) => path.replace(/^\/+|\/+$/g, '');

const read = ({ id, contentPath, description, fields, primaryKeys, size, modifiedAt }: Shown): LookupTable => ({
  id,
  path: bare(contentPath),
  description,
  columns: fields.map((field) => ({ name: field.fieldName, type: field.fieldType })),
  keys: primaryKeys,
  bytes: size,
  changedAt: Date.parse(modifiedAt),
});

export async function fetchLookups(signal?: AbortSignal): Promise<LookupTable[]> {
  const response = await ask(TABLES, signal ? { signal } : {});
  return ((await response.json()) as { data: Shown[] }).data.map(read);
}

export type Draft = Pick<LookupTable, 'path' | 'description' | 'columns' | 'keys'>;

/** Makes a table with its rows; one whose rows are refused is not left behind. */
export async function makeLookup({ path, description, columns, keys }: Draft, rows: Blob): Promise<LookupTable> {
  const fields = columns.map(({ name, type }) => ({ fieldName: name, fieldType: type }));
  const response = await ask(TABLES, post({ name: `/${bare(path)}`, description, fields, primaryKeys: keys }));
  const made = read((await response.json()) as Shown);
  try {
    await putRows(made, rows, false);
  } catch (error) {
    await removeLookup(made).catch(() => undefined);
    throw error;
  }
  return made;
}

/** `isMerge`: the rows that are there stay, unless a new one has their key. */
export async function putRows({ id }: LookupTable, rows: Blob, isMerge: boolean): Promise<void> {
  await ask(`${TABLES}/${encodeURIComponent(id)}/upload?merge=${isMerge}`, { method: 'POST', headers: { 'content-type': 'text/csv' }, body: rows });
}

export async function removeLookup({ id }: LookupTable): Promise<void> {
  await ask(`${TABLES}/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

export const csvAddress = ({ id }: LookupTable): string => `${TABLES}/${encodeURIComponent(id)}/csv`;

/** How many tables one query counts: its text has a limit. */
const COUNTED_AT_ONCE = 50;
const text = (value: string) => `'${value.replace(/'/g, "''")}'`;
/** Tables have no times, but every search has a range. */
const askSql = (query: string, signal: AbortSignal) => runQuery({ language: 'sql', text: query, from: Date.now() - 1, to: Date.now() }, 'UTC', false, signal);

/** How many rows each table has, by id; the server's list does not say. */
export async function countRows(tables: LookupTable[], signal: AbortSignal): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let first = 0; first < tables.length; first += COUNTED_AT_ONCE) {
    const part = tables.slice(first, first + COUNTED_AT_ONCE);
    const selects = part.map((table) => `SELECT ${text(table.id)} AS id, count(*) AS n FROM lookup(${text(table.path)})`);
    const { rows } = await askSql(selects.join(' UNION ALL '), signal);
    for (const row of rows) counts.set(row.id ?? '', Number(row.n));
  }
  return counts;
}

export async function fetchFirstRows(table: LookupTable, count: number, signal: AbortSignal): Promise<Row[]> {
  return (await askSql(`SELECT * FROM lookup(${text(table.path)}) LIMIT ${count}`, signal)).rows;
}

const FIELDS_MS = 3_600_000;
/** The fields of the events of the last hour. */
export const fetchEventFields = (): Promise<FieldInfo[]> => fetchFields(Date.now() - FIELDS_MS, Date.now());

/** Why a table cannot be called so; null, if it can. */
export function nameProblem(path: string): string | null {
  const parts = bare(path.trim()).split('/');
  if (!parts.join('')) return 'A table needs a name, such as shared/owners.';
  if (parts.some((part) => !part.trim() || part === '.' || part === '..')) return 'A name is a path of folders and a table, such as shared/owners.';
  return /["\\\u0000-\u001f]/.test(path) ? 'A name with quotes or backslashes could not be written in a query.' : null;
}

/** What the file suggests as a name. */
export function proposeName(file: string): string {
  const stem = file.replace(/\.(csv|txt)$/i, '').trim().replace(/[^\p{L}\p{N}._-]+/gu, '_');
  return `shared/${/^[._]*$/.test(stem) ? 'table' : stem}`;
}

/** The columns that a row is found by: its key, or the first column of a table without one. */
export const searchedBy = ({ keys, columns }: Draft): string[] => (keys.length ? keys : columns.slice(0, 1).map((column) => column.name));

/** The operator that adds the columns of the table, found by the values of `fields` as they stand beside the keys. */
export function lookupLine(table: Draft, fields: string[]): string {
  const by = searchedBy(table);
  const others = table.columns.filter((column) => !by.some((key) => isSame(key, column.name)));
  const wanted = others.length ? others.map((column) => fieldName(column.name)).join(', ') : '*';
  const pairs = by.map((key, i) => `${fieldName(key)}=${fieldName(fields[i]?.trim() || key)}`);
  return `| lookup ${wanted} from path://"/${bare(table.path)}" on ${pairs.join(', ')}`;
}

export const lookupAddress = (line: string): string => exampleAddress(`* ${line}`, 'log');
export const rowsAddress = (table: Draft): string => exampleAddress(`cat path://"/${bare(table.path)}"`, 'log');

const isSame = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

/** The field of events whose values are in the key's column, or that is called like it; else the key's own name. */
export function proposeField(key: string, values: string[], fields: FieldInfo[]): string {
  const known = new Set(values.map((value) => value.toLowerCase()).filter(Boolean));
  const hits = (field: FieldInfo) => (field.examples ?? []).filter((example) => known.has(example.toLowerCase())).length;
  const called = fields.find((field) => isSame(field.name, key));
  if (called) return called.name;
  const best = fields.reduce<{ name: string; count: number }>((top, field) => (hits(field) > top.count ? { name: field.name, count: hits(field) } : top), { name: key, count: 0 });
  return best.name;
}

/** What a refusal is about, so that it can stand there. */
export interface Refusal {
  at: 'name' | 'key' | 'column' | 'file';
  /** The column, where it is about one. */
  column: string | null;
  message: string;
}

export function refusal(error: unknown, columns: string[]): Refusal {
  const whole = error instanceof Error ? error.message : String(error);
  // The name stands beside it already.
  const message = whole.replace(/^cannot use lookup table `[^`]*`: /, '');
  const named = /column `([^`]+)`|columns are called `([^`]+)`/.exec(message);
  const column = columns.find((name) => isSame(name, named?.[1] ?? named?.[2] ?? '')) ?? null;
  if (column !== null) return { at: 'column', column, message };
  if ((error instanceof ApiError && error.code === 'lookup.exists') || /^the name must be/.test(message)) return { at: 'name', column: null, message };
  return { at: /\bits key \(|^the key `/.test(message) ? 'key' : 'file', column: null, message };
}
