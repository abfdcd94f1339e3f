// Every key, by where it works, for the page of help.
const COMMAND = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl';
const OPTION = COMMAND === '⌘' ? '⌥' : 'Alt';

type Keys = [keys: string[], what: string][];

const SEARCH: Keys = [
  [[COMMAND, '↵'], 'Run the query'],
  [['/'], 'Go to the query'],
  [['t'], 'Choose the time range'],
  [['[', ']'], 'Earlier, later by half the range'],
  [['+', '-'], 'Half, twice the range'],
  [['j', 'k'], 'Next, previous message'],
  [['o', '↵'], 'Open or close the message'],
  [['w'], 'Wrap long messages'],
  [['b'], 'Show or hide the fields'],
  [[OPTION, '↵'], 'Apply the fix of a mistake, in the query'],
  [[`${OPTION} click`], 'Filter a value out'],
  [['Space', '!', 'p', '⌫'], 'On a filter: switch off, turn round, pin, remove'],
  [['Esc'], 'Cancel the search, close what is open'],
];

const EVERYWHERE: Keys = [
  [['g', 's'], 'Go to search; after g, d leads to dashboards, a to alerts, i to getting data in, o to sources, l to lookup tables, h to help'],
  [['?'], 'This list'],
];

const DASHBOARD: Keys = [
  [['t'], 'Choose the time range'],
  [['r'], 'Refresh'],
  [['[', ']'], 'Earlier, later by half the range'],
  [['+', '-'], 'Half, twice the range'],
  [['←', '→'], 'In a chart: move the crosshair'],
  [['↵'], 'In a chart: what can be done with this point'],
  [['f', 'v'], 'In a panel: full size, as a table'],
  [['e'], 'Edit the dashboard'],
  [['Esc'], 'Back to the dashboard, all series again'],
];

const EDITED: Keys = [
  [['←', '→', '↑', '↓'], 'Move the panel'],
  [['Shift', '←', '→', '↑', '↓'], 'Resize the panel'],
  [['↵'], 'Edit the panel'],
  [['c'], 'Copy the panel'],
  [['Delete'], 'Remove the panel'],
  [[COMMAND, 'z'], 'Undo; with Shift, do again'],
  [[COMMAND, 's'], 'Save'],
];

export const KEYS: [where: string, keys: Keys][] = [
  ['Everywhere', EVERYWHERE],
  ['Search', SEARCH],
  ['Dashboard', DASHBOARD],
  ['Dashboard that is edited', EDITED],
];
