// Alerts, monitors and channels as the server tells them, and how the UI words and sorts them.
import { ask, post } from './api';
import { decimal } from './format';

export type AlertState = 'critical' | 'warning' | 'resolved' | 'closed' | 'no data';
/** What a mark shows: a state of an alert, or of a monitor. */
export type Mark = AlertState | 'ok' | 'pending' | 'recovering' | 'failed' | 'paused';

export interface Limit {
  sign: string;
  limit: number;
}

export interface Alert {
  id: string;
  monitorId: string;
  monitorName: string;
  isOpen: boolean;
  state: AlertState;
  severity: 'warning' | 'critical';
  labels: Record<string, string>;
  value: number | null;
  worst: number | null;
  valueName: string;
  threshold: Limit | null;
  sentence: string;
  problem: string | null;
  isFlapping: boolean;
  isMuted: boolean;
  beganAt: number;
  changedAt: number;
  samples: { time: number; function: string; text: string }[];
  searchUrl: string;
  acknowledgement: { by: string; note: string; at: number } | null;
}

/** Something that happened to an alert; `kind` says what, the rest belongs to it. */
export interface AlertEvent {
  at: number;
  kind: string;
  severity?: string;
  value?: number | null;
  reason?: string;
  problem?: string | null;
  is_muted?: boolean;
  /** The open alert that holds it back. */
  inhibited_by?: string | null;
  channel?: string;
  outcome?: string;
  attempt?: number;
  by?: string;
  note?: string;
}

export interface Condition {
  above?: number;
  at_least?: number;
  below?: number;
  at_most?: number;
  recovery?: number;
}

/** A monitor in the words of its file. */
export interface Definition {
  name: string;
  description?: string;
  language: 'log' | 'sql' | 'metrics';
  query: string;
  value?: string;
  group_by?: string[];
  window: string;
  every: string;
  critical?: Condition;
  warning?: Condition;
  runbook?: string;
  enabled: boolean;
}

export interface MonitorGroup {
  fingerprint: string;
  labels: Record<string, string>;
  phase: string;
  since: number;
  value: number | null;
  severity: string | null;
  alert: string | null;
}

export interface Monitor {
  id: string;
  file: string | null;
  definition: Definition;
  state: { phase: string; severity: string | null; evaluatedTo: number | null; groups: MonitorGroup[]; problems: { problem: string; text: string; since: number }[] };
}

export interface AlertDetails {
  alert: Alert;
  history: AlertEvent[];
  related: Alert[];
  earlier: Alert[];
  monitor: { id: string; definition: Definition } | null;
}

export interface Replay {
  stepMs: number;
  timesMs: number[];
  groups: { labels: Record<string, string>; values: (number | null)[]; phases: string[] }[];
  changes: { at: number; kind: string; severity: string; labels: Record<string, string>; value: number | null }[];
  notifications: number;
}

export interface Channel {
  name: string;
  kind: string;
  target: string;
  is_default: boolean;
}

export interface Told {
  id: string;
  channel: string;
  state: 'waiting' | 'sent' | 'given_up';
  title: string;
  attempts: number;
  createdAt: number;
  outcome: string;
}

const read = async <T>(path: string): Promise<T> => (await (await ask(path)).json()) as T;

export const fetchAlerts = async () => (await read<{ alerts: Alert[] }>('/api/v1/alerts')).alerts;
/** Only what is open now: nothing has changed in the future. */
export const fetchOpenAlerts = async () => (await read<{ alerts: Alert[] }>(`/api/v1/alerts?since=${Date.now() + 86_400_000}`)).alerts.filter((alert) => alert.isOpen);
export const fetchAlert = (id: string) => read<AlertDetails>(`/api/v1/alerts/${encodeURIComponent(id)}`);
export const fetchChart = (id: string) => read<Replay>(`/api/v1/alerts/${encodeURIComponent(id)}/chart`);
export const fetchMonitors = async () => (await read<{ monitors: Monitor[] }>('/api/v1/monitors')).monitors;
export const fetchChannels = async () => (await read<{ channels: Channel[] }>('/api/v1/channels')).channels;
export const fetchTold = async () => (await read<{ notifications: Told[] }>('/api/v1/notifications')).notifications;

export async function acknowledge(id: string, by: string, note: string): Promise<void> {
  await ask(`/api/v1/alerts/${encodeURIComponent(id)}/acknowledge`, post({ by, note }));
}

/** Holds back what is told about one alert's group, for so many hours. */
export async function muteGroup(alert: Alert, hours: number, by: string): Promise<void> {
  const matchers = [{ name: 'monitor', value: alert.monitorId }, ...Object.entries(alert.labels).map(([name, value]) => ({ name, value }))];
  await ask('/api/v1/mutes', post({ matchers, endsAt: Date.now() + hours * 3_600_000, createdBy: by, comment: '' }));
}

export async function testChannel(name: string): Promise<{ outcome: string; text: string }> {
  return (await (await ask(`/api/v1/channels/${encodeURIComponent(name)}/test`, { method: 'POST' })).json()) as { outcome: string; text: string };
}

/** What a monitor's mark shows: the worst that is known. */
export function markOf(monitor: Monitor): Mark {
  if (!monitor.definition.enabled) return 'paused';
  if (monitor.state.problems.length) return 'failed';
  if (monitor.state.severity === 'critical' && monitor.state.phase !== 'no_data') return 'critical';
  if (monitor.state.severity === 'warning' && monitor.state.phase !== 'no_data') return 'warning';
  if (monitor.state.phase === 'no_data') return 'no data';
  if (monitor.state.phase === 'pending') return 'pending';
  if (monitor.state.phase === 'recovering') return 'recovering';
  return 'ok';
}

const ORDER: Mark[] = ['critical', 'failed', 'warning', 'no data', 'pending', 'recovering', 'ok', 'resolved', 'closed', 'paused'];

/** Trouble first, then by name. */
export function byTrouble(monitors: Monitor[]): Monitor[] {
  const rank = (monitor: Monitor) => ORDER.indexOf(markOf(monitor));
  return [...monitors].sort((a, b) => rank(a) - rank(b) || a.definition.name.localeCompare(b.definition.name));
}

/** Open ones first, the worse before the milder, the newer before the older. */
export function byUrgency(alerts: Alert[]): Alert[] {
  const rank = (alert: Alert) => (alert.isOpen ? 0 : 10) + ORDER.indexOf(alert.state);
  return [...alerts].sort((a, b) => rank(a) - rank(b) || b.changedAt - a.changedAt);
}

const SIGNS: [keyof Condition, string][] = [['above', '>'], ['at_least', '≥'], ['below', '<'], ['at_most', '≤']];

export function limitOf(condition: Condition | undefined): Limit | null {
  for (const [key, sign] of SIGNS) {
    const limit = condition?.[key];
    if (limit !== undefined) return { sign, limit };
  }
  return null;
}

/** `> 5 over 5m`. */
export function conditionText(definition: Definition): string {
  const limit = limitOf(definition.critical) ?? limitOf(definition.warning);
  return limit ? `${limit.sign} ${decimal(limit.limit)} over ${definition.window}` : `missing for ${definition.window}`;
}

/** The worst value among the groups, or null when none has one. */
export function worstValue(monitor: Monitor): number | null {
  const values = monitor.state.groups.map((group) => group.value).filter((value): value is number => value !== null);
  if (!values.length) return null;
  const limit = limitOf(monitor.definition.critical) ?? limitOf(monitor.definition.warning);
  return limit && (limit.sign === '<' || limit.sign === '≤') ? Math.min(...values) : Math.max(...values);
}

export const groupText = (labels: Record<string, string>) => Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(', ');

const DONE: Record<string, string> = { fired: 'Began', raised: 'Became critical', lowered: 'Fell to a warning', resolved: 'Resolved', no_data: 'Data is missing', closed: 'Closed, its group was forgotten', sent: 'Told', not_sent: 'Could not be told yet', given_up: 'Could not be told', acknowledged: 'Acknowledged' };

/** An event of an alert's history in a sentence. */
export function eventText(event: AlertEvent): string {
  const done = DONE[event.kind] ?? event.kind;
  if (event.channel) return `${done}: ${event.channel}${event.kind === 'sent' ? '' : `, ${event.outcome ?? ''}`}`;
  if (event.by !== undefined) return `${done} by ${event.by || 'somebody'}${event.note ? `: ${event.note}` : ''}`;
  const value = event.value === null || event.value === undefined ? '' : `, ${decimal(event.value)}`;
  const word = event.kind === 'fired' && event.severity ? `${event.severity === 'critical' ? 'Critical' : 'Warning'}` : done;
  return `${word}${value}${event.reason === 'late_data' ? ', data came late' : ''}${event.inhibited_by ? `, held back by ${event.inhibited_by}` : event.is_muted ? ', muted' : ''}`;
}
