// What can be done with a value of a field, wherever it is shown.
import type { Column } from '../lib/columns';
import type { MenuItem } from '../shell/Menu.svelte';

export interface ValueActions {
  /** Shows only events with the value, or only those without it. */
  filter: (field: string, value: string, isNot: boolean) => void;
  /** Drops the other filters on the field. */
  only: (field: string, value: string) => void;
  countBy: (field: string) => void;
  addColumn: (field: Column) => void;
}

const SHORT = 30;

export function valueItems(field: string, value: string, actions: ValueActions): MenuItem[] {
  const short = value.length > SHORT ? `${value.slice(0, SHORT)}…` : value;
  return [
    { icon: 'plus', text: 'Filter for', code: short, key: 'Enter', run: () => actions.filter(field, value, false) },
    { icon: 'minus', text: 'Filter out', key: 'x', run: () => actions.filter(field, value, true) },
    { icon: 'filter', text: 'Only this', key: 'f', run: () => actions.only(field, value) },
    { icon: 'columns', text: 'Add column', key: 'c', isApart: true, run: () => actions.addColumn(field) },
    { icon: 'column', text: `Count by ${field}`, key: 'g', run: () => actions.countBy(field) },
    { icon: 'copy', text: 'Copy value', key: 'y', run: () => void navigator.clipboard.writeText(value) },
  ];
}
