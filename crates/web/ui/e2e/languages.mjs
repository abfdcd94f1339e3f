// The languages of the editor, and the help: SQL, metrics, descriptions with examples that run.
import assert from 'node:assert/strict';
import { accessible, setQuery, settle } from './lib.mjs';

const run = async (page, editor, mode) => {
  await page.keyboard.press('Escape');
  await editor.click();
  await page.keyboard.press('ControlOrMeta+Enter');
  await page.waitForFunction((name) => new URLSearchParams(location.search).get('mode') === name, mode);
  return settle(page);
};

export async function sql(page, editor, theme, step) {
  step('SQL is completed and run');
  await page.getByRole('button', { name: 'SQL', exact: true }).click();
  await setQuery(page, editor, 'SELECT function, count(*) AS n FROM ev');
  await page.locator('.cm-tooltip-autocomplete').getByText('events', { exact: true }).waitFor();
  await setQuery(page, editor, "SELECT level, count(*) AS n FROM events WHERE level <> 'x' GROUP BY level ORDER BY n DESC");
  await run(page, editor, 'sql');
  await page.locator('table tbody tr').first().waitFor();
  await accessible(page, theme, 'SQL');
  step('back to pipe, where the text still is');
  await page.getByRole('button', { name: 'Pipe', exact: true }).click();
  assert.ok(!(await editor.innerText()).includes('SELECT'));
}

export async function explain(page, theme, step) {
  step('what is read and why');
  await page.getByRole('button', { name: 'Explain', exact: true }).click();
  await page.locator('.explain dd').first().waitFor();
  assert.match(page.url(), /tab=explain/);
  await accessible(page, theme, 'the explanation');
  await page.getByRole('button', { name: /^Messages/ }).click();
}

export async function metrics(page, editor, theme, step) {
  step('metrics are drawn');
  await page.getByRole('button', { name: 'Metrics', exact: true }).click();
  await setQuery(page, editor, 'metric=* | sum by metric');
  await run(page, editor, 'metrics');
  await page.locator('.view').waitFor();
  await accessible(page, theme, 'metrics');
  await page.getByRole('button', { name: 'Pipe', exact: true }).click();
}

export async function help(page, editor, base, theme, step) {
  step('help lists the language, and an example runs with a click');
  await page.locator('h1').click();
  await page.keyboard.press('?');
  await page.locator('#keys').waitFor();
  await page.locator('article').nth(5).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.insertText('timeslice');
  await page.locator('#operator-timeslice').waitFor();
  await accessible(page, theme, 'help');
  await page.locator('#operator-timeslice .example a').first().click();
  await editor.waitFor();
  assert.match(await editor.innerText(), /timeslice/);
  await settle(page);
  await page.goBack();
  await page.locator('#operators').waitFor();
}
