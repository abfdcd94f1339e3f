// How SQL is coloured, and what completes it: tables, columns and functions as the server names them.
import { StreamLanguage, type StreamParser } from '@codemirror/language';
import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import { tags } from '@lezer/highlight';
import { fetchTables, type SqlWords } from '../lib/api';

const WORDS = 'select from where group by having order limit offset distinct as and or not in is null like ilike between case when then else end join left right full inner outer cross on using union all except intersect with recursive over partition rows range asc desc nulls first last cast interval true false exists filter within values qualify grouping sets rollup cube similar to escape'.split(' ');
const KEYWORDS = new Set(WORDS);

export const sqlLanguage: StreamParser<{ isComment: boolean }> = {
  name: 'sql',
  startState: () => ({ isComment: false }),
  copyState: (state) => ({ ...state }),
  languageData: { commentTokens: { line: '--', block: { open: '/*', close: '*/' } }, closeBrackets: { brackets: ['(', '[', "'", '"'] } },
  token(stream, state) {
    if (state.isComment) {
      if (stream.match(/^.*?\*\//)) state.isComment = false;
      else stream.skipToEnd();
      return 'comment';
    }
    if (stream.eatSpace()) return null;
    if (stream.match('--')) {
      stream.skipToEnd();
      return 'comment';
    }
    if (stream.match('/*')) {
      state.isComment = true;
      return 'comment';
    }
    if (stream.match(/^'(?:[^']|'')*'?/)) return 'string';
    if (stream.match(/^"(?:[^"]|"")*"?/)) return 'propertyName';
    if (stream.match(/^\d+(?:\.\d+)?(?:e[+-]?\d+)?/i)) return 'number';
    const word = stream.match(/^[A-Za-z_]\w*/) as RegExpMatchArray | null;
    if (word) return KEYWORDS.has(word[0].toLowerCase()) ? 'keyword' : stream.match(/^\s*\(/, false) ? 'function' : 'propertyName';
    stream.next();
    return null;
  },
};

export const sql = StreamLanguage.define({ ...sqlLanguage, tokenTable: { function: tags.function(tags.variableName) } });

let words: Promise<SqlWords> | null = null;

/** Whether the place is inside quotes of either kind. */
export const isInText = (before: string): boolean => (before.replace(/''/g, '').match(/'/g)?.length ?? 0) % 2 === 1;

/** Tables after `from` and `join`; columns of the tables that the text names, functions and words elsewhere. */
export async function completeSql(context: CompletionContext): Promise<CompletionResult | null> {
  const text = context.state.doc.toString();
  const before = text.slice(0, context.pos);
  const word = context.matchBefore(/\w*/);
  if (!word || isInText(before) || (word.from === word.to && !context.explicit && !/(?:,|\(|\.|\b(?:from|join|by|select|where|and|or|on))\s*$/i.test(before))) return null;
  const known = await (words ??= fetchTables().catch(() => ((words = null), { tables: [], functions: [] })));
  const tables: Completion[] = known.tables.map((table) => ({ label: table.name, type: 'keyword', detail: `table, ${table.columns.length} columns`, boost: 2 }));
  if (/\b(?:from|join)\s+\w*$/i.test(before)) return { from: word.from, options: tables, validFor: /^\w*$/ };
  const named = known.tables.filter((table) => new RegExp(`\\b${table.name}\\b`, 'i').test(text));
  const columns = (named.length ? named : known.tables).flatMap((table) => table.columns.map((column) => ({ label: column.name, type: 'property', detail: `${table.name}, ${column.type}`, boost: 1 })));
  const functions = known.functions.map((name) => ({ label: name, apply: `${name}(`, type: 'function', detail: 'function' }));
  const keywords = WORDS.map((label) => ({ label, type: 'keyword', boost: -1 }));
  const seen = new Set<string>();
  const options = [...columns, ...tables, ...functions, ...keywords].filter((option) => !seen.has(option.label) && seen.add(option.label));
  return { from: word.from, options, validFor: /^\w*$/ };
}
