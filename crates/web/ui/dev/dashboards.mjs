// The dashboards of the stand-in server: one, with a panel of each kind that its made-up records can fill.
const OVER_TIME = '{{is function}} | timeslice {{slice}} | count by _timeslice, version';
const BY_FUNCTION = '{{is function}} | count by function';
const base = { description: 'Made up.', queries: ['by_function'], unit: 'number', stacked: false, reduce: 'last' };

const dashboard = {
  id: 'demo/overview',
  file: 'demo/overview.dashboard.toml',
  isOwn: false,
  title: 'Overview',
  description: 'Made-up numbers in a panel of each kind.',
  range: '-1h',
  refresh: '30s',
  variables: [{ name: 'function', from: 'query', query: '* | count by function', language: 'log', multi: true }],
  queries: { over_time: { language: 'log', text: OVER_TIME }, by_function: { language: 'log', text: BY_FUNCTION }, events: { language: 'log', text: '{{is function}}' } },
  panels: [
    { ...base, id: 'total', title: 'Events', chart: 'single', at: [0, 0, 2, 3], reduce: 'sum', y: ['_count'], trend: 'over_time', compare: 'range', rows: 'events' },
    { ...base, id: 'gauge', title: 'Largest', chart: 'gauge', at: [2, 0, 2, 3], reduce: 'max', y: ['_count'], limits: [0, 20_000] },
    { ...base, id: 'words', title: 'Words', chart: 'text', at: [4, 0, 8, 3], queries: [], text: 'All of this is **made up**.\n\n- [search](/search?q=*)' },
    { ...base, id: 'columns', title: 'By version', chart: 'column', at: [0, 3, 6, 6], queries: ['over_time'], y: ['_count'], by: 'version', stacked: true, rows: 'events', thresholds: [{ at: 400, state: 'warning', label: 'many' }] },
    { ...base, id: 'lines', title: 'Lines', chart: 'line', at: [6, 3, 6, 6], queries: ['over_time'], y: ['_count'], by: 'version', rows: 'events' },
    { ...base, id: 'areas', title: 'Areas', chart: 'area', at: [0, 9, 4, 5], queries: ['over_time'], y: ['_count'], by: 'version', stacked: true },
    { ...base, id: 'heat', title: 'Heat', chart: 'heatmap', at: [4, 9, 4, 5], queries: ['over_time'], y: ['_count'], by: 'version', rows: 'events' },
    { ...base, id: 'bars', title: 'Bars', chart: 'bar', at: [8, 9, 4, 5], x: 'function', y: ['_count'], rows: 'events' },
    { ...base, id: 'table', title: 'Functions', chart: 'table', at: [0, 14, 4, 6], columns: [{ field: 'function', title: 'Function', unit: 'number', bar: false }, { field: '_count', title: 'Events', unit: 'number', bar: true }], rows: 'events', links: [{ title: 'Again', dashboard: 'demo/overview', with: { function: 'function' } }] },
    { ...base, id: 'donut', title: 'Shares', chart: 'donut', at: [4, 14, 4, 6], x: 'function', y: ['_count'] },
    { ...base, id: 'cells', title: 'Cells', chart: 'honeycomb', at: [8, 14, 4, 6], x: 'function', y: ['_count'], thresholds: [{ at: 4000, state: 'warning' }, { at: 8000, state: 'critical' }] },
    { ...base, id: 'newest', title: 'Newest', chart: 'logs', at: [0, 20, 12, 6], queries: ['events'], rows: 'events' },
  ],
};

const apps = [{ id: 'demo', title: 'Demo', description: 'Made up.', sources: ['aws_cloudwatch_logs'], dashboards: [{ id: dashboard.id, title: dashboard.title, description: dashboard.description, panels: dashboard.panels.length, isOwn: false }] }];

/** Slices of made-up records are a thirtieth of the range. */
const SLICES = 30;

function filled(body) {
  const sliceMs = Math.max(1000, Math.round((body.to - body.from) / SLICES));
  const chosen = (body.variables.function ?? []).filter((value) => value !== '*');
  const condition = chosen.length ? `(${chosen.map((value) => `function="${value}"`).join(' or ')})` : '*';
  const query = (text, shift = 0) => ({ language: 'log', text: text.replace('{{is function}}', condition).replace('{{slice}}', `${sliceMs / 1000}s`), from: body.from - shift, to: body.to - shift });
  return { sliceMs, queries: { over_time: query(OVER_TIME), by_function: query(BY_FUNCTION), 'by_function@range': query(BY_FUNCTION, body.to - body.from), events: query('{{is function}}') }, variables: { function: query('* | count by function') } };
}

/** The answer to a path below `/api/v1/dashboards`, or null. */
export function dashboards(path, body) {
  if (path === '') return { apps, broken: [] };
  if (path === `/${dashboard.id}`) return dashboard;
  if (path === `/${dashboard.id}/queries`) return filled(body);
  return null;
}
