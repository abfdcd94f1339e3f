import { describe, expect, it } from 'vitest';
import { below, closeGaps, onGrid, overlap, place, step, type At, type Placed } from './layout';

const panels = (...all: At[]): Placed[] => all.map((at, i) => ({ id: 'abcdef'[i]!, at }));
const places = (all: Placed[]) => all.map(({ at }) => at.join(' '));

describe('places on the grid', () => {
  it('stay on it', () => {
    expect(onGrid([-2, -1, 20, 0])).toEqual([0, 0, 12, 2]);
    expect(onGrid([10, 3.4, 6, 4])).toEqual([6, 3, 6, 4]);
  });

  it('what is in the way goes down, and nothing else moves', () => {
    const before = panels([0, 0, 6, 4], [6, 0, 6, 4], [0, 4, 12, 4]);
    expect(places(place(before, 'a', [6, 0, 6, 4]))).toEqual(['6 0 6 4', '6 4 6 4', '0 8 12 4']);
    expect(places(place(before, 'a', [0, 0, 4, 4]))).toEqual(['0 0 4 4', '6 0 6 4', '0 4 12 4']);
  });

  it('a panel that grows pushes', () => {
    expect(places(place(panels([0, 0, 6, 4], [0, 4, 6, 4]), 'a', [0, 0, 6, 5]))).toEqual(['0 0 6 5', '0 5 6 4']);
  });

  it('never lie on each other, whatever is moved where', () => {
    let all = panels([0, 0, 4, 3], [4, 0, 8, 5], [0, 3, 4, 6], [4, 5, 4, 4], [8, 5, 4, 2], [0, 9, 12, 3]);
    for (let n = 0; n < 500; n += 1) {
      const one = all[n % all.length]!;
      all = place(all, one.id, [(n * 7) % 13, (n * 5) % 17, 1 + ((n * 11) % 12), 2 + ((n * 3) % 7)]);
      for (const a of all) for (const b of all) expect(a.id !== b.id && overlap(a.at, b.at)).toBe(false);
    }
  });

  it('keys change places with the panel above and below', () => {
    const before = panels([0, 0, 6, 4], [0, 4, 6, 3]);
    expect(places(step(before, 'a', 0, 1))).toEqual(['0 3 6 4', '0 0 6 3']);
    expect(places(step(before, 'b', 0, -1))).toEqual(['0 3 6 4', '0 0 6 3']);
    expect(places(step(before, 'a', 1, 0))).toEqual(['1 0 6 4', '0 4 6 3']);
    expect(step(before, 'a', -1, 0)).toBe(before);
    expect(step(before, 'b', 0, 1)).toBe(before);
  });

  it('gaps close', () => {
    const left = closeGaps(panels([0, 2, 6, 4], [6, 9, 6, 4]));
    expect(places(left)).toEqual(['0 0 6 4', '6 0 6 4']);
    expect(below(left)).toBe(4);
    expect(below([])).toBe(0);
  });
});
