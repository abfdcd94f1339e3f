// Where a line has values: gaps stay gaps.

/** The stretches of values that are known, each from its first index to behind its last. */
export function runs(values: (number | null)[]): [from: number, to: number][] {
  const found: [number, number][] = [];
  values.forEach((value, i) => {
    if (value === null) return;
    const last = found.at(-1);
    if (last?.[1] === i) last[1] = i + 1;
    else found.push([i, i + 1]);
  });
  return found;
}

/** A small circle around the present point of a path: a lone point would be invisible. */
export const DOT = 'm-1.5 0a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0 -3 0';
