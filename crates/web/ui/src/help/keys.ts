// Every key of the search page, for the page of help.
const COMMAND = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl';
const OPTION = COMMAND === '⌘' ? '⌥' : 'Alt';

export const KEYS: [keys: string[], what: string][] = [
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
  [['?'], 'This list'],
];
