// The name of whoever sits here, as they have given it last; it is asked for when something is done in somebody's name.
const KEY = 'nephoscope.name';

export function storedName(): string {
  try {
    return localStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

export function storeName(name: string): void {
  try {
    localStorage.setItem(KEY, name);
  } catch {
    /* asked for again next time */
  }
}
