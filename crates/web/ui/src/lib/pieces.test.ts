import { describe, expect, it } from 'vitest';
import { pieces, withoutColours } from './pieces';

describe('a text with marked words', () => {
  it('is cut at them', () => expect(pieces('An ERROR.', ['error'])).toEqual([{ text: 'An ', isHit: false }, { text: 'ERROR', isHit: true }, { text: '.', isHit: false }]));
  it('loses nothing', () => expect(pieces('aXbxc', ['x', '.']).map((piece) => piece.text).join('')).toBe('aXbxc'));
});

describe('a text for a terminal', () => {
  const text = '\u001b[1;31mbad\u001b[0m fine \u001b[90mold\u001b[39;2K \u001b[2Jend';
  it('keeps its colours', () =>
    expect(pieces(text, [])).toEqual([
      { text: 'bad', isHit: false, colour: 'var(--error)', isBold: true },
      { text: ' fine ', isHit: false },
      { text: 'old', isHit: false, colour: 'var(--text-3)' },
      { text: ' ', isHit: false, colour: 'var(--text-3)' },
      { text: 'end', isHit: false, colour: 'var(--text-3)' },
    ]));
  it('can do without', () => expect(withoutColours(text)).toBe('bad fine old end'));
});
