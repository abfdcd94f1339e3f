// Mutes: what nobody is told about for a while, and the matchers that say what that is, as Alertmanager writes them.
import { ask, post } from './api';

export interface Matcher {
  name: string;
  value: string;
  isRegex: boolean;
  isEqual: boolean;
}

export interface Mute {
  id: string;
  matchers: Matcher[];
  startsAt: number;
  endsAt: number;
  createdBy: string;
  comment: string;
}

/** What a mute holds back now. */
export interface Held {
  id: string;
  monitorName: string;
  sentence: string;
}

const SIGNS = [['=~', true, true], ['!~', true, false], ['!=', false, false], ['=', false, true]] as const;
const ONE = /^\s*([A-Za-z_][\w.-]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^",]*?)\s*(?:,|$)/;

/** Reads `severity="critical", function=~"checkout-.*"`; throws a sentence that says where it is wrong. */
export function parseMatchers(text: string): Matcher[] {
  const matchers: Matcher[] = [];
  let rest = text.trim();
  while (rest) {
    const found = ONE.exec(rest);
    if (!found) throw new Error(`\`${rest}\` is no condition; write one like function="checkout-api" or function=~"checkout-.*"`);
    const [whole, name, sign, value] = found as unknown as [string, string, string, string];
    const [, isRegex, isEqual] = SIGNS.find(([known]) => known === sign)!;
    const plain = value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
    if (!plain) throw new Error(`the condition about \`${name}\` says no value`);
    matchers.push({ name, value: plain, isRegex, isEqual });
    rest = rest.slice(whole.length).trim();
  }
  if (!matchers.length) throw new Error('say at least one condition, such as function="checkout-api"');
  return matchers;
}

export function matchersText(matchers: Matcher[]): string {
  const sign = (matcher: Matcher) => SIGNS.find(([, isRegex, isEqual]) => isRegex === matcher.isRegex && isEqual === matcher.isEqual)![0];
  return matchers.map((matcher) => `${matcher.name}${sign(matcher)}"${matcher.value.replace(/["\\]/g, '\\$&')}"`).join(', ');
}

const body = (matchers: Matcher[], endsAt: number, createdBy: string, comment: string) => ({ matchers, endsAt, createdBy, comment });

export const fetchMutes = async () => ((await (await ask('/api/v1/mutes')).json()) as { mutes: Mute[] }).mutes;

/** The open alerts that a mute would hold back. */
export async function previewMute(matchers: Matcher[], signal?: AbortSignal): Promise<Held[]> {
  const answer = await ask('/api/v1/mutes/preview', post(body(matchers, Date.now() + 3_600_000, '', ''), signal));
  return ((await answer.json()) as { alerts: Held[] }).alerts;
}

export async function createMute(matchers: Matcher[], hours: number, by: string, why: string): Promise<void> {
  await ask('/api/v1/mutes', post(body(matchers, Date.now() + hours * 3_600_000, by, why)));
}

export async function endMute(id: string): Promise<void> {
  await ask(`/api/v1/mutes/${encodeURIComponent(id)}`, { method: 'DELETE' });
}
