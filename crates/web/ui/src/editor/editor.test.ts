import { describe, expect, it } from 'vitest';
import { marks, offsetOf } from './diagnose';

describe('marks of mistakes', () => {
  it('turn bytes into places of the text', () => expect(['aü🙂b'].map((text) => [0, 1, 3, 7].map((byte) => offsetOf(text, byte)))).toEqual([[0, 1, 2, 4]]));
  it('are visible at the end of the text', () => expect(marks('abc', [{ severity: 'error', message: 'm', start: 3, end: 3 }])[0]).toMatchObject({ from: 2, to: 3 }));
});
