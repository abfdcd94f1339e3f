// Made-up sources: one that fails, one that is behind, and some that are well; and those that the page has added.
const source = (name, collector, more = {}) => ({ name, collector, kind: collector === 'sumo_http' ? 'pushed' : 'pulled', is_fixed: true, state: 'running', last_error: null, last_error_time: null, events_total: 0, events_repeated_total: 0, errors_total: 0, dead_letters_total: 0, throttles_total: 0, requests_per_second: null, cost_usd_per_month: null, lag_ms: null, lateness_ms_p99: null, origins: [], ...more });
const origin = (name, more = {}) => ({ origin: `id:${name}`, name, final_until: null, history_left_ms: 0, lag_ms: 8000, lateness_ms_p99: 3400, cost_usd_per_month: null, events_total: 4000, last_error: null, ...more });

/** What was changed since the stand-in server began. */
const added = new Map();
const paused = new Set();

export function sources(now) {
  const all = [...madeUp(now), ...[...added].map(([name, config]) => source(name, config.collector, { is_fixed: false }))];
  return all.map((one) => (paused.has(one.name) ? { ...one, state: 'paused' } : one));
}

function madeUp(now) {
  const group = (i) => origin(`/aws/lambda/${['checkout-api', 'orders-worker', 'auth', 'image-resize', 'billing'][i % 5]}-${i}`, { final_until: now - 61_000, lag_ms: 2000 + i * 300, events_total: 390_000 - i * 9000, history_left_ms: i === 3 ? 7_200_000 : 0 });
  return [
    source('forwarders', 'sumo_http', { events_total: 911_402, errors_total: 3, dead_letters_total: 3, last_error: 'line 2 has `many` for a number; nothing of the request was stored', last_error_time: now - 9_000_000 }),
    source('prod-lambda', 'aws_cloudwatch_logs', { events_total: 3_904_117, events_repeated_total: 41_208, errors_total: 2, last_error: 'cannot read /aws/lambda/auth-2: the connection was reset; it is tried again', last_error_time: now - 5_400_000, requests_per_second: 8.5, throttles_total: 12, lag_ms: 8000, lateness_ms_p99: 31_000, origins: Array.from({ length: 12 }, (_, i) => group(i)) }),
    source('prod-metrics', 'aws_cloudwatch_metrics', { events_total: 120_400, requests_per_second: 20, cost_usd_per_month: 41.3, lag_ms: 42_000, origins: [origin('AWS/Lambda', { lag_ms: 42_000, lateness_ms_p99: null, cost_usd_per_month: 34.6, final_until: now - 1_320_000, events_total: 98_000 }), origin('AWS/SQS', { lag_ms: 40_000, lateness_ms_p99: null, cost_usd_per_month: 6.7, final_until: now - 1_320_000, events_total: 22_400 })] }),
    source('gcp-prod-logs', 'gcp_cloud_logging', { events_total: 4_810_220, events_repeated_total: 9000, requests_per_second: 0.4, throttles_total: 214, lag_ms: 634_000, lateness_ms_p99: 9800, origins: [origin('shop-prod', { lag_ms: 634_000, lateness_ms_p99: 9800, final_until: now - 700_000, events_total: 4_810_220 })] }),
    source('azure-north-tables', 'azure_table_storage', { state: 'retrying', events_total: 212_040, errors_total: 214, last_error: 'cannot list the tables of shopnorthfn: 403 AuthorizationPermissionMismatch; give the identity the role `Storage Table Data Reader` on the storage account', last_error_time: now - 48_000, lag_ms: 2_460_000, lateness_ms_p99: 3400, origins: [origin('shopnorthfn', { lag_ms: 2_460_000, final_until: now - 2_500_000, events_total: 212_040 })] }),
  ];
}

/** What `* | timeslice 30m | count by _source, _timeslice` finds; null when a query is another. */
export function sourceRecords({ query, from, to }) {
  if (!/count by _source, _timeslice/.test(query)) return null;
  const rows = sources(0).flatMap(({ name, events_total: total }) => {
    const slices = Math.round((to - from) / 1_800_000);
    return Array.from({ length: slices }, (_, i) => ({ _source: name, _timeslice: String(from + i * 1_800_000), _count: String(Math.round((total / slices) * (1 + Math.sin(i / 5 + name.length) / 3))) }));
  });
  const field = (name, fieldType, keyField) => ({ name, fieldType, keyField });
  return { fields: [field('_source', 'string', true), field('_timeslice', 'long', true), field('_count', 'long', false)], rows };
}

const COLLECTORS = [
  { name: 'aws_cloudwatch_logs', kind: 'pulled', summary: 'Pulls the events of AWS CloudWatch log groups.', example: '', policy: '{\n  "Version": "2012-10-17",\n  "Statement": [{ "Effect": "Allow", "Action": "logs:FilterLogEvents", "Resource": "*" }]\n}\n', settings: { category: 'aws/lambda', collector: 'aws_cloudwatch_logs', fields: { account: 'prod' }, log_group_prefixes: ['/aws/lambda/'], name: 'prod-lambda', region: 'us-east-1' } },
  { name: 'sumo_http', kind: 'pushed', summary: 'Receives logs and metrics on POST /receiver/v1/http/<token>, like a Sumo Logic HTTP source.', example: '', policy: 'Senders need the address:\nhttps://NEPHOSCOPE/receiver/v1/http/TOKEN\n', settings: { category: 'prod/web', collector: 'sumo_http', name: 'push', token: 't0ken' } },
];

const refused = (status, code, message) => [status, { status, id: 'x', code, message, errors: [{ code, message }] }];
const hidden = (config) => ({ ...config, ...('token' in config ? { token: '***' } : {}) });
const trial = { origins_total: 0, origins: [], events: 0, samples: 0, messages: [], problem: null };

function tried({ collector, name, region }) {
  if (!COLLECTORS.some((known) => known.name === collector)) return refused(400, 'source:invalid', `the source is not understood: unknown variant \`${collector}\``);
  if (!name) return refused(400, 'source:invalid', 'source ``: name is empty; checkpoints and the status need one');
  if (collector === 'sumo_http') return [200, { ...trial, address: '/receiver/v1/http/<token>' }];
  if (region === 'nowhere') return [200, { ...trial, problem: 'cannot list the log groups that begin with `/aws/lambda/`: AccessDeniedException; allow logs:DescribeLogGroups' }];
  return [200, { ...trial, origins_total: 2, origins: ['/aws/lambda/auth', '/aws/lambda/billing'], events: 7, messages: ['START RequestId: 1', 'hello'] }];
}

/** The status and the answer to a path below `/api/v1/sources`. */
export function sourceChanges(method, path, body) {
  const [, encoded = '', verb] = path.split('/');
  const name = decodeURIComponent(encoded);
  if (name === 'test') return tried(body);
  const all = sources(Date.now());
  const shown = (wanted) => ({ ...sources(Date.now()).find((one) => one.name === wanted), config: hidden(added.get(wanted) ?? { name: wanted }) });
  if (!name && method === 'GET') return [200, { sources: all.map((one) => shown(one.name)) }];
  const known = all.find((one) => one.name === (name || body.name));
  if (!name) {
    const [status, found] = tried(body);
    if (status !== 200) return [status, found];
    if (known) return refused(409, 'source:conflict', `two sources are named \`${body.name}\`; give each its own name`);
    added.set(body.name, body);
    return [201, shown(body.name)];
  }
  if (!known) return refused(404, 'source:not_found', `no source is named \`${name}\``);
  if (verb) {
    if (verb === 'pause') paused.add(name);
    else paused.delete(name);
    return [200, shown(name)];
  }
  if (method === 'GET') return [200, shown(name)];
  if (known.is_fixed) return refused(409, 'source:conflict', `source \`${name}\` is in the configuration file; change it there and start the node again, or pause it`);
  if (method === 'PUT') added.set(name, { ...added.get(name), ...body });
  else added.delete(name);
  return method === 'PUT' ? [200, shown(name)] : [204, null];
}

export const collectors = { collectors: COLLECTORS };
