// The alerts of the stand-in server: one that is open, made up like the rest.
const minute = 60_000;

function open() {
  const now = Date.now();
  return {
    id: '7c1e-1424', monitorId: 'checkout', monitorName: 'Lambda error rate', isOpen: true, state: 'critical', severity: 'critical', labels: { function: 'checkout-api' },
    value: 11.8, worst: 14.2, valueName: 'error_rate', threshold: { sign: '>', limit: 10 }, sentence: 'error_rate is 11.8, more than 10', problem: null, isFlapping: false, isMuted: false,
    beganAt: now - 28 * minute, changedAt: now - 28 * minute, samples: [{ time: now - 20_000, function: 'checkout-api', text: "TypeError: Cannot read properties of undefined (reading 'id')" }], searchUrl: '/search?q=level%3DERROR', acknowledgement: null,
  };
}

function muted() {
  const matchers = [{ name: 'function', value: 'nightly-.*', isRegex: true, isEqual: true }, { name: 'severity', value: 'warning', isRegex: false, isEqual: true }];
  return { id: 'm1', matchers, startsAt: Date.now() - 20 * minute, endsAt: Date.now() + 200 * minute, createdBy: 'Ann', comment: 'the migration of the database' };
}

/** The answer to a path, or null. */
export function alerts(path) {
  if (path === '/api/v1/alerts') return { alerts: [open()] };
  if (path === '/api/v1/alerts/7c1e-1424') return { alert: open(), history: [], related: [], earlier: [], monitor: null };
  if (path === '/api/v1/alerts/7c1e-1424/chart') return { stepMs: minute, timesMs: [], groups: [], changes: [], notifications: 0 };
  if (path === '/api/v1/monitors') return { monitors: [] };
  if (path === '/api/v1/mutes') return { mutes: [muted()] };
  if (path === '/api/v1/mutes/preview') return { alerts: [{ id: open().id, monitorName: open().monitorName, sentence: open().sentence }] };
  if (path === '/api/v1/channels') return { channels: [] };
  if (path === '/api/v1/notifications') return { notifications: [] };
  return null;
}
