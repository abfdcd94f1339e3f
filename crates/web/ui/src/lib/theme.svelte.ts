// Light, dark, or what the system says. The choice is kept in this browser.

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'nephoscope.theme';

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
}

export const theme = $state({ choice: 'system' as Theme });

export function applyTheme(choice: Theme = stored()): void {
  theme.choice = choice;
  if (choice === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    /* private mode: the choice lasts as long as the page */
  }
}

export function isDark(): boolean {
  return theme.choice === 'dark' || (theme.choice === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
}
