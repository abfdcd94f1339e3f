// Made-up sources: one that fails, one that is behind, and some that are well.
const source = (name, collector, more = {}) => ({ name, collector, kind: collector === 'sumo_http' ? 'pushed' : 'pulled', state: 'running', last_error: null, last_error_time: null, events_total: 0, events_repeated_total: 0, errors_total: 0, throttles_total: 0, requests_per_second: null, cost_usd_per_month: null, lag_ms: null, lateness_ms_p99: null, origins: [], ...more });
const origin = (name, more = {}) => ({ origin: `id:${name}`, name, final_until: null, history_left_ms: 0, lag_ms: 8000, lateness_ms_p99: 3400, cost_usd_per_month: null, events_total: 4000, last_error: null, ...more });

export function sources(now) {
  const group = (i) => origin(`/aws/lambda/${['checkout-api', 'orders-worker', 'auth', 'image-resize', 'billing'][i % 5]}-${i}`, { final_until: now - 61_000, lag_ms: 2000 + i * 300, events_total: 390_000 - i * 9000, history_left_ms: i === 3 ? 7_200_000 : 0 });
  return [
    source('forwarders', 'sumo_http', { events_total: 911_402 }),
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
