import { describe, expect, it } from 'vitest';
import { freshSettings, readSettings, settingsText, trialWords, type Collector, type Trial } from './sourceChanges';

const trial = (more: Partial<Trial> = {}): Trial => ({ origins_total: 0, origins: [], events: 0, samples: 0, messages: [], problem: null, ...more });
const collector = (settings: Record<string, unknown>): Collector => ({ name: 'c', kind: 'pushed', summary: '', policy: '', settings });

describe('settings as text', () => {
  it('begin with the name and the collector, and are read back', () => {
    const settings = { category: 'x', collector: 'otlp', fields: { a: 'b' }, name: 'n' };
    const text = settingsText(settings);
    expect(text.startsWith('{\n  "name": "n",\n  "collector": "otlp",\n  "category"')).toBe(true);
    expect(readSettings(text).settings).toEqual(settings);
  });
  it.each([['{', 'no JSON'], ['[]', 'an object'], ['null', 'an object'], ['"x"', 'an object']])('%s is told', (text, words) => expect(readSettings(text).problem).toContain(words));
});

describe('a new source', () => {
  it('has a token of its own', () => {
    const fresh = freshSettings(collector({ name: 'push', token: 't0ken' }), (bytes) => bytes.fill(171));
    expect(fresh).toEqual({ name: 'push', token: 'ab'.repeat(24) });
  });
  it('that is pulled is the example', () => expect(freshSettings(collector({ name: 'a', region: 'r' }))).toEqual({ name: 'a', region: 'r' }));
});

describe('a trial', () => {
  it('tells the address of a pushed source', () => expect(trialWords(trial({ address: '/receiver/v1/http/<token>' }))).toContain('post to /receiver/v1/http/<token>'));
  it('tells what it found', () => expect(trialWords(trial({ origins_total: 1, events: 2, samples: 1 }))).toBe('1 part found, and 2 events and 1 sample in the first batch. Nothing was stored.'));
  it('tells that there was nothing', () => expect(trialWords(trial())).toContain('no events within 20 seconds'));
  it('leaves a problem to itself', () => expect(trialWords(trial({ problem: '403' }))).toBe('No part found.'));
});
