// A text cut into what is drawn alike: the words that were searched, and the colours that a program gave its output.

export interface Piece {
  text: string;
  isHit: boolean;
  /** A token of the theme, or nothing. */
  colour?: string;
  isBold?: boolean;
}

/** What the eight colours of a terminal become; black and white are the text's own. */
const COLOURS: Record<number, string> = { 1: 'var(--error)', 2: 'var(--ok)', 3: 'var(--warn)', 4: 'var(--link)', 5: 'var(--missing)', 6: 'var(--syn-field)' };
const GREY = 'var(--text-3)';
// eslint-disable-next-line no-control-regex
const ESCAPE = /\u001b\[([0-9;:]*)([A-Za-z])/g;

/** The text without what terminals act upon. */
export const withoutColours = (text: string): string => (text.includes('\u001b') ? text.replace(ESCAPE, '') : text);

/** Cuts a text at the marked words, ignoring case, and at changes of colour. */
export function pieces(text: string, words: string[]): Piece[] {
  if (!text.includes('\u001b')) return marked(text, words);
  const result: Piece[] = [];
  let style: Pick<Piece, 'colour' | 'isBold'> = {};
  let from = 0;
  const add = (end: number) => {
    for (const piece of marked(text.slice(from, end), words)) result.push({ ...piece, ...style });
  };
  for (const match of text.matchAll(ESCAPE)) {
    add(match.index);
    from = match.index + match[0].length;
    if (match[2] === 'm') style = restyled(style, match[1]!);
  }
  add(text.length);
  return result;
}

function restyled(style: Pick<Piece, 'colour' | 'isBold'>, codes: string): Pick<Piece, 'colour' | 'isBold'> {
  const next = { ...style };
  for (const code of codes.split(/[;:]/).map(Number)) {
    if (code === 0) {
      delete next.colour;
      delete next.isBold;
    } else if (code === 1) next.isBold = true;
    else if (code === 22) delete next.isBold;
    else if (code === 39) delete next.colour;
    else if (code === 90) next.colour = GREY;
    else if ((code >= 30 && code <= 37) || (code > 90 && code <= 97)) {
      const colour = COLOURS[code % 10];
      if (colour) next.colour = colour;
      else delete next.colour;
    }
  }
  return next;
}

function marked(text: string, words: string[]): Piece[] {
  if (!text) return [];
  if (!words.length) return [{ text, isHit: false }];
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).sort((a, b) => b.length - a.length);
  return text
    .split(new RegExp(`(${escaped.join('|')})`, 'gi'))
    .map((part, i) => ({ text: part, isHit: i % 2 === 1 }))
    .filter((part) => part.text);
}
