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

/** Slices of made-up records are a thirtieth of the range. */
const SLICES = 30;

function filled(dashboard, body) {
  const sliceMs = Math.max(1000, Math.round((body.to - body.from) / SLICES));
  const chosen = (body.variables.function ?? []).filter((value) => value !== '*');
  const condition = chosen.length ? `(${chosen.map((value) => `function="${value}"`).join(' or ')})` : '*';
  const fill = ({ language, text }, shift = 0) => ({ language, text: text.replace('{{is function}}', condition).replace('{{slice}}', `${sliceMs / 1000}s`), from: body.from - shift, to: body.to - shift });
  const queries = {};
  for (const [name, query] of Object.entries(dashboard.queries)) queries[name] = fill(query);
  for (const panel of dashboard.panels) if (panel.compare) for (const name of panel.queries) queries[`${name}@${panel.compare}`] = fill(dashboard.queries[name], body.to - body.from);
  return { sliceMs, queries, variables: { function: fill({ language: 'log', text: '* | count by function' }) } };
}

/** What was saved, by id; it is forgotten when the stand-in ends. */
const saved = new Map();
const packaged = { ...dashboard, revision: 'packaged', isPackaged: true };
const find = (id) => saved.get(id) ?? (id === dashboard.id ? packaged : undefined);
let revision = 0;

function shelf() {
  const all = new Map([[dashboard.id, packaged], ...saved]);
  const listed = (app) => [...all.values()].filter((one) => one.id.startsWith(`${app}/`)).map(({ id, title, description, panels, isOwn }) => ({ id, title, description, panels: panels.length, isOwn }));
  const apps = [{ id: 'demo', title: 'Demo', description: 'Made up.', sources: ['aws_cloudwatch_logs'], dashboards: listed('demo') }];
  return { apps: listed('own').length ? [...apps, { id: 'own', title: 'own', description: '', sources: [], dashboards: listed('own') }] : apps, broken: [] };
}

/** The status and the answer to a path below `/api/v1/dashboards`. */
export function dashboards(method, path, body, params) {
  if (path === '') return [200, shelf()];
  if (path === '/import') {
    const made = { ...packaged, id: 'own/imported', title: body.title ?? 'Imported', file: 'own/imported.dashboard.toml', isOwn: true, isPackaged: false, revision: 'imported' };
    saved.set(made.id, made);
    return [200, { dashboards: [{ id: made.id, title: made.title, notes: ['panel Map: map is drawn as a table'] }] }];
  }
  const id = path.slice(1).replace(/\/queries$/, '');
  const found = find(id);
  if (path.endsWith('/queries')) return body.dashboard || found ? [200, filled(body.dashboard ?? found, body)] : [404, { message: 'no such dashboard' }];
  if (method === 'PUT' || method === 'DELETE') {
    if ((found?.revision ?? null) !== (body.revision ?? params.get('revision'))) return [409, { message: `\`${id}\` has been changed since it was read; nothing was saved, load it again` }];
    if (method === 'DELETE') return saved.delete(id), [200, {}];
    const lost = body.dashboard.panels.find((panel) => panel.chart !== 'text' && !panel.description);
    if (lost) return [400, { message: `panel ${lost.id}: has no \`description\`` }];
    revision += 1;
    saved.set(id, { ...body.dashboard, id, file: `${id}.dashboard.toml`, isOwn: true, isPackaged: id === dashboard.id, revision: String(revision) });
    return [200, find(id)];
  }
  return found ? [200, found] : [404, { message: 'no such dashboard' }];
}
