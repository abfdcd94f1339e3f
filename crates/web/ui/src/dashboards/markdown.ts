// The little Markdown that text panels are written in, as a tree; nothing of it becomes HTML by itself.
export type Inline = { kind: 'text' | 'strong' | 'em' | 'code'; text: string } | { kind: 'link'; text: string; href: string };
export type Block = { kind: 'heading' | 'paragraph'; inlines: Inline[] } | { kind: 'list'; items: Inline[][] };

const INLINE = /\*\*([^*]+)\*\*|\*([^*]+)\*|`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)/g;

export function inlines(text: string): Inline[] {
  const found: Inline[] = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > end) found.push({ kind: 'text', text: text.slice(end, match.index) });
    end = match.index + match[0].length;
    if (match[1] !== undefined) found.push({ kind: 'strong', text: match[1] });
    else if (match[2] !== undefined) found.push({ kind: 'em', text: match[2] });
    else if (match[3] !== undefined) found.push({ kind: 'code', text: match[3] });
    // Only addresses that lead somewhere: no scripts.
    else if (/^(https?:\/\/|\/)/.test(match[5]!)) found.push({ kind: 'link', text: match[4]!, href: match[5]! });
    else found.push({ kind: 'text', text: match[0] });
  }
  if (end < text.length) found.push({ kind: 'text', text: text.slice(end) });
  return found;
}

export function blocks(text: string): Block[] {
  const found: Block[] = [];
  for (const part of text.trim().split(/\n\s*\n/)) {
    const lines = part.split('\n').map((line) => line.trim()).filter(Boolean);
    if (!lines.length) continue;
    if (lines.every((line) => /^[-*] /.test(line))) found.push({ kind: 'list', items: lines.map((line) => inlines(line.slice(2))) });
    else if (/^#+ /.test(lines[0]!)) {
      found.push({ kind: 'heading', inlines: inlines(lines[0]!.replace(/^#+ /, '')) });
      if (lines.length > 1) found.push({ kind: 'paragraph', inlines: inlines(lines.slice(1).join(' ')) });
    } else found.push({ kind: 'paragraph', inlines: inlines(lines.join(' ')) });
  }
  return found;
}
