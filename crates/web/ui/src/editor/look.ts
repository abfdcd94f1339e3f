// The editor's looks, all from the design tokens, so that both themes are one.
import { EditorView } from '@codemirror/view';

export const look = EditorView.theme({
  '&': { fontSize: '12.5px', backgroundColor: 'transparent', color: 'var(--text)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '20px', maxHeight: '176px', overflow: 'auto' },
  '.cm-content': { padding: '7px 0', caretColor: 'var(--text)' },
  '.cm-line': { padding: '0 10px' },
  '.cm-cursor': { borderLeftColor: 'var(--text)', borderLeftWidth: '1.5px' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': { backgroundColor: 'var(--selected)' },
  '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--text-3)', border: 'none', borderRight: '1px solid var(--line)', fontSize: '11px', minWidth: '34px', justifyContent: 'flex-end' },
  '.cm-lineNumbers .cm-gutterElement': { padding: '0 8px 0 6px', minWidth: '32px' },
  '.cm-placeholder': { color: 'var(--text-3)' },
  '.cm-tooltip': { backgroundColor: 'var(--raised)', color: 'var(--text)', border: 'none', boxShadow: 'var(--shadow-pop)', borderRadius: 'var(--r-m)', overflow: 'hidden' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: '12px', maxHeight: '280px', padding: '4px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px', borderRadius: 'var(--r-s)', display: 'flex', gap: '16px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--selected)', color: 'var(--text)' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '600' },
  '.cm-completionDetail': { fontFamily: 'var(--font)', fontStyle: 'normal', color: 'var(--text-3)', marginLeft: 'auto', overflow: 'hidden', textOverflow: 'ellipsis' },
  '.cm-completionInfo': { padding: '8px 10px', maxWidth: '420px', fontSize: '12px', lineHeight: '18px' },
  '.completion-help': { maxWidth: '460px', fontSize: '12px', lineHeight: '18px' },
  '.cm-tooltip-hover .completion-help': { padding: '8px 10px' },
  '.completion-help .mono': { fontFamily: 'var(--mono)', color: 'var(--text-2)', marginTop: '4px', whiteSpace: 'pre-wrap' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--error-fill) 1px', textUnderlineOffset: '3px' },
  '.cm-lintRange-warning': { backgroundImage: 'none', textDecoration: 'underline wavy var(--warning-fill) 1px', textUnderlineOffset: '3px' },
  '.cm-diagnostic': { fontFamily: 'var(--font)', fontSize: '12px', padding: '6px 10px', borderLeft: '3px solid var(--error-fill)' },
  '.cm-diagnosticAction': { backgroundColor: 'var(--ink)', color: 'var(--on-ink)', borderRadius: 'var(--r-s)' },
});
