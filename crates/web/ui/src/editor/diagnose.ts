// Underlines what the server finds wrong with the query, with a fix where it knows one.
import { linter, type Action, type Diagnostic as Mark } from '@codemirror/lint';
import type { EditorView } from '@codemirror/view';
import { checkQuery, type Diagnostic } from '../lib/api';
import type { Mode } from '../lib/url';

/** Byte offsets of UTF-8 to offsets in the text. */
export function offsetOf(text: string, byte: number): number {
  let bytes = 0;
  let index = 0;
  for (const character of text) {
    if (bytes >= byte) break;
    const code = character.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    index += character.length;
  }
  return index;
}

export function diagnose(onmistakes: (mistakes: Diagnostic[]) => void, mode: () => Mode) {
  return linter(
    async (view) => {
      const text = view.state.doc.toString();
      try {
        const mistakes = text.trim() ? await checkQuery(text, mode()) : [];
        onmistakes(mistakes);
        return marks(text, mistakes);
      } catch {
        return [];
      }
    },
    { delay: 350 },
  );
}

export function marks(text: string, mistakes: Diagnostic[]): Mark[] {
  return mistakes.map((mistake) => {
    const start = offsetOf(text, mistake.start ?? mistake.span?.start ?? 0);
    const end = offsetOf(text, mistake.end ?? mistake.span?.end ?? 0);
    // A mistake at the end of the text has no length, but must be seen.
    const from = Math.min(start, Math.max(0, text.length - 1));
    const to = Math.min(text.length, Math.max(end, from + 1));
    return {
      from,
      to,
      severity: mistake.severity.toLowerCase() === 'warning' ? 'warning' : 'error',
      message: mistake.expected ? `${mistake.message}, expected ${mistake.expected}` : mistake.message,
      actions: mistake.suggestion ? [fix(mistake.suggestion)] : [],
    };
  });
}

function fix(suggestion: string): Action {
  return {
    name: `Use ${suggestion}`,
    apply: (view: EditorView, from: number, to: number) => view.dispatch({ changes: { from, to, insert: suggestion } }),
  };
}
