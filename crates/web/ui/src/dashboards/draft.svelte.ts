// A dashboard while it is edited: what was changed, step by step, so that each step can be undone. It outlives the
// page in this tab, until it is saved or dropped.
import { contentOf, type ChartKind, type Dashboard, type Panel, type Variable } from '../lib/dashboards';
import { below, closeGaps } from './layout';

const STEPS_MAX = 100;
/** What a new panel asks. */
const FIRST_QUERY = '* | timeslice {{slice}} | count by _timeslice';
const CHARTS_WITH_STACKS: ChartKind[] = ['area', 'column'];

interface Step {
  dashboard: Dashboard;
  /** What was done after it. */
  words: string;
}

export class Draft {
  readonly saved: Dashboard;
  current = $state.raw<Dashboard>() as Dashboard;
  /** Where the panels would be if the pointer let go. */
  preview = $state.raw<Panel[] | null>(null);
  /** What was done last. */
  words = $state('');
  #past = $state.raw<Step[]>([]);
  #future = $state.raw<Step[]>([]);
  /** Which field is being typed into: one step, however many letters. */
  #field: string | null = null;
  canUndo = $derived(this.#past.length > 0);
  canRedo = $derived(this.#future.length > 0);

  constructor(saved: Dashboard) {
    this.saved = saved;
    this.current = this.#kept() ?? saved;
    if (this.current !== saved) this.words = 'your changes of before, not saved yet';
  }

  get isChanged(): boolean {
    return JSON.stringify(contentOf(this.current)) !== JSON.stringify(contentOf(this.saved));
  }

  get #key(): string {
    return `nephoscope.draft.${this.saved.id}`;
  }

  #kept(): Dashboard | null {
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.#key) ?? 'null') as Dashboard | null;
      return kept?.revision === this.saved.revision ? kept : null;
    } catch {
      return null;
    }
  }

  #keep(): void {
    try {
      if (this.isChanged) sessionStorage.setItem(this.#key, JSON.stringify(this.current));
      else sessionStorage.removeItem(this.#key);
    } catch {
      /* a tab without storage: changes live as long as the page */
    }
  }

  /** Forgets what was changed. */
  drop(): void {
    try {
      sessionStorage.removeItem(this.#key);
    } catch {
      /* nothing was kept */
    }
  }

  /** Makes a change, with words for it; changes of the same field after each other are one step. */
  change(words: string, next: Partial<Dashboard>, field: string | null = null): void {
    if (field === null || field !== this.#field) {
      this.#past = [...this.#past.slice(1 - STEPS_MAX), { dashboard: this.current, words }];
      this.#future = [];
    }
    this.#field = field;
    this.current = { ...this.current, ...next };
    this.words = words;
    this.#keep();
  }

  undo(): void {
    const step = this.#past.at(-1);
    if (!step) return;
    this.#past = this.#past.slice(0, -1);
    this.#future = [...this.#future, { dashboard: this.current, words: step.words }];
    this.#go(step.dashboard, `undone: ${step.words}`);
  }

  redo(): void {
    const step = this.#future.at(-1);
    if (!step) return;
    this.#future = this.#future.slice(0, -1);
    this.#past = [...this.#past, { dashboard: this.current, words: step.words }];
    this.#go(step.dashboard, `done again: ${step.words}`);
  }

  #go(dashboard: Dashboard, words: string): void {
    this.#field = null;
    this.current = dashboard;
    this.words = words;
    this.#keep();
  }

  panel(id: string): Panel | undefined {
    return this.current.panels.find((panel) => panel.id === id);
  }

  /** Changes one panel; a key that becomes undefined is left out. */
  changePanel(id: string, words: string, change: Partial<Panel>, field: string | null = null): void {
    const panels = this.current.panels.map((panel) => (panel.id === id ? clean({ ...panel, ...change }) : panel));
    this.change(words, { panels, queries: used(panels, this.current.queries) }, field && `${id} ${field}`);
  }

  /** Draws a panel in another way; what only the old way knows is left out. */
  changeChart(id: string, chart: ChartKind): void {
    const panel = this.panel(id);
    if (!panel || panel.chart === chart) return;
    const isText = chart === 'text';
    const next = clean({
      ...panel,
      chart,
      text: isText ? panel.text || 'Write here.' : undefined,
      columns: chart === 'table' ? panel.columns : undefined,
      stacked: panel.stacked && CHARTS_WITH_STACKS.includes(chart),
      trend: chart === 'single' ? panel.trend : undefined,
      limits: chart === 'gauge' ? panel.limits : undefined,
      queries: isText ? [] : panel.queries,
      rows: isText ? undefined : panel.rows,
      compare: isText ? undefined : panel.compare,
    });
    let { queries } = this.current;
    if (!isText && !next.queries.length) {
      const name = free('query', Object.keys(queries));
      queries = { ...queries, [name]: { language: 'log', text: FIRST_QUERY } };
      next.queries = [name];
    }
    const panels = this.current.panels.map((one) => (one.id === id ? next : one));
    this.change(`${panel.title} is drawn as ${chart}`, { panels, queries: used(panels, queries) });
  }

  /** Adds a variable that offers the functions of the range, if there is none yet, and returns its name. */
  addVariable(): string {
    const taken = [...this.current.variables.map((variable) => variable.name), ...Object.keys(this.current.terms ?? {})];
    const name = free('function', taken);
    this.change('a variable added', { variables: [...this.current.variables, { name, from: 'metadata', multi: true, ...(name === 'function' ? {} : { field: 'function' }) }] });
    return name;
  }

  /** Changes one variable; queries follow its name. A key that becomes undefined is left out. */
  changeVariable(name: string, words: string, change: Partial<Variable>, field: string | null = null): void {
    const next = change.name ?? name;
    const follow = (text: string) => (next === name ? text : renamed(text, name, next));
    const variables = this.current.variables.map((variable) => {
      const changed = variable.name === name ? { ...variable, ...change } : variable;
      return clean({
        ...changed,
        query: changed.query === undefined ? undefined : follow(changed.query),
        within: changed.within?.map((other) => (other === name ? next : other)),
      });
    });
    const queries = Object.fromEntries(Object.entries(this.current.queries).map(([key, query]) => [key, { ...query, text: follow(query.text) }]));
    const terms = this.current.terms && Object.fromEntries(Object.entries(this.current.terms).map(([key, text]) => [key, follow(text)]));
    this.change(`variable ${name} ${words}`, { variables, queries, ...(terms ? { terms } : {}) }, field && `variable ${name} ${field}`);
  }

  /** Where the choices come from; what only the old way knows is left out. */
  changeOrigin(name: string, from: Variable['from']): void {
    const isMetadata = from === 'metadata';
    const variable = this.current.variables.find((one) => one.name === name);
    this.changeVariable(name, 'offers other choices', {
      from,
      table: isMetadata ? variable?.table : undefined,
      within: isMetadata ? variable?.within : undefined,
      query: from === 'query' ? (variable?.query ?? `* | count by ${variable?.field ?? name}`) : undefined,
      language: from === 'query' ? variable?.language : undefined,
      values: from === 'list' ? (variable?.values ?? ['one', 'another']) : undefined,
    });
  }

  removeVariable(name: string): void {
    const variables = this.current.variables.filter((variable) => variable.name !== name);
    this.change(`variable ${name} removed`, { variables: variables.map((variable) => clean({ ...variable, within: without(variable.within, name) })) });
  }

  changeQuery(name: string, change: Partial<Dashboard['queries'][string]>): void {
    const query = this.current.queries[name];
    if (!query) return;
    this.change(`query ${name} changed`, { queries: { ...this.current.queries, [name]: { ...query, ...change } } }, change.text === undefined ? null : `query ${name}`);
  }

  /** Gives a panel a query of its own in place of one that it shares; returns its name. */
  ownQuery(id: string, name: string): string {
    const panel = this.panel(id);
    const query = this.current.queries[name];
    if (!panel || !query) return name;
    const own = free(`${name}_${id}`.replace(/\W/g, '_'), Object.keys(this.current.queries));
    const swap = (other: string | undefined) => (other === name ? own : other);
    const next = clean({ ...panel, queries: panel.queries.map((other) => swap(other)!), trend: swap(panel.trend), rows: swap(panel.rows) });
    this.change(`${panel.title} has its own copy of ${name}`, { panels: this.current.panels.map((one) => (one.id === id ? next : one)), queries: { ...this.current.queries, [own]: query } });
    return own;
  }

  /** Adds a panel below all others and returns its id. */
  add(): string {
    const id = free('panel', this.current.panels.map((panel) => panel.id));
    const name = free('query', Object.keys(this.current.queries));
    const panel: Panel = { id, title: 'New panel', description: 'Events over time.', chart: 'column', at: [0, below(this.current.panels), 6, 6], queries: [name], unit: 'number', stacked: false, reduce: 'last' };
    this.change('a panel added', { panels: [...this.current.panels, panel], queries: { ...this.current.queries, [name]: { language: 'log', text: FIRST_QUERY } } });
    return id;
  }

  /** Adds a panel like this one below all others and returns its id. */
  copy(id: string): string {
    const panel = this.panel(id);
    if (!panel) return id;
    const copied = { ...panel, id: free(id, this.current.panels.map((one) => one.id)), title: `${panel.title}, copy`, at: [panel.at[0], below(this.current.panels), panel.at[2], panel.at[3]] as Panel['at'] };
    this.change(`${panel.title} copied`, { panels: [...this.current.panels, copied] });
    return copied.id;
  }

  remove(id: string): void {
    const panel = this.panel(id);
    if (!panel) return;
    const panels = closeGaps(this.current.panels.filter((one) => one.id !== id));
    this.change(`${panel.title} removed`, { panels, queries: used(panels, this.current.queries) });
  }
}

/** The panels that use a query. */
export const usersOf = (dashboard: Dashboard, name: string) => dashboard.panels.filter((panel) => namesOf(panel).includes(name));

/** The queries of a panel: those it draws, its trend, and the rows behind it. */
export const namesOf = (panel: Panel): string[] => [...new Set([...panel.queries, panel.trend, panel.rows].filter((name) => name !== undefined))];

function used(panels: Panel[], queries: Dashboard['queries']): Dashboard['queries'] {
  const names = new Set(panels.flatMap(namesOf));
  return Object.fromEntries(Object.entries(queries).filter(([name]) => names.has(name)));
}

/** A name that is not taken: the wished one, or with a number behind it. */
function free(wish: string, taken: string[]): string {
  for (let n = 1; ; n += 1) {
    const name = n === 1 && wish !== 'panel' && wish !== 'query' ? wish : `${wish}_${n}`;
    if (!taken.includes(name)) return name;
  }
}

/** The queries and terms that use a variable. */
export const askedWith = (dashboard: Dashboard, name: string): string[] => {
  const texts = [...Object.entries(dashboard.queries).map(([key, { text }]) => [key, text] as const), ...Object.entries(dashboard.terms ?? {})];
  return texts.filter(([, text]) => renamed(text, name, '') !== text).map(([key]) => key);
};

function renamed(text: string, name: string, next: string): string {
  return text.replace(/\{\{(\s*(?:is\s+)?)([^{}\s]+)(\s*)\}\}/g, (whole, before: string, found: string, after: string) => (found === name ? `{{${before}${next}${after}}}` : whole));
}

function without(names: string[] | undefined, name: string): string[] | undefined {
  const others = names?.filter((other) => other !== name);
  return others?.length ? others : undefined;
}

function clean<T extends object>(part: T): T {
  return Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)) as T;
}
