// The time zone in which the whole page writes and reads times. A range in the address is UTC whatever the zone.

export const UTC = 'UTC';
const KEY = 'nephoscope.zone';
/** Zones change their offset at such borders only, in milliseconds. */
const BORDER = 900_000;
/** Remembered offsets; a page of messages needs a handful. */
const OFFSETS_MAX = 5000;

/** The zone of the address, or the one that was chosen last in this browser. */
export const zone = $state({ name: stored() });

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

function stored(): string {
  try {
    const name = localStorage.getItem(KEY) ?? UTC;
    return isZone(name) ? name : UTC;
  } catch {
    return UTC;
  }
}

export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return name !== '';
  } catch {
    return false;
  }
}

export const localZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || UTC;

/** Takes a zone from an address; `remember` when a person chose it. */
export function setZone(name: string | null, remember = false): void {
  zone.name = name && isZone(name) ? name : name === null ? stored() : UTC;
  if (!remember) return;
  try {
    localStorage.setItem(KEY, zone.name);
  } catch {
    /* private mode: the choice lasts as long as the page */
  }
}

/** All zones that the browser knows, UTC first. */
export function zones(): string[] {
  const all = typeof Intl.supportedValuesOf === 'function' ? Intl.supportedValuesOf('timeZone') : [];
  return [UTC, ...all.filter((name) => name !== UTC)];
}

/** How far the zone's clocks are ahead of UTC at a moment, in milliseconds. */
export function offsetAt(ms: number, name: string = zone.name): number {
  if (name === UTC || !Number.isFinite(ms)) return 0;
  const border = Math.floor(ms / BORDER);
  const key = `${name}|${border}`;
  let offset = offsets.get(key);
  if (offset === undefined) {
    offset = measure(border * BORDER, name);
    if (offsets.size >= OFFSETS_MAX) offsets.clear();
    offsets.set(key, offset);
  }
  return offset;
}

function measure(ms: number, name: string): number {
  let format = formats.get(name);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', { timeZone: name, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' });
    formats.set(name, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(ms)) part[type] = Number(value);
  return Date.UTC(part.year!, part.month! - 1, part.day!, part.hour!, part.minute!, part.second!) - ms;
}

/** The moment at which the zone's clocks show what `wall` shows in UTC. */
export function fromWall(wall: number, name: string = zone.name): number {
  const guess = wall - offsetAt(wall, name);
  return wall - offsetAt(guess, name);
}

/** The short word that stands behind times: `UTC`, `GMT+1`, `CET`. */
export function zoneWord(ms: number = Date.now(), name: string = zone.name): string {
  if (name === UTC || !Number.isFinite(ms)) return name;
  const word = new Intl.DateTimeFormat('en-GB', { timeZone: name, timeZoneName: 'short' }).formatToParts(ms).find((part) => part.type === 'timeZoneName')?.value;
  return word ?? name;
}
