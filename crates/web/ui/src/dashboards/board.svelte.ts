// The state of a dashboard's page: its address, its queries and what they found.
import { ApiError } from '../lib/api';
import { decodeAddress, encodeAddress, fetchDashboard, fetchQueries, runQuery, type Choices, type Dashboard, type DashboardAddress, type Filled, type Found, type Panel, type Variable } from '../lib/dashboards';
import { absolute, isRelative, rangeFault, resolve, type Range, type Resolved } from '../lib/time';
import { setZone, UTC, zone } from '../lib/zone.svelte';
import { Draft } from './draft.svelte';
import { Palette } from './palette';

/** Queries that run at once; a browser has six connections to a server. */
const PARALLEL = 4;
/** How long something that was dropped can be brought back. */
const UNDO_MS = 10_000;

/** What one query of a dashboard found; the old result stays until there is a new one. */
export class Answer {
  found = $state.raw<Found | null>(null);
  /** What `found` belongs to. */
  range = $state.raw<Resolved | null>(null);
  query = $state.raw<Filled | null>(null);
  isRunning = $state(false);
  failure = $state<string | null>(null);
  hasMessages = false;
}

interface Task {
  query: Filled;
  answers: Answer[];
  names: string[];
  wantsMessages: boolean;
}

export class Board {
  saved = $state.raw<Dashboard | null>(null);
  /** What is being changed; what is shown while there is one. */
  draft = $state.raw<Draft | null>(null);
  /** What was changed and not kept, for as long as it can be brought back. */
  dropped = $state.raw<Dashboard | null>(null);
  dashboard: Dashboard | null = $derived(this.draft?.current ?? this.saved);
  failure = $state<string | null>(null);
  /** The server knows no dashboard of this id. */
  isMissing = $state(false);
  address = $state.raw<DashboardAddress>(decodeAddress(location.search));
  answers = $state.raw<Record<string, Answer>>({});
  /** Every query with the choices in it. */
  filled = $state.raw<Record<string, Filled>>({});
  /** Queries of the variables, by name. */
  choiceQueries = $state.raw<Record<string, Filled>>({});
  sliceMs = $state(60_000);
  /** The range that is shown now. */
  range = $state.raw<Resolved | null>(null);
  /** The crosshair of all charts over time. */
  cursor = $state<number | null>(null);
  /** What is being brushed, in all charts. */
  brush = $state.raw<Resolved | null>(null);
  /** The series that is looked at alone, in every panel that has it. */
  isolated = $state<string | null>(null);
  isLoading = $state(false);
  updated = $state<number | null>(null);
  readonly palette = new Palette();
  #stop: AbortController | null = null;
  /** How far a panel is from what is seen. */
  distance: (panel: Panel) => number = () => 0;

  typedRange: Range = $derived(this.address.range ?? { from: this.dashboard?.range ?? '-1h', to: 'now' });
  refreshSeconds = $derived(this.address.refresh ?? seconds(this.dashboard?.refresh));

  constructor(readonly id: string) {
    setZone(this.address.zone);
  }

  async open(): Promise<void> {
    try {
      this.saved = await fetchDashboard(this.id);
      if (this.address.isEdited) this.draft = new Draft(this.saved);
    } catch (error) {
      this.isMissing = error instanceof ApiError && error.status === 404;
      this.failure = error instanceof Error ? error.message : String(error);
      return;
    }
    await this.load();
  }

  edit(): void {
    if (!this.saved || this.draft) return;
    this.draft = new Draft(this.saved);
    this.isolated = null;
    this.show({ isEdited: true, panel: null });
    if (this.draft.isChanged) void this.load();
  }

  /** Ends the editing; what was not saved can be brought back for a moment. */
  leave(saved: Dashboard | null): void {
    const wasChanged = this.draft?.isChanged ?? false;
    this.dropped = wasChanged && !saved ? this.draft!.current : null;
    if (this.dropped) setTimeout(() => (this.dropped = null), UNDO_MS);
    this.draft?.drop();
    this.draft = null;
    if (saved) this.saved = saved;
    this.failure = null;
    this.show({ isEdited: false, panel: null });
    if (wasChanged && !saved) void this.load(true);
  }

  /** Goes on with what was dropped. */
  bringBack(): void {
    const { dropped } = this;
    this.dropped = null;
    this.edit();
    if (dropped) this.draft?.change('your changes are back', dropped);
  }

  /** Makes room for what the queries will find; what was found stays. */
  #prepare(dashboard: Dashboard): void {
    const names = new Set([...Object.keys(dashboard.queries), ...dashboard.panels.flatMap((panel) => (panel.compare ? panel.queries.map((name) => `${name}@${panel.compare}`) : []))]);
    if ([...names].every((name) => this.answers[name])) return;
    this.answers = Object.fromEntries([...names].map((name) => [name, this.answers[name] ?? new Answer()]));
  }

  chosen(variable: Variable): string[] {
    const values = this.address.choices[variable.name] ?? variable.default ?? [];
    return values.includes('*') ? [] : values;
  }

  get choices(): Choices {
    return Object.fromEntries((this.dashboard?.variables ?? []).map((variable) => [variable.name, this.chosen(variable)]));
  }

  choose(variable: Variable, values: string[]): void {
    this.go({ choices: { ...this.address.choices, [variable.name]: values } });
  }

  zoom(range: Resolved): void {
    this.brush = null;
    this.cursor = null;
    this.go({ range: absolute(range) });
  }

  /** Changes the address and asks anew. */
  go(change: Partial<DashboardAddress>): void {
    const next = { ...this.address, ...change };
    const isSame = encodeAddress(next) === encodeAddress(this.address);
    this.address = next;
    if (!isSame) history.pushState(null, '', location.pathname + encodeAddress(next));
    void this.load();
  }

  /** Changes the address without asking. */
  show(change: Partial<DashboardAddress>): void {
    this.address = { ...this.address, ...change };
    history.replaceState(null, '', location.pathname + encodeAddress(this.address));
  }

  /** Takes over the address after Back or Forward. */
  restore(): void {
    const before = this.address;
    this.address = decodeAddress(location.search);
    setZone(this.address.zone);
    const asked = ({ range, choices }: DashboardAddress) => JSON.stringify([range, choices]);
    if (asked(before) !== asked(this.address)) void this.load();
  }

  pickZone(name: string): void {
    setZone(name, true);
    this.show({ zone: name === UTC ? null : name });
  }

  /** Whether time moves the range, so that a refresh shows something new. */
  get moves(): boolean {
    return isRelative(this.typedRange);
  }

  /** Asks everything anew, or only what is asked differently than before. */
  async load(isOnlyChanged = false): Promise<void> {
    if (!this.dashboard) return;
    this.close();
    this.#prepare(this.dashboard);
    const range = isOnlyChanged && this.range ? this.range : resolve(this.typedRange, Date.now(), zone.name);
    if (!range) {
      this.failure = rangeFault(this.typedRange, Date.now(), zone.name);
      return;
    }
    const stop = new AbortController();
    this.#stop = stop;
    this.isLoading = true;
    try {
      const filled = await fetchQueries(this.id, range.from, range.to, this.choices, this.draft?.current ?? null, stop.signal);
      if (stop.signal.aborted) return;
      this.filled = filled.queries;
      this.choiceQueries = filled.variables;
      this.sliceMs = filled.sliceMs;
      this.range = range;
      this.failure = null;
      const tasks = this.#tasks(filled.queries).filter((task) => !isOnlyChanged || task.answers.some((answer) => !isAnswered(answer, task)));
      await Promise.all(Array.from({ length: PARALLEL }, () => this.#work(tasks, range, stop.signal)));
      if (!stop.signal.aborted) this.updated = Date.now();
    } catch (error) {
      if (!stop.signal.aborted) this.failure = error instanceof Error ? error.message : String(error);
    } finally {
      if (this.#stop === stop) this.isLoading = false;
    }
  }

  /** Every different query once, those first whose panels are nearest to what is seen. */
  #tasks(queries: Record<string, Filled>): Task[] {
    const panels = this.dashboard?.panels ?? [];
    const uses = new Map<string, Panel[]>();
    for (const panel of panels) {
      const names = [...panel.queries, ...(panel.trend ? [panel.trend] : []), ...(panel.compare ? panel.queries.map((name) => `${name}@${panel.compare}`) : [])];
      for (const name of names) uses.set(name, [...(uses.get(name) ?? []), panel]);
    }
    const tasks = new Map<string, Task & { near: number }>();
    for (const [name, users] of uses) {
      const [query, answer] = [queries[name], this.answers[name]];
      if (!query || !answer) continue;
      const wantsMessages = users.every((panel) => panel.chart === 'logs');
      const key = JSON.stringify([query, wantsMessages]);
      const near = Math.min(...users.map((panel) => this.distance(panel) + (name.includes('@') ? 1 : 0)));
      const task = tasks.get(key);
      if (task) {
        task.answers.push(answer);
        task.names.push(name);
        task.near = Math.min(task.near, near);
      } else tasks.set(key, { query, answers: [answer], names: [name], wantsMessages, near });
    }
    return [...tasks.values()].sort((a, b) => a.near - b.near);
  }

  async #work(tasks: Task[], range: Resolved, signal: AbortSignal): Promise<void> {
    for (let task = tasks.shift(); task && !signal.aborted; task = tasks.shift()) {
      for (const answer of task.answers) answer.isRunning = true;
      let found: Found | null = null;
      let failure: string | null = null;
      try {
        found = await runQuery(task.query, zone.name, task.wantsMessages, signal);
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
      }
      for (const answer of task.answers) {
        answer.isRunning = false;
        if (signal.aborted) continue;
        answer.failure = failure;
        answer.query = task.query;
        if (found) {
          answer.found = found;
          answer.range = range;
          answer.hasMessages = task.wantsMessages;
        }
      }
    }
  }

  /** Ends what runs; what was found stays. */
  close(): void {
    this.#stop?.abort();
    for (const answer of Object.values(this.answers)) answer.isRunning = false;
  }
}

function isAnswered(answer: Answer, { query, wantsMessages }: Task): boolean {
  return answer.failure === null && answer.found !== null && answer.hasMessages === wantsMessages && JSON.stringify(answer.query) === JSON.stringify(query);
}

function seconds(text: string | undefined): number {
  const match = /^(\d+)\s*(s|m|h)$/.exec(text ?? '');
  return match ? Number(match[1]) * { s: 1, m: 60, h: 3600 }[match[2] as 's' | 'm' | 'h'] : 0;
}
