import { StringStream } from '@codemirror/language';
import { describe, expect, it } from 'vitest';
import { marks, offsetOf } from './diagnose';
import { pipeLanguage } from './language';

describe('marks of mistakes', () => {
  it('turn bytes into places of the text', () => expect(['aü🙂b'].map((text) => [0, 1, 3, 7].map((byte) => offsetOf(text, byte)))).toEqual([[0, 1, 2, 4]]));
  it('are visible at the end of the text', () => expect(marks('abc', [{ severity: 'error', message: 'm', start: 3, end: 3 }])[0]).toMatchObject({ from: 2, to: 3 }));
});

/** The pieces of a line that are coloured alike, as `style:text`. */
function coloured(line: string): string[] {
  const stream = new StringStream(line, 2, 2);
  const state = pipeLanguage.startState!(2);
  const pieces: string[] = [];
  while (!stream.eol()) {
    const style = pipeLanguage.token(stream, state);
    if (style) pieces.push(`${style}:${stream.current()}`);
    stream.start = stream.pos;
  }
  return pieces;
}

describe('colours', () => {
  it('take the slashes of an address for no comment', () => {
    expect(coloured('| lookup team from path://"shared/owners" on function // why')).toEqual(['punctuation:|', 'propertyName:lookup', 'propertyName:team', 'keyword:from', 'string:path://"shared/owners"', 'keyword:on', 'propertyName:function', 'comment:// why']);
    expect(coloured('| lookup country from geo://location on ip')).toContain('string:geo://location');
  });
});
