// Colours that stay with their names on a page.
import { OTHERS } from './shape';

const SLOTS = 9;
const STATES: Record<string, string> = {
  FATAL: 'var(--fatal-fill)',
  'OUT OF MEMORY': 'var(--fatal-fill)',
  ERROR: 'var(--error-fill)',
  TIMEOUT: 'var(--warn-fill)',
  WARN: 'var(--warn-fill)',
  WARNING: 'var(--warn-fill)',
  THROTTLED: 'var(--missing-fill)',
  INFO: 'var(--info-fill)',
  DEBUG: 'var(--debug-fill)',
  TRACE: 'var(--debug-fill)',
  OK: 'var(--info-fill)',
  'NO LEVEL': 'var(--debug-fill)',
  SUCCEEDED: 'var(--info-fill)',
  FAILED: 'var(--error-fill)',
  '–': 'var(--s10)',
};
/** The three clouds are on many pages; they look alike on all of them. */
const FIXED: Record<string, number> = { AWS: 0, GCP: 1, Azure: 2 };

function hash(name: string): number {
  let sum = 7;
  for (let i = 0; i < name.length; i += 1) sum = (sum * 31 + name.charCodeAt(i)) >>> 0;
  return sum;
}

/** The colours of measures, which are few and have an order. */
export function measureColours(names: string[]): Map<string, string> {
  return new Map(names.map((name, i) => [name, STATES[name.toUpperCase()] ?? `var(--s${(i % SLOTS) + 1})`]));
}

export class Palette {
  #slots = new Map<string, number>();

  /** The colours of the names of one chart: those of the page, unless two would be alike here. */
  of(names: string[]): Map<string, string> {
    const here = new Set<number>();
    const colours = new Map<string, string>();
    for (const name of names) {
      const state = STATES[name.toUpperCase()];
      if (state || OTHERS.test(name)) {
        colours.set(name, state ?? 'var(--s10)');
        continue;
      }
      let slot = this.#slot(name);
      for (let tries = 0; here.has(slot) && tries < SLOTS; tries += 1) slot = (slot + 1) % SLOTS;
      here.add(slot);
      colours.set(name, `var(--s${slot + 1})`);
    }
    return colours;
  }

  #slot(name: string): number {
    const known = this.#slots.get(name) ?? FIXED[name];
    if (known !== undefined) return known;
    const used = new Set(this.#slots.values());
    let slot = hash(name) % SLOTS;
    for (let tries = 0; used.has(slot) && tries < SLOTS; tries += 1) slot = (slot + 1) % SLOTS;
    this.#slots.set(name, slot);
    return slot;
  }
}
