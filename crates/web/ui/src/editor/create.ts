// The query editor: CodeMirror with the pipe language, completion and underlined mistakes. Loaded after first paint.
import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { forEachDiagnostic, setDiagnostics } from '@codemirror/lint';
import { EditorState, Prec } from '@codemirror/state';
import { drawSelection, EditorView, keymap, lineNumbers, placeholder } from '@codemirror/view';
import type { Diagnostic } from '../lib/api';
import type { Resolved } from '../lib/time';
import { completion } from './complete';
import { diagnose, marks } from './diagnose';
import { pipe } from './language';
import { look } from './look';

export interface QueryEditorHandle {
  setText(text: string): void;
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
}

export function createEditor(parent: HTMLElement, text: string, options: Options): QueryEditorHandle {
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
        pipe,
        autocompletion({ override: [completion(options.range)], icons: false, activateOnTyping: true }),
        diagnose(options.onmistakes),
        keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        placeholder('Words to find, then | operators. Example: error | count by function'),
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
