// The lookup tables of the stand-in server: none at first, and forgotten when it ends.
const tables = new Map();
let lastId = 0xcc1a5262;

const refused = (status, code, message) => [status, { status, id: 'x', code, message, errors: [{ code, message }] }];
const invalid = (path, problem) => refused(400, 'lookup.invalid', `cannot use lookup table \`${path}\`: ${problem}`);
const isSame = (a, b) => a.toLowerCase() === b.toLowerCase();
const iso = (ms) => new Date(ms).toISOString();
const shown = ({ id, path, description, fields, primaryKeys, rows, createdAt, modifiedAt }) => ({ id, name: path.split('/').at(-1), contentPath: `/${path}`, description, fields, primaryKeys, ttl: 0, sizeLimitAction: 'StopIncomingMessages', size: rows ? csv({ fields, rows }).length : 0, createdAt: iso(createdAt), modifiedAt: iso(modifiedAt) });
const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
const csv = ({ fields, rows }) => [fields.map((field) => field.fieldName), ...(rows ?? [])].map((row) => `${row.map(quoted).join(',')}\n`).join('');

function parse(text) {
  const records = [[]];
  for (const [, quotes, bare, end] of text.replace(/^\ufeff/, '').matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/g)) {
    records.at(-1).push(quotes === undefined ? bare : quotes.replace(/""/g, '"'));
    if (end !== ',') records.push([]);
  }
  return records.filter((record) => record.length > 1 || record[0]);
}

const FITS = { string: /^/, boolean: /^(true|false)$/i, int: /^[+-]?\d+$/, long: /^[+-]?\d+$/, double: /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i };

/** Writes rows as the server does, or says in its words why not. */
function write(table, text, isMerge) {
  const [head = [], ...records] = parse(text);
  const ragged = records.findIndex((record) => record.length !== head.length);
  if (ragged >= 0) return `Csv error: incorrect number of fields for line ${ragged + 2}, expected ${head.length} got ${records[ragged].length}`;
  const places = table.fields.map((field) => head.findIndex((name) => isSame(name.trim(), field.fieldName)));
  const lacking = places.indexOf(-1);
  if (lacking >= 0) return `the column \`${table.fields[lacking].fieldName}\` is missing; there are: ${head.join(', ')}`;
  const rows = records.map((record) => places.map((place) => record[place]));
  for (const [at, { fieldName, fieldType }] of table.fields.entries()) {
    const wrong = rows.findIndex((row) => row[at] !== '' && !FITS[fieldType].test(row[at].trim()));
    if (wrong >= 0) return `\`${rows[wrong][at]}\` in row ${wrong + 1} is not of the type of column \`${fieldName}\` (${fieldType})`;
  }
  const keys = table.primaryKeys.map((key) => table.fields.findIndex((field) => isSame(field.fieldName, key)));
  const missing = rows.findIndex((row) => keys.some((at) => row[at] === ''));
  if (missing >= 0) return `row ${missing + 1} has no value for its key (${table.primaryKeys.join(', ')})`;
  const all = [...(isMerge ? (table.rows ?? []) : []), ...rows];
  const key = (row) => JSON.stringify(keys.map((at) => row[at].toLowerCase()));
  const last = new Map(all.map((row, i) => [key(row), i]));
  table.rows = keys.length ? all.filter((row, i) => last.get(key(row)) === i) : all;
  table.modifiedAt = Date.now();
  return null;
}

function create(body) {
  const path = body.name.includes('/') ? body.name.replace(/^\/+|\/+$/g, '') : `Library/${body.name}`;
  if ([...tables.values()].some((table) => table.path === path)) return refused(400, 'lookup.exists', `there is a lookup table \`${body.name}\` already`);
  const twice = body.fields.find((field, i) => body.fields.slice(0, i).some((other) => isSame(other.fieldName, field.fieldName)));
  if (twice) return invalid(body.name, `two columns are called \`${twice.fieldName}\``);
  if (path.split('/').some((part) => !part || part === '..')) return invalid(body.name, 'the name must be a path of folders and a table, such as `shared/owners`');
  const id = (lastId += 1).toString(16).toUpperCase().padStart(16, '0');
  tables.set(id, { id, path, description: body.description ?? '', fields: body.fields, primaryKeys: body.primaryKeys ?? [], rows: null, createdAt: Date.now(), modifiedAt: Date.now() });
  return [200, shown(tables.get(id))];
}

/** The status and the answer to a path below `/api/v1/lookupTables`; a text is CSV. */
export function lookups(method, path, body, params) {
  const [, id, what] = path.split('/');
  if (!id && method === 'POST') return create(body);
  if (!id) return [200, { data: [...tables.values()].sort((a, b) => (a.path < b.path ? -1 : 1)).map(shown) }];
  const table = tables.get(id);
  if (!table) return refused(404, 'lookup.not_found', `no lookup table has the id \`${id}\``);
  if (method === 'DELETE') return tables.delete(id), [204, null];
  if (what === 'csv') return [200, csv(table)];
  if (what !== 'upload') return [200, shown(table)];
  const problem = write(table, body, params.get('merge') === 'true');
  return problem ? invalid(table.path, problem) : [200, { id: `${id}-upload-${Date.now()}` }];
}

const value = (name, fieldType) => ({ name, fieldType, keyField: false });

/** What a query about nothing but tables finds: their rows, or how many they are. */
export function lookupRecords(query) {
  const named = (path) => [...tables.values()].find((table) => isSame(table.path, path.replace(/^\//, '')));
  const counted = [...query.matchAll(/SELECT '(\w+)' AS id, count\(\*\) AS n FROM lookup/g)];
  if (counted.length) return { fields: [value('id', 'string'), value('n', 'long')], rows: counted.map(([, id]) => ({ id, n: String(tables.get(id)?.rows?.length ?? 0) })) };
  const table = named(/^SELECT \* FROM lookup\('([^']+)'\)/.exec(query)?.[1] ?? /^cat path:\/\/"([^"]+)"/.exec(query)?.[1] ?? '');
  return table ? { fields: table.fields.map((field) => value(field.fieldName, 'string')), rows: (table.rows ?? []).map((row) => Object.fromEntries(row.map((cell, i) => [table.fields[i].fieldName, cell]))) } : null;
}
