// The query editor: CodeMirror with the three languages, completion, help and underlined mistakes. Loaded after first paint.
import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { forceLinting, forEachDiagnostic, setDiagnostics } from '@codemirror/lint';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import { drawSelection, EditorView, keymap, lineNumbers, placeholder } from '@codemirror/view';
import type { Diagnostic } from '../lib/api';
import type { Resolved } from '../lib/time';
import type { Mode } from '../lib/url';
import { completion } from './complete';
import { diagnose, marks } from './diagnose';
import { hover } from './help';
import { colouring, pipe } from './language';
import { look } from './look';
import { sql } from './sql';

export interface QueryEditorHandle {
  setText(text: string): void;
  setMode(mode: Mode): void;
  setMistakes(mistakes: Diagnostic[]): void;
  /** Applies the first fix. */
  fix(): void;
  focus(): void;
  destroy(): void;
}

interface Options {
  onchange(text: string): void;
  onrun(): void;
  onmistakes(mistakes: Diagnostic[]): void;
  range(): Resolved;
  /** A text with placeholders, which only their owner can check. */
  isTemplate?: boolean;
}

const HINTS: Record<Mode, string> = {
  log: 'Words to find, then | operators. Example: error | count by function',
  sql: 'SELECT … FROM events, invocations or samples',
  metrics: 'Dimensions to select, then | operators. Example: metric=* | avg by metric',
};
const languageOf = (mode: Mode) => [mode === 'sql' ? sql : pipe, placeholder(HINTS[mode])];

export function createEditor(parent: HTMLElement, text: string, start: Mode, options: Options): QueryEditorHandle {
  let mode = start;
  const language = new Compartment();
  const run = () => {
    options.onrun();
    return true;
  };
  const view: EditorView = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        Prec.highest(
          keymap.of([
            { key: 'Mod-Enter', run, preventDefault: true },
            { key: 'Alt-Enter', run: applyFirstFix },
            { key: 'Tab', run: acceptCompletion },
          ]),
        ),
        lineNumbers(),
        history(),
        drawSelection(),
        closeBrackets(),
        language.of(languageOf(mode)),
        colouring,
        autocompletion({ override: [completion(options.range, () => mode)], icons: false, activateOnTyping: true }),
        options.isTemplate ? [] : diagnose(options.onmistakes, () => mode),
        hover(() => mode === 'log'),
        keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': 'Query', spellcheck: 'false', autocorrect: 'off', autocapitalize: 'off' }),
        EditorView.updateListener.of((update) => update.docChanged && options.onchange(update.state.doc.toString())),
        look,
      ],
    }),
  });
  return {
    setText(next) {
      if (next === view.state.doc.toString()) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next }, selection: { anchor: next.length } });
    },
    setMode(next) {
      if (next === mode) return;
      mode = next;
      view.dispatch({ effects: language.reconfigure(languageOf(mode)) });
      forceLinting(view);
    },
    setMistakes(mistakes) {
      if (mistakes.length) view.dispatch(setDiagnostics(view.state, marks(view.state.doc.toString(), mistakes)));
    },
    fix: () => void applyFirstFix(view),
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

function applyFirstFix(view: EditorView): boolean {
  let isDone = false;
  forEachDiagnostic(view.state, (mark, from, to) => {
    if (isDone || !mark.actions?.length) return;
    isDone = true;
    mark.actions[0]!.apply(view, from, to);
  });
  return isDone;
}
