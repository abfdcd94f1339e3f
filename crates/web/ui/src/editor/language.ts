// How the pipe language is coloured: a small tokenizer, because the server's parser is the judge of meaning.
import { HighlightStyle, StreamLanguage, syntaxHighlighting, type StreamParser } from '@codemirror/language';
import { tags } from '@lezer/highlight';

interface State {
  /** Before the first pipe: `name=value` conditions and keywords. */
  isScope: boolean;
  /** Just after a pipe: the next word is an operator. */
  isStart: boolean;
}

const WORDS = new Set(['as', 'by', 'nodrop', 'and', 'or', 'not', 'in', 'asc', 'desc', 'auto', 'on', 'field', 'regex', 'multi', 'from', 'where', 'keepempty', 'row', 'column', 'true', 'false', 'null']);
const OPERATORS = new Set(['parse', 'json', 'where', 'if', 'fields', 'count', 'sum', 'avg', 'min', 'max', 'pct', 'count_distinct', 'first', 'last', 'timeslice', 'transpose', 'sort', 'order', 'top', 'limit', 'csv', 'kv', 'keyvalue', 'extract', 'stddev', 'median', 'group', 'total', 'accum', 'most_recent', 'least_recent', 'values']);

export const pipeLanguage: StreamParser<State> = {
  name: 'pipe',
  startState: () => ({ isScope: true, isStart: false }),
  copyState: (state) => ({ ...state }),
  languageData: { commentTokens: { line: '//', block: { open: '/*', close: '*/' } }, closeBrackets: { brackets: ['(', '[', '"'] } },
  token(stream, state) {
    if (stream.eatSpace()) return null;
    // The address of a table, `path://"shared/owners"`, in which two slashes begin no comment.
    if (stream.match(/^[A-Za-z]+:\/\/(?:"(?:\\.|[^"\\])*"?|[\w./-]*)/)) return ended(state, 'string');
    if (stream.match('//')) {
      stream.skipToEnd();
      return 'comment';
    }
    if (stream.match(/^\/\*.*?\*\//)) return 'comment';
    if (stream.match(/^%?"(?:\\.|[^"\\])*"?/)) return ended(state, 'string');
    if (stream.eat('|')) {
      state.isScope = false;
      state.isStart = true;
      return 'punctuation';
    }
    if (stream.match(/^\{\{[^}]*\}\}/)) return ended(state, 'variableName');
    if (stream.match(/^-?\d+(?:\.\d+)?(?:ms|[smhdwb])?(?![\w.])/)) return ended(state, 'number');
    if (state.isScope && stream.match(/^_?[A-Za-z][\w.]*(?=\s*!?=)/)) return 'propertyName';
    const word = stream.match(/^[A-Za-z_][\w.]*/) as RegExpMatchArray | null;
    if (word) return ofWord(word[0].toLowerCase(), stream.match(/^\s*\(/, false) !== null, state);
    stream.next();
    return null;
  },
};

function ended(state: State, style: string): string {
  state.isStart = false;
  return style;
}

function ofWord(word: string, isCall: boolean, state: State): string | null {
  if (state.isScope) return /^(and|or|not)$/.test(word) ? 'keyword' : word.startsWith('_') ? 'propertyName' : null;
  const isStart = state.isStart;
  state.isStart = false;
  if (OPERATORS.has(word) && (isStart || isCall)) return 'keyword';
  if (WORDS.has(word)) return 'keyword';
  return isCall ? 'function' : isStart && OPERATORS.has(word) ? 'keyword' : 'propertyName';
}

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--syn-operator)', fontWeight: '500' },
  { tag: tags.function(tags.variableName), color: 'var(--syn-function)' },
  { tag: tags.propertyName, color: 'var(--syn-field)' },
  { tag: tags.variableName, color: 'var(--syn-field)' },
  { tag: tags.string, color: 'var(--syn-string)' },
  { tag: tags.number, color: 'var(--syn-number)' },
  { tag: tags.punctuation, color: 'var(--syn-pipe)' },
  { tag: tags.comment, color: 'var(--syn-comment)', fontStyle: 'italic' },
]);

export const pipe = StreamLanguage.define({ ...pipeLanguage, tokenTable: { function: tags.function(tags.variableName) } });
export const colouring = syntaxHighlighting(colours);
