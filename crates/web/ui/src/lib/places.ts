// Which page a path of the address names.

export type Page = 'home' | 'search' | 'dashboards' | 'alerts' | 'welcome' | 'sources' | 'lookups' | 'help' | 'unknown';

export interface Place {
  page: Page;
  /** `<app>/<name>` of a dashboard, or the id of an alert; null for their lists and all else. */
  id: string | null;
}

const PAGES: Record<string, Page> = { '/': 'home', '/search': 'search', '/dashboards': 'dashboards', '/alerts': 'alerts', '/welcome': 'welcome', '/sources': 'sources', '/lookup-tables': 'lookups', '/help': 'help' };

/** A slash at the end means nothing; a path that names no page is `unknown`. */
export function placeOf(path: string): Place {
  const bare = path.replace(/(?<=.)\/+$/, '');
  if (Object.hasOwn(PAGES, bare)) return { page: PAGES[bare]!, id: null };
  const dashboard = /^\/dashboards\/([^/]+\/[^/]+)$/.exec(bare);
  if (dashboard) return { page: 'dashboards', id: dashboard[1]! };
  const alert = /^\/alerts\/([^/]+)$/.exec(bare);
  const id = alert && decoded(alert[1]!);
  return id ? { page: 'alerts', id } : { page: 'unknown', id: null };
}

/** null when the escapes are damaged. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
