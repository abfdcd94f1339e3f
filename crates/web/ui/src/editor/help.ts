// What is told about a word of the language, beside completion and under the pointer; the server's own descriptions.
import { hoverTooltip, type EditorView } from '@codemirror/view';
import { fetchLanguage, type Language, type LanguageItem } from '../lib/api';
import { helpAddress } from '../lib/help';

let language: Promise<Language> | null = null;

export const words = (): Promise<Language> => (language ??= fetchLanguage().catch(() => ((language = null), { operators: [], functions: [], aggregates: [], metrics: [] })));

/** The description as a small box, with a link to the page of all of them. */
export function helpBox(item: LanguageItem): HTMLElement {
  const box = document.createElement('div');
  box.className = 'completion-help';
  const line = (text: string, name: string) => {
    const part = document.createElement('div');
    part.textContent = text;
    part.className = name;
    box.append(part);
  };
  if (item.summary) line(item.summary, 'summary');
  if (item.syntax) line(item.syntax, 'mono');
  for (const example of (item.examples ?? []).slice(0, 2)) line(example, 'mono example');
  const link = document.createElement('a');
  link.href = helpAddress(item);
  link.textContent = `All about ${item.name}`;
  box.append(link);
  return box;
}

/** The item that a word names at its place: operators after a pipe, functions before a parenthesis. */
export function itemAt(known: Language, text: string, from: number, to: number): LanguageItem | null {
  const word = text.slice(from, to).toLowerCase();
  const isCall = /^\s*\(/.test(text.slice(to));
  const isStart = /(?:^|\|)\s*$/.test(text.slice(0, from));
  const find = (items: LanguageItem[]) => items.find((item) => item.name.toLowerCase() === word) ?? null;
  const both = text.slice(from).match(/^\w+\s+regex\b/i) ? find([]) : null;
  if (both) return both;
  if (isStart) return find(known.operators) ?? find(known.aggregates) ?? (isCall ? find(known.functions) : null);
  if (isCall) return find(known.functions) ?? find(known.aggregates);
  return find(known.aggregates);
}

export const hover = (isOn: () => boolean) =>
  hoverTooltip(async (view: EditorView, pos: number) => {
    if (!isOn()) return null;
    const text = view.state.doc.toString();
    const range = view.state.wordAt(pos);
    if (!range) return null;
    const item = itemAt(await words(), text, range.from, range.to);
    if (!item) return null;
    return { pos: range.from, end: range.to, above: false, create: () => ({ dom: helpBox(item) }) };
  });
