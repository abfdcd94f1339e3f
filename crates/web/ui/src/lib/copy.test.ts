import { describe, expect, it } from 'vitest';
import { curl } from './copy';

describe('a search as a request', () => {
  it('survives a shell', () => {
    const text = curl('http://localhost:8470', { mode: 'sql', query: "SELECT 'it''s'", filters: [{ field: 'level', value: 'ERROR', negated: true }], from: 1.2, to: 2, zone: 'UTC' });
    expect(text).toBe(
      `curl -X POST http://localhost:8470/api/v1/search/jobs -H 'Content-Type: application/json' -d '{"query":"SELECT '\\''it'\\'''\\''s'\\''","from":1,"to":2,"timeZone":"UTC","autoParsingMode":"AutoParse","language":"sql","filters":[{"field":"level","value":"ERROR","negated":true}]}'`,
    );
  });
});
