// The made-up events of the stand-in server: the same for the same range, newest first.
const LEVELS = ['INFO', 'INFO', 'INFO', 'WARN', 'ERROR', 'INFO', 'DEBUG', 'ERROR'];

const number = (seed) => {
  let x = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
};

export const fields = [
  { name: 'function', type: 'string', fieldType: 'string', keyField: false, examples: ['checkout-api', 'orders-worker'] },
  { name: 'level', type: 'string', fieldType: 'string', keyField: false, examples: ['ERROR', 'INFO'] },
  { name: 'customer.type', type: 'string', fieldType: 'string', keyField: false, examples: ['guest', 'member'] },
  { name: '_sourceCategory', type: 'string', fieldType: 'string', keyField: false, examples: ['aws/lambda'] },
];

export const language = {
  operators: [
    { name: 'where', kind: 'operator', syntax: 'where <condition>', summary: 'Keeps the rows for which the condition holds.', examples: ['* | where level = "ERROR"'] },
    { name: 'parse', kind: 'operator', syntax: 'parse "<pattern>" as <fields>', summary: 'Takes fields out of the message.', examples: [] },
    { name: 'timeslice', kind: 'operator', syntax: 'timeslice <span>', summary: 'Cuts time into slices.', examples: ['* | timeslice 1m | count by _timeslice'] },
    { name: 'json', kind: 'operator', syntax: 'json "<path>" as <field>', summary: 'Takes fields out of JSON.', examples: [] },
  ],
  aggregates: [{ name: 'count', kind: 'aggregate', syntax: 'count [by <fields>]', summary: 'Counts rows.', examples: ['* | count by function'] }],
  functions: [{ name: 'concat', kind: 'function', syntax: 'concat(text, text)', summary: 'Joins texts.', examples: [] }],
};

export const tables = {
  tables: [{ name: 'events', columns: [{ name: 'event_time', type: 'time' }, { name: 'function', type: 'text' }, { name: 'level', type: 'text' }] }, { name: 'invocations', columns: [{ name: 'duration_ms', type: 'number' }] }],
  functions: ['approx_percentile_cont', 'count', 'date_bin', 'regexp_match'],
};

export const explanation = {
  scans: [{ table: 'events', asked: '|checkout|', memoryRows: 910, segments: [{ id: '01a2', rows: 110_275, bytes: 4e6, pages: 54, pagesRead: 3, why: 'the index keeps 3 of 54 pages' }] }],
  plan: 'DataSourceExec: events',
};

export const sqlText = { sql: "SELECT count(*) FROM events\nWHERE message ILIKE '%checkout%'", isWhole: true, notes: [] };

/** A field's counts ignore the filters on itself, as the server's do. */
export function facets(field) {
  const values = { level: [['INFO', 13589], ['ERROR', 4528], ['WARN', 1578], ['DEBUG', 41]], function: [['checkout-api', 19695]], version: [['v42', 10793], ['v41', 8902]] }[field] ?? [['member', 11053], ['guest', 8642]];
  const total = values.reduce((sum, [, count]) => sum + count, 0);
  return { field, total, missing: 0, distinct: values.length, isCapped: false, values: values.map(([value, count]) => ({ value, count })), numbers: null };
}

export function metrics({ timeRange }) {
  const [from, to] = [timeRange.from.epochMillis, timeRange.to.epochMillis];
  const step = Math.max(1000, Math.round((to - from) / 60));
  const timestamps = Array.from({ length: 60 }, (_, i) => from + i * step);
  const series = (name, base) => ({ metricDefinition: { metric: 'invocations', dimensions: { function: name } }, points: { timestamps, values: timestamps.map((_, i) => base + Math.round(number(i + base) * 40)) } });
  return { queryResult: [{ rowId: 'A', timeSeriesList: { quantization: step, timeSeries: [series('checkout-api', 300), series('auth', 120)] } }], errors: { errors: [] } };
}

export function event(index, job) {
  const time = Math.round(job.to - ((index + 0.5) / job.total) * (job.to - job.from));
  const level = LEVELS[Math.floor(number(index) * LEVELS.length)];
  const cart = `c_${Math.floor(number(index + 7) * 2 ** 24).toString(16)}`;
  const request = `${cart}-52d1-4b0e-9d3a-${index}`;
  let message;
  if (index % 50 === 9) message = `REPORT RequestId: ${request}\tDuration: 412.08 ms\tBilled Duration: 413 ms\tMemory Size: 512 MB`;
  else if (index % 50 === 12) message = `a very long line ${'lorem ipsum '.repeat(100_000)}`;
  else if (level === 'ERROR') message = `/v1/checkout/confirm failed: TypeError: Cannot read properties of undefined (reading 'id') cartId=${cart}\n  at priceFor (src/pricing/discount.ts:88:31)\n  at confirm (src/routes/checkout.ts:142:24)`;
  else message = JSON.stringify({ level, route: '/v1/checkout/confirm', cartId: cart, customer: { type: index % 3 ? 'member' : 'guest', session: 's_19ab33f0' }, total: 84.9, duration_ms: 100 + (index % 300), items: [1, 2, 3] });
  return { _raw: message, _messagetime: String(time), _receipttime: String(time + 2928), _sourcecategory: 'aws/lambda', _sourcehost: '/aws/lambda/checkout-api', _sourcename: '2026/11/23/[42]', _source: 'prod-lambda', _collector: 'aws_cloudwatch_logs', function: 'checkout-api', version: index % 2 ? 'v42' : 'v41', region: 'eu-west-1', level: index % 50 === 9 ? '' : level, request_id: request };
}

export function histogram(job, part) {
  const bars = 60;
  const length = Math.ceil((job.to - job.from) / bars);
  const share = (i) => Math.floor(((i + 1) * job.total) / bars) - Math.floor((i * job.total) / bars);
  return Array.from({ length: bars }, (_, i) => {
    // Newest first: the right of the histogram is known first.
    if (bars - i > bars * part || !job.total) return { startTimestamp: job.from + i * length, length, count: 0, levels: {} };
    const count = share(i);
    const warn = Math.round(count * 0.05 * (1 + number(i + 99)));
    const error = Math.round(count * (i > 28 ? 0.22 : 0.01));
    const info = count - warn - error;
    return { startTimestamp: job.from + i * length, length, count, levels: { INFO: info, WARN: warn, ERROR: error } };
  });
}

export function records(job) {
  const value = (name, type, isKey) => ({ name, fieldType: type, keyField: isKey });
  if (/timeslice/.test(job.query)) {
    const slice = Math.max(1000, Math.round((job.to - job.from) / 30));
    const rows = [];
    for (let i = 0; i < 30; i += 1) for (const version of ['v41', 'v42']) rows.push({ _timeslice: String(Math.floor(job.from / slice) * slice + i * slice), version, _count: String(Math.round(200 + number(i + version.length * 31) * 90 + (version === 'v42' ? i * 8 : 0))) });
    return { fields: [value('_timeslice', 'long', true), value('version', 'string', true), value('_count', 'int', false)], rows };
  }
  const names = ['checkout-api', 'orders-worker', 'image-resize', 'auth', 'notify', 'search-index', 'billing', 'export'];
  return { fields: [value('function', 'string', true), value('_count', 'int', false)], rows: names.map((name, i) => ({ function: name, _count: String(Math.round(9000 / (i + 1))) })) };
}
