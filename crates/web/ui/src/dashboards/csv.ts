// What a panel shows, as a file for a spreadsheet.
import type { Found } from '../lib/dashboards';
import { cell, isTimeField } from '../records/series';

/** RFC 4180: quotes where they are needed, moments in ISO 8601. */
export function asCsv({ fields, rows }: Found): string {
  const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  const head = fields.map((field) => quoted(field.name)).join(',');
  const lines = rows.map((row) =>
    fields
      .map((field) => {
        const text = cell(row, field);
        return quoted(isTimeField(field) && text !== '' && !Number.isNaN(Number(text)) ? new Date(Number(text)).toISOString() : text);
      })
      .join(','),
  );
  return [head, ...lines, ''].join('\r\n');
}

export function csv(name: string, found: Found): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([asCsv(found)], { type: 'text/csv' }));
  link.download = `${name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
