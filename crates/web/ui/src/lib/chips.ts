// Filters beside the text of a query: they can be switched off, negated and pinned, and live in the address.

export interface Chip {
  field: string;
  value: string;
  isNot: boolean;
  /** Kept, but not part of the query for now. */
  isOff: boolean;
  /** Stays when another query is opened. */
  isPinned: boolean;
}

/** What the server is asked to apply. */
export interface Filter {
  field: string;
  value: string;
  negated: boolean;
}

const FLAGS = { isNot: '!', isOff: '-', isPinned: '*' } as const;
const escaped = (sign: string) => `%${sign.charCodeAt(0).toString(16).padStart(2, '0')}`;

/** `*!level:DEBUG`; signs in front of the field say not, off, pinned. */
export function encodeChip(chip: Chip): string {
  const flags = (chip.isPinned ? FLAGS.isPinned : '') + (chip.isOff ? FLAGS.isOff : '') + (chip.isNot ? FLAGS.isNot : '');
  const field = chip.field.replace(/[%:]|^[!*-]/g, escaped);
  return `${flags}${field}:${chip.value}`;
}

/** null when the text is none. */
export function decodeChip(text: string): Chip | null {
  const match = /^([!*-]*)([^:!*-][^:]*):([\s\S]*)$/.exec(text);
  if (!match) return null;
  const flags = match[1]!;
  try {
    return { field: decodeURIComponent(match[2]!), value: match[3]!, isNot: flags.includes(FLAGS.isNot), isOff: flags.includes(FLAGS.isOff), isPinned: flags.includes(FLAGS.isPinned) };
  } catch {
    return null;
  }
}

const isSame = (chip: Chip, field: string, value: string) => chip.field.toLowerCase() === field.toLowerCase() && chip.value === value;

export const find = (chips: Chip[], field: string, value: string): Chip | undefined => chips.find((chip) => isSame(chip, field, value));

/** Adds a filter, or turns the one on the same value on and round. */
export function withChip(chips: Chip[], field: string, value: string, isNot: boolean): Chip[] {
  const known = find(chips, field, value);
  if (!known) return [...chips, { field, value, isNot, isOff: false, isPinned: false }];
  return chips.map((chip) => (chip === known ? { ...chip, isNot, isOff: false } : chip));
}

/** Leaves no other filter on the field. */
export function onlyChip(chips: Chip[], field: string, value: string): Chip[] {
  return withChip(
    chips.filter((chip) => chip.field.toLowerCase() !== field.toLowerCase() || chip.value === value),
    field,
    value,
    false,
  );
}

export const changeChip = (chips: Chip[], chip: Chip, change: Partial<Chip>): Chip[] => chips.map((other) => (other === chip ? { ...other, ...change } : other));
export const withoutChip = (chips: Chip[], chip: Chip): Chip[] => chips.filter((other) => other !== chip);

export function filters(chips: Chip[]): Filter[] {
  return chips.filter((chip) => !chip.isOff).map(({ field, value, isNot }) => ({ field, value, negated: isNot }));
}

/** Whether the filters let a value of a field pass: several values of one field are alternatives. */
export function passes(chips: Chip[], field: string, value: string): boolean {
  const own = chips.filter((chip) => !chip.isOff && chip.field.toLowerCase() === field.toLowerCase());
  if (own.some((chip) => chip.isNot && chip.value === value)) return false;
  const wanted = own.filter((chip) => !chip.isNot);
  return !wanted.length || wanted.some((chip) => chip.value === value);
}

/** What a tick beside a value changes: it lets a value pass that did not, and the other way round. */
export function toggled(chips: Chip[], field: string, value: string): Chip[] {
  const known = find(chips, field, value);
  if (!passes(chips, field, value)) return known?.isNot && !known.isOff ? withoutChip(chips, known) : withChip(chips, field, value, false);
  const wanted = chips.filter((chip) => !chip.isOff && !chip.isNot && chip.field.toLowerCase() === field.toLowerCase());
  // Of several alternatives one goes; a value that passes without being named, or alone, is excluded.
  return known && wanted.includes(known) && wanted.length > 1 ? withoutChip(chips, known) : withChip(chips, field, value, true);
}
