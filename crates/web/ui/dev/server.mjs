// A stand-in for the server while the UI is written: the same routes, made-up data, no state on disk.
// `node dev/server.mjs [port] [folder of a build]`. A query with `million` in it finds a million events;
// `empty` as third argument pretends that no event has arrived yet.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { alerts } from './alerts.mjs';
import { dashboards } from './dashboards.mjs';
import { event, explanation, facets, fields, histogram, language, metrics, records as madeUp, sqlText, tables } from './data.mjs';
import { lookupRecords, lookups } from './lookups.mjs';
import { collectors, sourceChanges, sourceRecords, sources } from './sources.mjs';

const port = Number(process.argv[2] ?? 8471);
const dist = process.argv[3];
const isEmpty = process.argv[4] === 'empty';
const jobs = new Map();
let lastId = 0;
const records = (job) => lookupRecords(job.query) ?? sourceRecords(job) ?? madeUp(job);

const POLICY = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'";
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const sent = request.method === 'POST' || request.method === 'PUT' ? await text(request) : '';
  const body = request.headers['content-type'] === 'text/csv' ? sent : JSON.parse(sent || '{}');
  const send = (value, status = 200) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
  if (url.pathname.startsWith('/api/v1/dashboards')) {
    const [status, found] = dashboards(request.method, url.pathname.slice('/api/v1/dashboards'.length), body, url.searchParams);
    return send(found, status);
  }
  if (url.pathname.startsWith('/api/v1/lookupTables')) {
    const [status, found] = lookups(request.method, url.pathname.slice('/api/v1/lookupTables'.length), body, url.searchParams);
    if (typeof found !== 'string') return status === 204 ? response.writeHead(204).end() : send(found, status);
    return response.writeHead(200, { 'content-type': 'text/csv; charset=utf-8', 'content-disposition': 'attachment; filename="table.csv"' }).end(found);
  }
  if (url.pathname === '/api/v1/collectors') return send(collectors);
  if (url.pathname.startsWith('/api/v1/sources')) {
    const [status, found] = sourceChanges(request.method, url.pathname.slice('/api/v1/sources'.length), body);
    return status === 204 ? response.writeHead(204).end() : send(found, status);
  }
  const told = alerts(url.pathname);
  if (told) return send(told);
  if (url.pathname === '/api/v1/search/facets') return send({ facets: body.fields.map((name) => facets(name, body)) });
  if (url.pathname === '/api/v1/metricsQueries') return send(metrics(body));
  if (url.pathname === '/api/v1/tables') return send(tables);
  if (url.pathname === '/api/v1/queries/explain') return send(explanation);
  if (url.pathname === '/api/v1/queries/sql') return send(sqlText);
  const job = /^\/api\/v1\/search\/jobs(?:\/([^/]+)(?:\/(\w+))?)?$/.exec(url.pathname);
  if (job) return search(job, request, url, body, send, response);
  if (url.pathname === '/api/v1/status') {
    const now = Date.now();
    return send({ version: '0.1.0', now, newestEventTime: isEmpty ? null : now - 6000, events: isEmpty ? 0 : 1_000_000, diskBytes: 4e8, dataDir: './data', sources: sources(now) });
  }
  if (url.pathname === '/api/v1/language') return send(language);
  if (url.pathname === '/api/v1/fields') return send({ fields });
  if (url.pathname === '/api/v1/queries/check') return send({ diagnostics: mistakes(body.query) });
  if (url.pathname.startsWith('/api/')) return send({ status: 404, message: 'nothing here' }, 404);
  return file(url.pathname, response);
});
server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));

async function text(request) {
  let all = '';
  for await (const chunk of request) all += chunk;
  return all;
}

function mistakes(query) {
  const match = /timeslise/.exec(query);
  if (!match) return [];
  const before = query.slice(0, match.index).split('\n');
  return [{ severity: 'error', message: 'operator `timeslise` is unknown', start: match.index, end: match.index + 9, line: before.length, column: before.at(-1).length + 1, expected: null, suggestion: 'timeslice' }];
}

function search([, id, what], request, url, body, send, response) {
  if (!id) {
    const wrong = mistakes(body.query);
    if (wrong.length) return send({ status: 400, id: 'x', code: 'searchjob.parse.error', message: wrong[0].message, diagnostics: wrong }, 400);
    lastId += 1;
    const isAggregate = /\bcount\b|^cat /.test(body.query);
    const total = body.query.includes('million') ? 1_000_000 : body.query.includes('nothing') ? 0 : 19_695;
    jobs.set(String(lastId), { ...body, total, isAggregate: isAggregate || body.language === 'sql' });
    return send({ id: String(lastId), link: { rel: 'self', href: `/api/v1/search/jobs/${lastId}` } }, 202);
  }
  const job = jobs.get(id);
  if (!job) return send({ status: 404, code: 'searchjob.jobid.invalid', message: 'no such search' }, 404);
  if (request.method === 'DELETE') {
    jobs.delete(id);
    return send({ id });
  }
  const offset = Number(url.searchParams.get('offset') ?? 0);
  const limit = Number(url.searchParams.get('limit') ?? 100);
  if (what === 'stream') return stream(job, response);
  if (what === 'messages') {
    const length = Math.max(0, Math.min(limit, job.total - offset));
    return send({ fields, messages: Array.from({ length }, (_, i) => ({ map: event(offset + i, job) })) });
  }
  const result = records(job);
  return send({ fields: result.fields, records: result.rows.slice(offset, offset + limit).map((map) => ({ map })) });
}

function stream(job, response) {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  // A query with `slow` in it takes ten seconds.
  const isSlow = job.query.includes('slow');
  const steps = isSlow ? 50 : 5;
  let step = 0;
  const next = () => {
    step += 1;
    const part = step / steps;
    const count = Math.floor(job.total * part);
    const isLast = step === steps;
    const table = job.isAggregate ? records(job) : { fields: [], rows: [] };
    response.write(`${JSON.stringify({ state: isLast ? 'DONE GATHERING RESULTS' : 'GATHERING RESULTS', kind: job.isAggregate ? 'records' : 'messages', query: job.query, messageCount: count, recordCount: isLast ? table.rows.length : 0, histogram: histogram(job, part), pendingErrors: [], pendingWarnings: [], rowsScanned: count * 3, bytesScanned: 31e6 * part, bytesTotal: 412e6, elapsedMs: 28 * step, limited: null, fields: table.fields })}\n`);
    if (isLast) response.end();
    else setTimeout(next, isSlow ? 200 : 40);
  };
  next();
}

async function file(path, response) {
  if (!dist) return response.writeHead(404).end();
  const name = extname(path) ? path : '/index.html';
  try {
    const bytes = await readFile(join(dist, name));
    response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream', 'content-security-policy': POLICY });
    response.end(bytes);
  } catch {
    response.writeHead(404).end();
  }
}
