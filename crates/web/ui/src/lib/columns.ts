// The columns of the message list: which, and in which order.

/** The name of a field, or `message` for the text. */
export type Column = string;

export const isMessage = (column: Column): boolean => column === 'message';

export const withColumn = (columns: Column[], column: Column): Column[] => {
  if (columns.includes(column)) return columns;
  // The text takes the room that is left, so it stays last.
  const at = columns.findIndex(isMessage);
  return at < 0 ? [...columns, column] : [...columns.slice(0, at), column, ...columns.slice(at)];
};

/** Something is always shown. */
export const withoutColumn = (columns: Column[], column: Column): Column[] => (columns.length > 1 ? columns.filter((other) => other !== column) : columns);

export function movedColumn(columns: Column[], column: Column, by: -1 | 1): Column[] {
  const at = columns.indexOf(column);
  const to = at + by;
  if (at < 0 || to < 0 || to >= columns.length) return columns;
  const next = [...columns];
  [next[at], next[to]] = [next[to]!, next[at]!];
  return next;
}

/** The widths for a CSS grid; the text, or else the last column, takes the room that is left. */
export function columnWidths(columns: Column[]): string {
  const wide = columns.findIndex(isMessage);
  const last = wide < 0 ? columns.length - 1 : wide;
  return columns.map((column, i) => (i === last ? 'minmax(120px, 1fr)' : `minmax(60px, ${column === 'function' ? 190 : 130}px)`)).join(' ');
}
