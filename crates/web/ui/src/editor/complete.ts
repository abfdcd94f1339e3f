// Completion: operators after a pipe, functions and fields elsewhere; words and examples come from the server.
import type { Completion, CompletionContext, CompletionResult, CompletionSource } from '@codemirror/autocomplete';
import { fetchFields, type FieldInfo, type LanguageItem } from '../lib/api';
import { fieldName, scopeEnd } from '../lib/query';
import type { Resolved } from '../lib/time';
import type { Mode } from '../lib/url';
import { helpBox, words } from './help';
import { completeSql } from './sql';

const FIELDS_AGE_MAX = 60_000;

export function completion(range: () => Resolved, mode: () => Mode): CompletionSource {
  let fields: Promise<FieldInfo[]> | null = null;
  let fieldsAt = 0;

  const names = () => {
    if (fields && Date.now() - fieldsAt < FIELDS_AGE_MAX) return fields;
    fieldsAt = Date.now();
    const { from, to } = range();
    return (fields = fetchFields(from, to).catch(() => ((fields = null), [] as FieldInfo[])));
  };

  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    if (mode() === 'sql') return completeSql(context);
    const text = context.state.doc.toString();
    const before = text.slice(0, context.pos);
    const word = context.matchBefore(/[\w.%]*/);
    if (!word || (word.from === word.to && !context.explicit && !/[|,(]\s*$/.test(before))) return null;
    if (isQuoted(before)) return null;
    const known = await words();
    if (mode() === 'metrics') {
      return /\|\s*\w*$/.test(before) ? { from: word.from, options: items(known.metrics, 'operator', 1), validFor: /^\w*$/ } : null;
    }
    const isScope = context.pos <= scopeEnd(text);
    const isOperator = /\|\s*[\w.]*$/.test(before);
    const options: Completion[] = [];
    if (isOperator) {
      options.push(...items(known.operators, 'operator', 2), ...items(known.aggregates, 'aggregate', 1));
    } else {
      options.push(...(await names()).map((field) => ofField(field, isScope)));
      if (!isScope) options.push(...items(known.functions, 'function', 0), ...items(known.aggregates, 'aggregate', 0), ...WORDS);
    }
    return { from: word.from, options: unique(options), validFor: /^[\w.%]*$/ };
  };
}

const WORDS: Completion[] = ['as', 'by', 'nodrop', 'and', 'or', 'not', 'in'].map((label) => ({ label, type: 'keyword', boost: -1 }));

function isQuoted(before: string): boolean {
  return (before.replace(/\\./g, '').match(/"/g)?.length ?? 0) % 2 === 1;
}

function items(list: LanguageItem[] | undefined, kind: string, boost: number): Completion[] {
  return (list ?? []).map((item) => ({
    label: item.name,
    type: kind === 'function' ? 'function' : 'keyword',
    detail: item.syntax && item.syntax !== item.name ? item.syntax : kind,
    boost,
    info: () => helpBox(item),
  }));
}

function ofField(field: FieldInfo, isScope: boolean): Completion {
  const isPlain = /^[A-Za-z_]\w*$/.test(field.name);
  const examples = (field.examples ?? []).slice(0, 3).join(', ');
  return {
    label: field.name,
    apply: isPlain && isScope ? `${field.name}=` : fieldName(field.name),
    type: 'property',
    detail: [`field, ${field.type ?? 'string'}`, examples].filter(Boolean).join(' · ').slice(0, 80),
    boost: field.name.startsWith('_') ? -1 : 1,
  };
}

function unique(options: Completion[]): Completion[] {
  const seen = new Set<string>();
  return options.filter((option) => !seen.has(option.label) && seen.add(option.label));
}
