// Looking into the text of a query: where its scope ends, and which words it searches for.

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

/** A field as it is written in a query. */
export const fieldName = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) ? name : `%"${name.replace(/[\\"]/g, '\\$&')}"`);

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
