// Sources that are added, changed, paused, removed and tried out: what is asked, and settings as text.
import { ask, post, type SourceStatus } from './api';

/** The keys of a `[[sources]]` table; secrets are `***`, which sent back means the value that is there. */
export type Settings = Record<string, unknown>;

export interface SourceDetails extends SourceStatus {
  /** null if what is kept cannot be read any more. */
  config: Settings | null;
}

export interface Collector {
  name: string;
  kind: 'pulled' | 'pushed';
  summary: string;
  /** The least that the cloud must allow, or what senders need: text to paste. */
  policy: string;
  /** Those of an example. */
  settings: Settings;
}

/** What trying a source out has found. */
export interface Trial {
  /** Where a pushed source is sent its data. */
  address?: string;
  origins_total: number;
  origins: string[];
  events: number;
  samples: number;
  messages: string[];
  problem: string | null;
}

const SOURCES = '/api/v1/sources';
const pathOf = (name: string) => `${SOURCES}/${encodeURIComponent(name)}`;

export async function fetchCollectors(): Promise<Collector[]> {
  return ((await (await ask('/api/v1/collectors')).json()) as { collectors: Collector[] }).collectors;
}

export async function fetchSource(name: string): Promise<SourceDetails> {
  return (await (await ask(pathOf(name))).json()) as SourceDetails;
}

/** `before`: the name of the source that is changed; null for a new one. */
export async function saveSource(before: string | null, settings: Settings): Promise<SourceDetails> {
  const response = before === null ? await ask(SOURCES, post(settings)) : await ask(pathOf(before), { ...post(settings), method: 'PUT' });
  return (await response.json()) as SourceDetails;
}

export async function testSource(settings: Settings, signal: AbortSignal): Promise<Trial> {
  return (await (await ask(`${SOURCES}/test`, post(settings, signal))).json()) as Trial;
}

export async function pauseSource(name: string, isPaused: boolean): Promise<void> {
  await ask(`${pathOf(name)}/${isPaused ? 'pause' : 'resume'}`, { method: 'POST' });
}

export async function removeSource(name: string): Promise<void> {
  await ask(pathOf(name), { method: 'DELETE' });
}

const FIRST = ['name', 'collector'];
/** Settings that senders must know and nobody must guess. */
const TOKENS = ['token', 'access_key'];
const TOKEN_BYTES = 24;

/** Settings as JSON to edit, name and collector first. */
export function settingsText(settings: Settings): string {
  const rest = Object.keys(settings).filter((key) => !FIRST.includes(key));
  const ordered = Object.fromEntries([...FIRST, ...rest].filter((key) => key in settings).map((key) => [key, settings[key]]));
  return JSON.stringify(ordered, null, 2);
}

/** Reads that text, or says what is wrong with it. */
export function readSettings(text: string): { settings: Settings; problem: null } | { settings: null; problem: string } {
  try {
    const found: unknown = JSON.parse(text);
    if (found !== null && typeof found === 'object' && !Array.isArray(found)) return { settings: found as Settings, problem: null };
    return { settings: null, problem: 'The settings are an object: { "name": … }.' };
  } catch (error) {
    return { settings: null, problem: `This is no JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** The settings that a new source begins with: those of the example, with a token of its own. */
export function freshSettings({ settings }: Collector, random: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> = (bytes) => crypto.getRandomValues(bytes)): Settings {
  const fresh = { ...settings };
  for (const key of TOKENS) {
    if (key in fresh) fresh[key] = [...random(new Uint8Array(TOKEN_BYTES))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }
  return fresh;
}

const many = (count: number, one: string) => `${count} ${one}${count === 1 ? '' : 's'}`;

/** What a trial has found, in a sentence; its problem stands apart. */
export function trialWords({ address, origins_total: origins, events, samples, problem }: Trial): string {
  if (address !== undefined) return `It can be added. Its senders post to ${address}.`;
  const brought = [events && many(events, 'event'), samples && many(samples, 'sample')].filter(Boolean).join(' and ');
  const place = origins ? `${many(origins, 'part')} found` : 'No part found';
  if (brought) return `${place}, and ${brought} in the first batch. Nothing was stored.`;
  return problem === null ? `${place}, and no events within 20 seconds. Nothing was stored.` : `${place}.`;
}
