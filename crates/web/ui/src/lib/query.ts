// Small changes to the text of a query: adding a filter, and finding which words it searches for.

/** Event columns which the scope (the part before the first pipe) can filter. */
const SCOPE_FIELDS = new Set(['_sourcecategory', '_sourcehost', '_sourcename', '_source', '_collector', 'provider', 'account', 'region', 'function', 'version', 'instance', 'request_id', 'level']);

/** The place of the first pipe outside quotes, or the length of the text. */
export function scopeEnd(query: string): number {
  let isQuoted = false;
  for (let i = 0; i < query.length; i += 1) {
    const c = query[i];
    if (c === '\\') i += 1;
    else if (c === '"') isQuoted = !isQuoted;
    else if (c === '|' && !isQuoted) return i;
  }
  return query.length;
}

export function quote(value: string): string {
  return `"${value.replace(/\\/g, '\\\\').replace(/"/g, '\\"')}"`;
}

/** Adds a condition on a field; `isNot` excludes the value. */
export function withFilter(query: string, field: string, value: string, isNot: boolean): string {
  const end = scopeEnd(query);
  const scope = query.slice(0, end).trim();
  const rest = query.slice(end);
  if (SCOPE_FIELDS.has(field.toLowerCase())) {
    const plain = /^[\w./:@-]+$/.test(value) ? value : quote(value);
    const condition = `${isNot ? '!' : ''}${field}=${plain}`;
    const needsParentheses = /\bor\b/i.test(scope);
    const first = scope === '' || scope === '*' ? '' : `${needsParentheses ? `(${scope})` : scope} `;
    return `${first}${condition}${rest ? `\n${rest}` : ''}`.replace(/\n\n+/g, '\n');
  }
  const name = /^[A-Za-z_]\w*$/.test(field) ? field : `%${quote(field)}`;
  const where = `| where ${name} ${isNot ? '!=' : '='} ${quote(value)}`;
  return [scope || '*', where, rest.trim()].filter(Boolean).join('\n');
}

/** The words and phrases of the scope, to be marked in messages. */
export function keywords(query: string): string[] {
  const scope = query.slice(0, scopeEnd(query)).replace(/\/\/.*$/gm, '');
  const words: string[] = [];
  const token = /(!\s*|\bnot\s+)?(?:([\w.]+)\s*(?:!=|=)\s*)?("(?:\\.|[^"\\])*"|[^\s()"|=]+)/gi;
  for (const match of scope.matchAll(token)) {
    const text = match[3]!;
    if (match[1] || match[2] || /^(and|or|not)$/i.test(text)) continue;
    const bare = text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text.replace(/\*/g, ' ');
    for (const part of bare.split(text.startsWith('"') ? '\0' : ' ')) if (part.trim().length > 1) words.push(part.trim());
  }
  return words;
}

/** Cuts a text at the marked words, ignoring case. */
export function markWords(text: string, words: string[]): { text: string; isHit: boolean }[] {
  if (!words.length) return [{ text, isHit: false }];
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).sort((a, b) => b.length - a.length);
  return text
    .split(new RegExp(`(${escaped.join('|')})`, 'gi'))
    .map((part, i) => ({ text: part, isHit: i % 2 === 1 }))
    .filter((part) => part.text);
}
