import { describe, expect, it } from 'vitest';
import { byTrouble, byUrgency, conditionText, eventText, markOf, worstValue, type Alert, type Definition, type Monitor } from './alerts';

const definition: Definition = { name: 'errors', language: 'log', query: '*', window: '5m', every: '1m', critical: { above: 5 }, enabled: true };

function monitor(name: string, phase: string, severity: string | null, values: (number | null)[] = [], more: Partial<Definition> = {}): Monitor {
  const groups = values.map((value, i) => ({ fingerprint: String(i), labels: {}, phase, since: 0, value, severity, alert: null }));
  return { id: name, file: null, definition: { ...definition, name, ...more }, state: { phase, severity, evaluatedTo: 0, groups, problems: [] } };
}

describe('monitors', () => {
  it('show the worst that is known', () => {
    expect(markOf(monitor('a', 'firing', 'critical'))).toBe('critical');
    expect(markOf(monitor('a', 'no_data', 'critical'))).toBe('no data');
    expect(markOf(monitor('a', 'normal', null, [], { enabled: false }))).toBe('paused');
    const failing = monitor('a', 'normal', null);
    failing.state.problems.push({ problem: 'query_fails', text: 'no', since: 0 });
    expect(markOf(failing)).toBe('failed');
  });

  it('stand with trouble first, then by name', () => {
    const all = [monitor('b', 'normal', null), monitor('a', 'normal', null), monitor('c', 'firing', 'warning')];
    expect(byTrouble(all).map((one) => one.id)).toEqual(['c', 'a', 'b']);
  });

  it('say their condition and their worst value', () => {
    expect(conditionText(definition)).toBe('> 5 over 5m');
    expect(worstValue(monitor('a', 'normal', null, [1, null, 7]))).toBe(7);
    expect(worstValue(monitor('a', 'normal', null, [1, 7], { critical: { at_most: 0 } }))).toBe(1);
    expect(worstValue(monitor('a', 'normal', null, [null]))).toBeNull();
  });
});

describe('alerts', () => {
  it('stand with the open and worse ones first', () => {
    const alert = (id: string, isOpen: boolean, state: string, changedAt: number) => ({ id, isOpen, state, changedAt }) as Alert;
    const all = [alert('old', false, 'resolved', 9), alert('warn', true, 'warning', 5), alert('a', true, 'critical', 1), alert('b', true, 'critical', 2)];
    expect(byUrgency(all).map((one) => one.id)).toEqual(['b', 'a', 'warn', 'old']);
  });

  it('tell their history in sentences', () => {
    expect(eventText({ at: 0, kind: 'fired', severity: 'critical', value: 11.8 })).toBe('Critical, 11.8');
    expect(eventText({ at: 0, kind: 'sent', channel: 'ops', outcome: '200 OK' })).toBe('Told: ops');
    expect(eventText({ at: 0, kind: 'given_up', channel: 'ops', outcome: '404' })).toBe('Could not be told: ops, 404');
    expect(eventText({ at: 0, kind: 'acknowledged', by: 'ann', note: 'on it' })).toBe('Acknowledged by ann: on it');
    expect(eventText({ at: 0, kind: 'fired', severity: 'warning', value: 3, is_muted: true, inhibited_by: 'Database down' })).toBe('Warning, 3, held back by Database down');
  });
});
